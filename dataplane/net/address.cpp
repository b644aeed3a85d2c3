#include "dataplane/net/address.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace skerry::net {

std::optional<IpAddress> IpAddress::parse(const std::string& text) {
    in_addr four{};
    if (inet_pton(AF_INET, text.c_str(), &four) == 1) return v4(four.s_addr);
    in6_addr six{};
    if (inet_pton(AF_INET6, text.c_str(), &six) == 1) return v6(&six);
    return std::nullopt;
}

std::string IpAddress::to_string() const {
    char text[INET6_ADDRSTRLEN] = {};
    if (is_v4()) {
        inet_ntop(AF_INET, &bytes[12], text, sizeof text);
    } else {
        inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
    }
    return text;
}

bool IpPrefix::contains(const IpAddress& other) const {
    if (address.is_v4() != other.is_v4()) return false;
    unsigned bits = prefix_bits + (address.is_v4() ? 96u : 0u);
    for (std::size_t i = 0; i < 16 && bits != 0; ++i) {
        const unsigned here = bits < 8 ? bits : 8;
        const auto mask = static_cast<std::uint8_t>(0xff00u >> here);
        if ((address.bytes[i] ^ other.bytes[i]) & mask) return false;
        bits -= here;
    }
    return true;
}

std::optional<IpPrefix> IpPrefix::parse(const std::string& text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address || slash == std::string::npos) return std::nullopt;
    unsigned bits = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
    const unsigned most = address->is_v4() ? 32 : 128;
    if (error != std::errc{} || stop != end || bits > most) return std::nullopt;
    return IpPrefix{*address, static_cast<std::uint8_t>(bits)};
}

}  // namespace skerry::net
