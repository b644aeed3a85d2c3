#include "tools/functions/word-count/runtime_client.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace skerry::functions {
namespace {

constexpr std::string_view kVersion = "/2018-06-01/runtime";
constexpr std::size_t kMostHeadBytes = 65536;
constexpr std::size_t kMostBodyBytes = std::size_t{64} << 20;

bool read_number(std::string_view text, int base, std::size_t& out) {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return problem == std::errc{} && end == text.data() + text.size() && out <= kMostBodyBytes;
}

std::string error_body(std::string_view type, std::string_view message) {
    return "{\"errorMessage\":" + json_string(message) + ",\"errorType\":" + json_string(type) +
           ",\"stackTrace\":[]}";
}

std::string error_header(std::string_view type) {
    return "Lambda-Runtime-Function-Error-Type: " + std::string(type) + "\r\n";
}

std::string attempt_header(const Invocation& invocation) {
    if (invocation.invocation_id.empty()) return "";
    return "Lambda-Runtime-Invocation-Id: " + invocation.invocation_id + "\r\n";
}

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
    for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at)) {
        at += 2;
        if (head.size() - at <= name.size() || head[at + name.size()] != ':' ||
            strncasecmp(head.data() + at, name.data(), name.size()) != 0)
            continue;
        const std::size_t end = std::min(head.find("\r\n", at), head.size());
        const std::size_t from = head.find_first_not_of(" \t", at + name.size() + 1);
        if (from >= end) return "";
        const std::size_t last = head.find_last_not_of(" \t", end - 1);
        return head.substr(from, last - from + 1);
    }
    return "";
}

std::string json_string(std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        } else {
            out += c;
        }
    }
    return out + '"';
}

RuntimeClient::~RuntimeClient() {
    close();
}

void RuntimeClient::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    received_.clear();
}

bool RuntimeClient::connect() {
    const auto colon = address_.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::size_t port = 0;
    if (colon == std::string::npos || !read_number(address_.substr(colon + 1), 10, port) ||
        port > 65535 || inet_pton(AF_INET, address_.substr(0, colon).c_str(), &to.sin_addr) != 1) {
        error_ = "not an address: " + address_;
        return false;
    }
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd_ < 0 || ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        error_ = std::string("connect: ") + strerror(errno);
        close();
        return false;
    }
    (void)::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return true;
}

bool RuntimeClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) {
            error_ = std::string("send: ") + strerror(errno);
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool RuntimeClient::receive_more() {
    char piece[65536];
    ssize_t got = 0;
    do got = ::recv(fd_, piece, sizeof piece, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        error_ = got == 0 ? "the connection was closed" : std::string("recv: ") + strerror(errno);
        return false;
    }
    heard_ = true;
    received_.append(piece, static_cast<std::size_t>(got));
    return true;
}

bool RuntimeClient::take_chunks(std::string& body) {
    error_ = "the answer's chunks are not in order";
    while (true) {
        std::size_t end = 0;
        while ((end = received_.find("\r\n")) == std::string::npos)
            if (received_.size() > kMostHeadBytes || !receive_more()) return false;
        std::size_t bytes = 0;
        const std::string line = received_.substr(0, end);
        if (!read_number(line.substr(0, line.find(';')), 16, bytes)) return false;
        received_.erase(0, end + 2);
        // The end has no trailers: no server of this API sends any.
        while (received_.size() < bytes + 2)
            if (!receive_more()) return false;
        body.append(received_, 0, bytes);
        received_.erase(0, bytes + 2);
        if (bytes == 0) return true;
    }
}

std::optional<HttpAnswer> RuntimeClient::receive() {
    HttpAnswer answer;
    std::size_t status = 0;
    do {  // "100 Continue" and the like come before
        std::size_t end = 0;
        while ((end = received_.find("\r\n\r\n")) == std::string::npos)
            if (received_.size() > kMostHeadBytes || !receive_more()) return std::nullopt;
        answer.head = received_.substr(0, end);
        received_.erase(0, end + 4);
        if (answer.head.rfind("HTTP/1.", 0) != 0 || answer.head.size() < 12 ||
            !read_number(std::string_view(answer.head).substr(9, 3), 10, status)) {
            error_ = "not an answer";
            return std::nullopt;
        }
    } while (status < 200);
    answer.status = static_cast<int>(status);
    if (strcasecmp(answer.header("transfer-encoding").c_str(), "chunked") == 0) {
        if (!take_chunks(answer.body)) return std::nullopt;
    } else {
        std::size_t bytes = 0;
        if (!read_number(answer.header("content-length"), 10, bytes)) {
            error_ = "the answer has no length";
            return std::nullopt;
        }
        while (received_.size() < bytes)
            if (!receive_more()) return std::nullopt;
        answer.body = received_.substr(0, bytes);
        received_.erase(0, bytes);
    }
    if (strcasecmp(answer.header("connection").c_str(), "close") == 0) close();
    return answer;
}

std::optional<HttpAnswer> RuntimeClient::exchange(const std::string& head, std::string_view body) {
    // A kept connection may have been closed at the other end meanwhile: then once more.
    for (bool kept = fd_ >= 0;; kept = false) {
        if (fd_ < 0 && !connect()) return std::nullopt;
        heard_ = false;
        if (send(head) && send(body))
            if (auto answer = receive()) return answer;
        close();
        if (!kept || heard_) return std::nullopt;
    }
}

std::optional<Invocation> RuntimeClient::next() {
    const std::string head = "GET " + std::string(kVersion) +
                             "/invocation/next HTTP/1.1\r\nHost: " + address_ +
                             "\r\nUser-Agent: skerry-cpp/1\r\n\r\n";
    auto answer = exchange(head, "");
    if (!answer) return std::nullopt;
    if (answer->status != 200) {
        error_ = "next: answered " + std::to_string(answer->status);
        return std::nullopt;
    }
    Invocation invocation;
    invocation.request_id = answer->header("lambda-runtime-aws-request-id");
    invocation.invocation_id = answer->header("lambda-runtime-invocation-id");
    invocation.function_arn = answer->header("lambda-runtime-invoked-function-arn");
    invocation.trace_id = answer->header("lambda-runtime-trace-id");
    invocation.deadline_ms =
        std::strtoll(answer->header("lambda-runtime-deadline-ms").c_str(), nullptr, 10);
    invocation.payload = std::move(answer->body);
    return invocation;
}

bool RuntimeClient::tell(const std::string& path, std::string_view more_headers,
                         std::string_view body) {
    const std::string head = "POST " + std::string(kVersion) + path +
                             " HTTP/1.1\r\nHost: " + address_ +
                             "\r\nUser-Agent: skerry-cpp/1\r\nContent-Type: application/json\r\n" +
                             "Content-Length: " + std::to_string(body.size()) + "\r\n" +
                             std::string(more_headers) + "\r\n";
    const auto answer = exchange(head, body);
    if (!answer) return false;
    if (answer->status == 202) return true;
    error_ = path + ": answered " + std::to_string(answer->status) + " " + answer->body;
    return answer->status == 400 || answer->status == 403 || answer->status == 413;
}

bool RuntimeClient::respond(const Invocation& invocation, std::string_view body) {
    return tell("/invocation/" + invocation.request_id + "/response", attempt_header(invocation),
                body);
}

bool RuntimeClient::fail(const Invocation& invocation, std::string_view type,
                         std::string_view message) {
    return tell("/invocation/" + invocation.request_id + "/error",
                error_header(type) + attempt_header(invocation), error_body(type, message));
}

bool RuntimeClient::fail_initialisation(std::string_view type, std::string_view message) {
    return tell("/init/error", error_header(type), error_body(type, message));
}

}  // namespace skerry::functions
