#include "tools/skerryctl/admin_client.hpp"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace skerry::ctl {
namespace {

constexpr time_t kConnectTimeout_s = 5;
constexpr time_t kAnswerTimeout_s = 600;
constexpr std::size_t kMostAnswerBytes = 64u << 20;

// httplib says "connection failed" and no more; what a person needs to know is why.
std::optional<Failure> try_to_connect(const std::string& path) {
    sockaddr_un address{};
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return Failure{
            kExitUsage,
            "bad-socket",
            "--admin: found a path of " + std::to_string(path.size()) + " bytes, allowed 1 to 107",
            {}};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int rc =
        fd < 0 ? -1 : ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (rc == 0) return std::nullopt;
    std::string next =
        "; next: is skerryd running, and is this its admin_socket? (--admin PATH, or SKERRY_ADMIN)";
    if (error == EACCES || error == EPERM) next = "; next: run it as the user that runs skerryd";
    return Failure{kExitUnreachable, "unreachable", path + ": " + std::strerror(error) + next, {}};
}

Failure failure_of(int status, const nlohmann::json& body) {
    Failure failure{kExitFailed,
                    "http-" + std::to_string(status),
                    "the server answered with HTTP status " + std::to_string(status),
                    {}};
    if (!body.is_object() || !body.contains("error") || !body["error"].is_object()) return failure;
    const nlohmann::json& error = body["error"];
    if (!field(error, "code").empty()) failure.code = field(error, "code");
    if (!field(error, "message").empty()) failure.message = field(error, "message");
    if (error.contains("allowed") && error["allowed"].is_array())
        for (const auto& one : error["allowed"])
            if (one.is_string()) failure.allowed.push_back(one.get<std::string>());
    return failure;
}

}  // namespace

Answer AdminClient::call(const char* method, const std::string& target,
                         const std::string& body) const {
    if (auto failure = try_to_connect(socket_path_)) return *failure;
    httplib::Client http(socket_path_, 1);
    http.set_address_family(AF_UNIX);
    http.set_connection_timeout(kConnectTimeout_s);
    http.set_read_timeout(kAnswerTimeout_s);
    http.set_write_timeout(kAnswerTimeout_s);
    httplib::Request request;
    request.method = method;
    request.path = target;
    request.headers.emplace("Host", "localhost");
    request.headers.emplace("Content-Type", "application/octet-stream");
    request.body = body;
    // A limit, and no memory for what is beyond it.
    std::string text;
    request.content_receiver = [&text](const char* data, std::size_t bytes, std::uint64_t,
                                       std::uint64_t) {
        if (text.size() + bytes > kMostAnswerBytes) return false;
        text.append(data, bytes);
        return true;
    };
    const httplib::Result result = http.send(request);
    if (!result)
        return Failure{kExitUnreachable,
                       "no-answer",
                       socket_path_ + ": " + httplib::to_string(result.error()) +
                           "; whether it was done is unknown: look with skerryctl status",
                       {}};
    nlohmann::json answer = nlohmann::json::parse(text, nullptr, false);
    if (result->status < 200 || result->status > 299) return failure_of(result->status, answer);
    if (answer.is_discarded())
        return Failure{kExitFailed, "bad-answer", "the server's answer is not JSON", {}};
    return answer;
}

Answer AdminClient::get(const std::string& target) const {
    return call("GET", target, "");
}
Answer AdminClient::post(const std::string& target, const std::string& body) const {
    return call("POST", target, body);
}
Answer AdminClient::put(const std::string& target, const std::string& body) const {
    return call("PUT", target, body);
}
Answer AdminClient::erase(const std::string& target) const {
    return call("DELETE", target, "");
}

std::string percent_encoded(std::string_view text) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.' || c == '~' || c == ',') {
            out += c;
            continue;
        }
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }
    return out;
}

}  // namespace skerry::ctl
