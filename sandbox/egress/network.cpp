#include "sandbox/egress/network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace skerry::egress {
namespace {

constexpr char kUsualFolder[] = "/run/netns/";

// What makes a namespace at this path.
std::string mend(const Network& network) {
    const std::string& path = network.netns;
    if (path.starts_with(kUsualFolder))
        return "make it with: ip netns add " + path.substr(sizeof kUsualFolder - 1);
    return "bind a network namespace there";
}

std::optional<Prefix> prefix_of(const sockaddr* address) {
    Prefix prefix;
    if (address == nullptr) return std::nullopt;
    if (address->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
        std::memcpy(prefix.bytes.data(), &v4->sin_addr, sizeof v4->sin_addr);
        prefix.bits = 32;
        return prefix;
    }
    if (address->sa_family != AF_INET6) return std::nullopt;
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    std::memcpy(prefix.bytes.data(), &v6->sin6_addr, sizeof v6->sin6_addr);
    prefix.bits = 128;
    prefix.family = 6;
    return prefix;
}

}  // namespace

bool contains(const Prefix& block, const Prefix& inner) {
    if (block.family != inner.family || inner.bits < block.bits) return false;
    for (unsigned bit = 0; bit < block.bits; ++bit)
        if (((block.bytes[bit / 8] ^ inner.bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
    return true;
}

std::string to_string(const Prefix& prefix) {
    char text[INET6_ADDRSTRLEN] = "";
    (void)::inet_ntop(prefix.family == 4 ? AF_INET : AF_INET6, prefix.bytes.data(), text,
                      sizeof text);
    return is_host(prefix) ? std::string(text)
                           : std::string(text) + "/" + std::to_string(prefix.bits);
}

std::optional<Prefix> parse_prefix(const std::string& text) {
    const auto slash = text.find('/');
    const std::string address = text.substr(0, slash);
    Prefix prefix;
    prefix.family = address.find(':') == std::string::npos ? 4 : 6;
    if (::inet_pton(prefix.family == 4 ? AF_INET : AF_INET6, address.c_str(),
                    prefix.bytes.data()) != 1)
        return std::nullopt;
    const auto width = static_cast<unsigned>(8 * address_bytes(prefix));
    unsigned bits = width;
    if (slash != std::string::npos) {
        const char* const end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data() + slash + 1, end, bits);
        if (error != std::errc{} || at != end || bits > width) return std::nullopt;
    }
    for (unsigned bit = bits; bit < width; ++bit)
        if ((prefix.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
    prefix.bits = static_cast<std::uint8_t>(bits);
    return prefix;
}

Result<UniqueFd> open_namespace(const Network& network) {
    // Nobody waits at a path that is something else, such as a pipe.
    UniqueFd fd(::open(network.netns.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        const int error = errno;
        return Error{error, network.netns + ": " + std::strerror(error) + "; " + mend(network)};
    }
    const UniqueFd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    struct stat found {};
    struct stat ours {};
    if (!own || ::fstat(own.get(), &ours) != 0 || ::fstat(fd.get(), &found) != 0)
        return errno_error("look at network namespaces");
    // All namespaces are files of one file system.
    if (found.st_dev != ours.st_dev)
        return Error{EINVAL, network.netns + " is no namespace; " + mend(network)};
    if (found.st_ino == ours.st_ino)
        return Error{EINVAL, network.netns +
                                 " is the server's own network, which functions must "
                                 "not be in; use another, made with: ip netns add NAME"};
    return fd;
}

std::vector<Prefix> host_addresses() {
    std::vector<Prefix> all;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return all;
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
        if ((each->ifa_flags & IFF_LOOPBACK) != 0 || all.size() >= kHostAddressesMax) continue;
        const auto found = prefix_of(each->ifa_addr);
        if (found && std::find(all.begin(), all.end(), *found) == all.end()) all.push_back(*found);
    }
    ::freeifaddrs(list);
    return all;
}

}  // namespace skerry::egress
