#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "control/admin/query.hpp"
#include "control/admin/servers.hpp"
#include "control/admin/tls.hpp"
#include "control/catalog/artifacts.hpp"

// After ours: <resolv.h>, which httplib includes, defines a macro STATUS.
#include <httplib.h>

namespace skerry::admin {
namespace {

using nlohmann::json;

// 1024 functions with 16 versions each take about 2.5 MB.
constexpr std::size_t kMaxAnswerBytes = 8 << 20;
// A region has a row for each function that it holds.
constexpr std::size_t kMaxHeldVersions = kOwnRows * catalog::kMaxVersionsKept;

// A link slower than this is no link for artifacts.
constexpr std::size_t kSlowestBytesPerSecond = 128 << 10;
constexpr std::size_t kWriteBytes = 256 << 10;

}  // namespace

struct ManagementClient::Cancelled {
    std::mutex mutex;
    std::condition_variable changed;
    bool cancelled = false;
};

namespace {

// httplib's timeouts are for one system call; this one is for the whole call, and for cancel().
class Deadline {
  public:
    Deadline(httplib::SSLClient& client, std::uint32_t timeout_ms,
             ManagementClient::Cancelled& shared)
        : shared_(shared), thread_([this, &client, timeout_ms] {
              std::unique_lock lock(shared_.mutex);
              const auto over = [this] { return finished_ || shared_.cancelled; };
              passed_ =
                  !shared_.changed.wait_for(lock, std::chrono::milliseconds(timeout_ms), over);
              while (!finished_) {
                  client.stop();
                  // Again: the connection may have come up after this one was too late.
                  shared_.changed.wait_for(lock, std::chrono::milliseconds(10),
                                           [this] { return finished_; });
              }
          }) {}
    ~Deadline() {
        {
            const std::lock_guard lock(shared_.mutex);
            finished_ = true;
        }
        shared_.changed.notify_all();
        thread_.join();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    bool passed() {
        const std::lock_guard lock(shared_.mutex);
        return passed_;
    }
    bool cancelled() {
        const std::lock_guard lock(shared_.mutex);
        return shared_.cancelled;
    }

  private:
    ManagementClient::Cancelled& shared_;
    bool finished_ = false, passed_ = false;
    std::thread thread_;
};

struct Reply {
    int status = 0;
    std::string body;
};

struct Patience {
    std::uint32_t connect_ms, call_ms;
};

Result<Reply> call(const std::string& address, const Tls& tls, Patience patience,
                   ManagementClient::Cancelled& cancelled, httplib::Request request,
                   std::size_t most_bytes = kMaxAnswerBytes) {
    const std::string doing = request.method + " " + address;
    auto where = split_host_port(address);
    if (!where) return Error{EINVAL, "region's management address: " + where.error().text};
    httplib::SSLClient client(where->host, where->port);
    if (!client.is_valid()) return Error{0, doing + ": TLS could not be set up"};
    // httplib would compare host names too; with its own verification off, the context's counts,
    // and OpenSSL ends the handshake with a peer that is not of our CA.
    client.enable_server_certificate_verification(false);
    if (Status configured = configure_tls(*client.ssl_context(), tls); !configured)
        return configured.error();
    const std::chrono::milliseconds timeout(std::max(patience.call_ms, 2u));
    client.set_connection_timeout(std::chrono::milliseconds(std::max(patience.connect_ms, 1u)));
    client.set_read_timeout(timeout);
    client.set_write_timeout(timeout);
    client.set_follow_location(false);
    client.set_decompress(false);

    Reply reply;
    request.set_header("Host", address);
    request.content_receiver = [&](const char* data, std::size_t length, std::uint64_t,
                                   std::uint64_t) {
        if (reply.body.size() + length > most_bytes) return false;
        reply.body.append(data, length);
        return true;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    Deadline deadline(client, patience.call_ms, cancelled);
    if (deadline.cancelled()) return Error{ECANCELED, doing + ": this server is stopping"};
    if (!client.send(request, response, error)) {
        if (deadline.cancelled()) return Error{ECANCELED, doing + ": this server is stopping"};
        if (deadline.passed())
            return Error{ETIMEDOUT,
                         doing + ": no answer within " + std::to_string(patience.call_ms) + " ms"};
        return Error{error == httplib::Error::Connection ? ECONNREFUSED : EIO,
                     doing + ": " + httplib::to_string(error) +
                         " (is it up, and is its certificate of the same CA?)"};
    }
    reply.status = response.status;
    return reply;
}

// What the region said, as an Error: its code and message if it sent them.
Error region_error(const std::string& address, const Reply& reply) {
    std::string text = "HTTP " + std::to_string(reply.status);
    int code = 0;
    const json body = json::parse(reply.body, nullptr, false);
    if (body.is_object() && body.contains("error") && body["error"].is_object()) {
        const json& inner = body["error"];
        for (const char* key : {"code", "message"})
            if (inner.contains(key) && inner[key].is_string())
                text += ": " + inner[key].get<std::string>().substr(0, 300);
        const json word = inner.value("code", json());
        if (word == "no-such-function" || word == "no-such-artifact") code = ENOENT;
    }
    return Error{code, address + " answered " + text};
}

std::optional<std::uint64_t> from_hex(const json& object, const char* key) {
    if (!object.contains(key) || !object[key].is_string()) return std::nullopt;
    const auto& text = object[key].get_ref<const std::string&>();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// A text with the form that `good` wants; empty: it is none.
template <typename Good>
std::string text_of(const json& object, const char* key, Good good) {
    const auto at = object.find(key);
    if (at == object.end() || !at->is_string()) return {};
    std::string text = at->get<std::string>();
    return good(text) ? text : std::string();
}

bool is_hex(const std::string& text, std::size_t digits) {
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_name(const std::string& text) {
    return static_cast<bool>(catalog::validate_name(text));
}

bool is_digest(const std::string& text) {
    return is_hex(text, 64);
}

std::optional<HeldVersion> held_version(const json& object) {
    if (!object.is_object()) return std::nullopt;
    HeldVersion held{text_of(object, "function", is_name), text_of(object, "version", is_digest)};
    if (held.function.empty() || held.version.empty()) return std::nullopt;
    return held;
}

std::optional<HeldFunction> held_function(const json& object) {
    if (!object.is_object()) return std::nullopt;
    HeldFunction held{
        text_of(object, "function", is_name), text_of(object, "current", is_digest),
        text_of(object, "settings", [](const std::string& text) { return is_hex(text, 16); })};
    if (held.function.empty() || held.current.empty() || held.settings.empty()) return std::nullopt;
    return held;
}

template <typename T>
bool take_list(const json& body, const char* key, std::size_t most,
               std::optional<T> (*read)(const json&), std::vector<T>& to) {
    const auto list = body.find(key);
    if (list == body.end() || !list->is_array() || list->size() > most) return false;
    for (const auto& one : *list) {
        auto value = read(one);
        if (!value) return false;
        to.push_back(std::move(*value));
    }
    return true;
}

std::optional<HeldVersions> parse_versions(const std::string& text) {
    const json body = json::parse(text, nullptr, false);
    if (!body.is_object()) return std::nullopt;
    const auto boot_id = from_hex(body, "boot_id");
    const auto epoch = body.find("catalog_epoch");
    if (!boot_id || epoch == body.end() || !epoch->is_number_unsigned()) return std::nullopt;
    HeldVersions held;
    held.boot_id = *boot_id;
    held.catalog_epoch = epoch->get<std::uint64_t>();
    if (!take_list(body, "versions", kMaxHeldVersions, held_version, held.versions))
        return std::nullopt;
    // A region of an older version does not tell: then possession alone is compared.
    if (body.contains("functions") &&
        !take_list(body, "functions", kOwnRows, held_function, held.functions))
        return std::nullopt;
    return held;
}

httplib::Request make_request(const std::string& method, const std::string& path) {
    httplib::Request request;
    request.method = method;
    request.path = path;
    return request;
}

}  // namespace

ManagementClient::ManagementClient(std::string address, Tls tls, std::uint32_t timeout_ms,
                                   std::uint32_t start_timeout_ms)
    : address_(std::move(address)),
      tls_(std::move(tls)),
      timeout_ms_(timeout_ms),
      start_timeout_ms_(start_timeout_ms),
      cancelled_(std::make_shared<Cancelled>()) {}

Result<HeldVersions> ManagementClient::versions() const {
    auto reply = call(address_, tls_, {timeout_ms_ / 2, timeout_ms_}, *cancelled_,
                      make_request("GET", "/v1/versions"));
    if (!reply) return reply.error();
    if (reply->status != 200) return region_error(address_, *reply);
    auto held = parse_versions(reply->body);
    if (!held) return Error{EBADMSG, address_ + " answered /v1/versions with something else"};
    return std::move(*held);
}

std::uint32_t ManagementClient::push_timeout_ms(std::size_t archive_bytes) const {
    const std::size_t upload_ms = archive_bytes * 1000 / kSlowestBytesPerSecond;
    return timeout_ms_ + start_timeout_ms_ + static_cast<std::uint32_t>(upload_ms);
}

Status ManagementClient::push(const DeployRequest& request, std::string_view archive,
                              std::atomic<std::uint64_t>* sent) const {
    auto http = make_request(
        "POST", "/v1/functions/" + request.name + "/versions?" + render_deploy(request));
    http.set_header("Content-Type", "application/octet-stream");
    // From where it is: a copy for each region could be some GiB.
    http.content_length_ = archive.size();
    http.content_provider_ = [archive, sent](std::size_t offset, std::size_t length,
                                             httplib::DataSink& sink) {
        const std::size_t size = std::min(length, kWriteBytes);
        if (!sink.write(archive.data() + offset, size)) return false;
        if (sent != nullptr) sent->store(offset + size, std::memory_order_relaxed);
        return true;
    };
    const Patience patience{timeout_ms_ / 2, push_timeout_ms(archive.size())};
    auto reply = call(address_, tls_, patience, *cancelled_, std::move(http));
    if (!reply) return reply.error();
    return reply->status == 200 ? ok() : Status(region_error(address_, *reply));
}

Status ManagementClient::erase(const std::string& name) const {
    auto reply = call(address_, tls_, {timeout_ms_ / 2, timeout_ms_}, *cancelled_,
                      make_request("DELETE", "/v1/functions/" + name));
    if (!reply) return reply.error();
    return reply->status == 200 ? ok() : Status(region_error(address_, *reply));
}

Result<std::string> ManagementClient::artifact(const std::string& digest) const {
    const Patience patience{timeout_ms_ / 2, push_timeout_ms(catalog::kMaxArchiveBytes)};
    auto reply = call(address_, tls_, patience, *cancelled_,
                      make_request("GET", "/v1/artifacts/" + digest), catalog::kMaxArchiveBytes);
    if (!reply) return reply.error();
    if (reply->status != 200) return region_error(address_, *reply);
    if (const std::string found = catalog::sha256_hex(reply->body); found != digest)
        return Error{EBADMSG, address_ + ": what it sent as " + digest + " hashes to " + found};
    return std::move(reply->body);
}

void ManagementClient::cancel() const {
    {
        const std::lock_guard lock(cancelled_->mutex);
        cancelled_->cancelled = true;
    }
    cancelled_->changed.notify_all();
}

}  // namespace skerry::admin
