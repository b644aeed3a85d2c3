#include "tools/client/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace skerry::client {
namespace {

Error refused(std::string_view text) {
    return Error{EINVAL, "found \"" + std::string(text.substr(0, 64)) +
                             "\", needed an IP address with or without a port, like 10.0.0.2:4600 "
                             "or [fd00::2]:4600"};
}

// Splits at the port, if there is one. False: malformed.
bool split(std::string_view text, std::string& host, std::string_view& port) {
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return false;
        host = text.substr(1, close - 1);
        const std::string_view rest = text.substr(close + 1);
        if (rest.empty()) return true;
        port = rest.substr(1);
        return rest.front() == ':' && !port.empty();
    }
    const auto colon = text.find(':');
    const bool one_colon =
        colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
    host = one_colon ? text.substr(0, colon) : text;  // more than one: an IPv6 address
    if (one_colon) port = text.substr(colon + 1);
    return !one_colon || !port.empty();
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
    std::string host;
    std::string_view port_text;
    if (text.size() > 64 || !split(text, host, port_text)) return refused(text);
    std::uint16_t port = default_port;
    if (!port_text.empty()) {
        const char* end = port_text.data() + port_text.size();
        const auto [at, error] = std::from_chars(port_text.data(), end, port);
        if (error != std::errc{} || at != end || port == 0) return refused(text);
    }
    Endpoint endpoint;
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&endpoint.address, &v4, sizeof v4);
        endpoint.bytes = sizeof v4;
        return endpoint;
    }
    if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&endpoint.address, &v6, sizeof v6);
        endpoint.bytes = sizeof v6;
        return endpoint;
    }
    return refused(text);
}

std::string Endpoint::to_string() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
    }
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

}  // namespace skerry::client
