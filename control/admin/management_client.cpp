#include <charconv>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "control/admin/query.hpp"
#include "control/admin/servers.hpp"
#include "control/admin/tls.hpp"

// After ours: <resolv.h>, which httplib includes, defines a macro STATUS.
#include <httplib.h>

namespace skerry::admin {
namespace {

using nlohmann::json;

// 1024 functions with 16 versions each take about 2.5 MB.
constexpr std::size_t kMaxAnswerBytes = 8 << 20;
constexpr std::size_t kMaxHeldVersions = 1024 * catalog::kMaxVersionsKept;

// httplib's timeouts are for one system call; this one is for the whole call.
class Deadline {
  public:
    Deadline(httplib::SSLClient& client, std::uint32_t timeout_ms)
        : thread_([this, &client, timeout_ms] {
              std::unique_lock lock(mutex_);
              auto wait = std::chrono::milliseconds(timeout_ms);
              while (!done_.wait_for(lock, wait, [this] { return finished_; })) {
                  passed_ = true;
                  client.stop();
                  // Again: the connection may have come up after this one was too late.
                  wait = std::chrono::milliseconds(10);
              }
          }) {}
    ~Deadline() {
        {
            const std::lock_guard lock(mutex_);
            finished_ = true;
        }
        done_.notify_one();
        thread_.join();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    bool passed() {
        const std::lock_guard lock(mutex_);
        return passed_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable done_;
    bool finished_ = false, passed_ = false;
    std::thread thread_;
};

struct Reply {
    int status = 0;
    std::string body;
};

Result<Reply> call(const std::string& address, const Tls& tls, std::uint32_t timeout_ms,
                   httplib::Request request) {
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
    const std::chrono::milliseconds timeout(std::max(timeout_ms, 2u));
    client.set_connection_timeout(timeout / 2);
    client.set_read_timeout(timeout);
    client.set_write_timeout(timeout);
    client.set_follow_location(false);
    client.set_decompress(false);

    Reply reply;
    request.set_header("Host", address);
    request.content_receiver = [&](const char* data, std::size_t length, std::uint64_t,
                                   std::uint64_t) {
        if (reply.body.size() + length > kMaxAnswerBytes) return false;
        reply.body.append(data, length);
        return true;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    Deadline deadline(client, timeout_ms);
    if (!client.send(request, response, error)) {
        if (deadline.passed())
            return Error{ETIMEDOUT,
                         doing + ": no answer within " + std::to_string(timeout_ms) + " ms"};
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
    const json body = json::parse(reply.body, nullptr, false);
    if (body.is_object() && body.contains("error") && body["error"].is_object()) {
        const json& inner = body["error"];
        for (const char* key : {"code", "message"})
            if (inner.contains(key) && inner[key].is_string())
                text += ": " + inner[key].get<std::string>().substr(0, 300);
    }
    return Error{0, address + " answered " + text};
}

std::optional<std::uint64_t> from_hex(const json& object, const char* key) {
    if (!object.contains(key) || !object[key].is_string()) return std::nullopt;
    const auto& text = object[key].get_ref<const std::string&>();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<HeldVersion> held_version(const json& object) {
    if (!object.is_object()) return std::nullopt;
    const auto function = object.find("function"), version = object.find("version");
    if (function == object.end() || version == object.end() || !function->is_string() ||
        !version->is_string())
        return std::nullopt;
    HeldVersion held{function->get<std::string>(), version->get<std::string>()};
    const bool digest = held.version.size() == 64 &&
                        held.version.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!digest || !catalog::validate_name(held.function)) return std::nullopt;
    return held;
}

std::optional<HeldVersions> parse_versions(const std::string& text) {
    const json body = json::parse(text, nullptr, false);
    if (!body.is_object()) return std::nullopt;
    const auto boot_id = from_hex(body, "boot_id");
    const auto epoch = body.find("catalog_epoch"), versions = body.find("versions");
    if (!boot_id || epoch == body.end() || !epoch->is_number_unsigned() || versions == body.end() ||
        !versions->is_array() || versions->size() > kMaxHeldVersions)
        return std::nullopt;
    HeldVersions held{*boot_id, epoch->get<std::uint64_t>(), {}};
    for (const auto& one : *versions) {
        auto version = held_version(one);
        if (!version) return std::nullopt;
        held.versions.push_back(std::move(*version));
    }
    return held;
}

httplib::Request make_request(const std::string& method, const std::string& path) {
    httplib::Request request;
    request.method = method;
    request.path = path;
    return request;
}

}  // namespace

ManagementClient::ManagementClient(std::string address, Tls tls, std::uint32_t timeout_ms)
    : address_(std::move(address)), tls_(std::move(tls)), timeout_ms_(timeout_ms) {}

Result<HeldVersions> ManagementClient::versions() const {
    auto reply = call(address_, tls_, timeout_ms_, make_request("GET", "/v1/versions"));
    if (!reply) return reply.error();
    if (reply->status != 200) return region_error(address_, *reply);
    auto held = parse_versions(reply->body);
    if (!held) return Error{EBADMSG, address_ + " answered /v1/versions with something else"};
    return std::move(*held);
}

Status ManagementClient::push(const DeployRequest& request, std::string_view archive) const {
    auto http = make_request(
        "POST", "/v1/functions/" + request.name + "/versions?" + render_deploy(request));
    http.set_header("Content-Type", "application/octet-stream");
    http.body = archive;
    auto reply = call(address_, tls_, timeout_ms_, std::move(http));
    if (!reply) return reply.error();
    return reply->status == 200 ? ok() : Status(region_error(address_, *reply));
}

Status ManagementClient::erase(const std::string& name) const {
    auto reply = call(address_, tls_, timeout_ms_, make_request("DELETE", "/v1/functions/" + name));
    if (!reply) return reply.error();
    return reply->status == 200 ? ok() : Status(region_error(address_, *reply));
}

}  // namespace skerry::admin
