#include "tools/load/http/options.hpp"

#include <algorithm>
#include <charconv>

namespace skerry::load::http {
namespace {

Error bad_url(const std::string& text, const std::string& why) {
    return Error{EINVAL, "\"" + text + "\": " + why +
                             "; needed is http://ADDRESS[:PORT]/PATH, such as "
                             "http://10.77.1.2:8080/healthz or http://[fd00::2]:8080/"};
}

bool is_visible(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != 0x7f; });
}

bool is_field(const std::string& text) {
    const std::size_t colon = text.find(':');
    return colon != std::string::npos && colon != 0 && is_visible(text.substr(0, colon)) &&
           text.find_first_of("\r\n") == std::string::npos;
}

// Between two processes of this machine: nothing that is sent there leaves it.
bool is_link_between_processes(const std::string& devargs) {
    if (devargs.starts_with("net_memif") || devargs.starts_with("net_ring")) return true;
    // A path below /dev is a device of the kernel's.
    return devargs.starts_with("net_virtio_user") && devargs.find("path=") != std::string::npos &&
           devargs.find("path=/dev/") == std::string::npos;
}

// Addresses that belong to nobody on the Internet: RFC 1918, 2544, 5737, 6598; 4193, 3849.
bool is_private(const net::IpPrefix& prefix) {
    static constexpr const char* kNetworks[] = {
        "10.0.0.0/8",      "172.16.0.0/12",  "192.168.0.0/16", "198.18.0.0/15", "192.0.2.0/24",
        "198.51.100.0/24", "203.0.113.0/24", "100.64.0.0/10",  "fc00::/7",      "2001:db8::/32"};
    return std::any_of(std::begin(kNetworks), std::end(kNetworks), [&](const char* text) {
        const net::IpPrefix network = *net::IpPrefix::parse(text);
        return network.address.is_v4() == prefix.address.is_v4() &&
               prefix.prefix_bits >= network.prefix_bits && network.contains(prefix.address);
    });
}

}  // namespace

Result<Url> parse_url(const std::string& text) {
    static const std::string kScheme = "http://";
    if (!text.starts_with(kScheme)) return bad_url(text, "it does not begin with http://");
    const std::size_t slash = text.find('/', kScheme.size());
    Url url;
    url.host = text.substr(kScheme.size(), slash - kScheme.size());
    url.path = slash == std::string::npos ? "/" : text.substr(slash);
    if (!is_visible(text)) return bad_url(text, "it has a space or a control character");
    std::string address = url.host, port;
    if (address.starts_with('[')) {
        const std::size_t end = address.find(']');
        if (end == std::string::npos) return bad_url(text, "\"]\" is missing");
        port = address.substr(end + 1);
        address = address.substr(1, end - 1);
    } else if (const std::size_t colon = address.find(':'); colon != std::string::npos) {
        port = address.substr(colon);
        address.resize(colon);
    }
    const auto parsed = net::IpAddress::parse(address);
    if (!parsed) return bad_url(text, "\"" + address + "\" is not an address");
    url.address = *parsed;
    if (port.empty()) return url;
    const char* end = port.data() + port.size();
    const auto read = std::from_chars(port.data() + 1, end, url.port);
    if (port[0] != ':' || port.size() < 2 || read.ec != std::errc() || read.ptr != end ||
        url.port == 0)
        return bad_url(text, "\"" + port + "\" is not a port");
    return url;
}

Result<std::string> build_request(const Url& url, const RequestText& text) {
    if (text.method.empty() || !is_visible(text.method))
        return Error{EINVAL, "--method: \"" + text.method + "\" is not one"};
    std::string request = text.method + " " + url.path + " HTTP/1.1\r\nHost: " + url.host + "\r\n";
    if (!text.body.empty() || text.method == "POST" || text.method == "PUT")
        request += "Content-Length: " + std::to_string(text.body.size()) + "\r\n";
    for (const std::string& field : text.fields) {
        if (!is_field(field))
            return Error{EINVAL, "--header: \"" + field + "\" is not of the form \"Name: value\""};
        request += field + "\r\n";
    }
    if (text.close) request += "Connection: close\r\n";
    return request + "\r\n" + text.body;
}

Status check_flood(const std::string& devargs, const net::IpAddress& server,
                   const FloodOptions& options) {
    const net::IpPrefix target{server, static_cast<std::uint8_t>(server.is_v4() ? 32 : 128)};
    if (options.from.address.is_v4() != server.is_v4())
        return Error{EINVAL, "--flood-from and the server are of two families"};
    if (!is_private(target))
        return Error{EPERM, "a SYN flood goes to addresses of private use only, and " +
                                server.to_string() + " is none"};
    if (!is_private(options.from))
        return Error{EPERM,
                     "--flood-from: whoever has such an address is sent an answer to each "
                     "SYN: private ones only, such as 198.18.0.0/15 (RFC 2544)"};
    if (options.network) {
        if (options.network->address.is_v4() != server.is_v4() ||
            !options.network->contains(server))
            return Error{EPERM,
                         "the server, " + server.to_string() + ", is not in --flood-network"};
        if (!is_private(*options.network))
            return Error{EPERM, "--flood-network: networks of private use only"};
        return ok();
    }
    if (is_link_between_processes(devargs)) return ok();
    return Error{EPERM,
                 "a SYN flood goes out of ports between two processes (net_memif, "
                 "net_virtio_user with a socket). For \"" +
                     devargs +
                     "\", name the network that is yours to flood: --flood-network "
                     "10.77.1.0/24"};
}

}  // namespace skerry::load::http
