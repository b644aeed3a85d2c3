#include "control/config/checks.hpp"
#include "control/config/selection.hpp"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "dataplane/net/return_ports.hpp"

namespace skerry::config {
namespace {

bool is_printable_word(const std::string& text, std::size_t most) {
    return !text.empty() && text.size() <= most &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string prefix_text(const net::IpPrefix& prefix) {
    return prefix.address.to_string() + "/" + std::to_string(prefix.prefix_bits);
}

// The address with its host bits all zero, or all one.
net::IpAddress network_edge(const net::IpPrefix& prefix, bool ones) {
    net::IpAddress edge = prefix.address;
    const unsigned network_bits = prefix.prefix_bits + (prefix.address.is_v4() ? 96u : 0u);
    for (unsigned bit = network_bits; bit < 128; ++bit) {
        const auto mask = static_cast<std::uint8_t>(0x80u >> (bit % 8));
        if (ones)
            edge.bytes[bit / 8] |= mask;
        else
            edge.bytes[bit / 8] &= static_cast<std::uint8_t>(~mask);
    }
    return edge;
}

bool on_link(const Port& port, const net::IpAddress& address) {
    return std::any_of(
        port.addresses.begin(), port.addresses.end(), [&](const net::IpPrefix& prefix) {
            return prefix.address.is_v4() == address.is_v4() && prefix.contains(address);
        });
}

bool reachable(const Config& config, const net::IpAddress& address) {
    return std::any_of(config.ports.begin(), config.ports.end(), [&](const Port& port) {
        return on_link(port, address) ||
               std::any_of(port.gateways.begin(), port.gateways.end(),
                           [&](const auto& g) { return g.is_v4() == address.is_v4(); });
    });
}

void check_cpus(const Config& config, const Lines& lines, Problems& problems) {
    const auto& cpus = config.dataplane.cpus;
    if (!cpus.empty() && cpus.size() != config.dataplane.cores)
        problems.add(lines.cpus, "dataplane.cpus", std::to_string(cpus.size()) + " CPUs",
                     "none, or one for each of the " + std::to_string(config.dataplane.cores) +
                         " cores (dataplane.cores)");
    std::set<std::uint32_t> seen;
    for (const auto cpu : cpus)
        if (!seen.insert(cpu).second)
            problems.add(lines.cpus, "dataplane.cpus", "CPU " + std::to_string(cpu) + " twice",
                         "a CPU of its own for each core");
    if (config.dataplane.control_cpu && seen.count(*config.dataplane.control_cpu) != 0)
        problems.add(lines.control_cpu, "dataplane.control_cpu",
                     std::to_string(*config.dataplane.control_cpu),
                     "a CPU that is not in dataplane.cpus");
}

// Buffers that can be held at once: by the rings of every port, by requests that wait or are with a
// region, by what connections have received and nobody has looked at, and by what is about to be
// sent. With fewer, a busy server could not receive the very
// replies that would free them.
void check_mbufs(const Config& config, const Lines& lines, Problems& problems) {
    constexpr std::uint64_t kRings = 2048, kAboutToBeSent = 512;  // RX and TX; bursts, cache
    const Dataplane& d = config.dataplane;
    constexpr std::uint64_t kBufferBytes = 2048 + 128;  // what the Stack counts one as, at least
    const bool tcp = config.speaks_tcp();
    const std::uint64_t received =
        tcp ? (std::uint64_t{config.http.receive_mib} << 20) / kBufferBytes : 0;
    const std::uint64_t least =
        config.ports.size() * (kRings + kAboutToBeSent) + d.pending + d.queue + received;
    if (d.mbufs < least)
        problems.add(lines.mbufs, "dataplane.mbufs", std::to_string(d.mbufs),
                     "at least " + std::to_string(least) +
                         ": 2560 for each port, one for "
                         "each of pending and queue" +
                         (tcp ? ", and 482 for each of http.receive_mib" : ""));
}

void check_return_ports(const Config& config, const Lines& lines, Problems& problems) {
    const std::uint32_t first = config.dataplane.return_ports;
    if (first == 0 || config.udp_port < first || config.udp_port >= first + net::kReturnPorts)
        return;
    problems.add(lines.return_ports, "dataplane.return_ports", std::to_string(first),
                 "0, or the first of " + std::to_string(net::kReturnPorts) +
                     " ports without udp_port (" + std::to_string(config.udp_port) + ") in them");
}

// A lower bound: what the packet buffers alone take. A configuration below it can't start.
void check_memory(const Config& config, const Lines& lines, Problems& problems) {
    constexpr std::uint64_t kBufferOverhead = 128 + 128 + 18;  // descriptor, headroom, link header
    std::uint64_t mtu = 1500;
    for (const auto& port : config.ports) mtu = std::max<std::uint64_t>(mtu, port.mtu);
    const std::uint64_t bytes = static_cast<std::uint64_t>(config.dataplane.cores) *
                                config.dataplane.mbufs * (mtu + kBufferOverhead);
    std::uint64_t mib = (bytes + (1u << 20) - 1) >> 20;
    const bool tcp = config.speaks_tcp();
    if (tcp) mib += std::uint64_t{config.dataplane.cores} * config.http.body_mib;
    if (mib > config.dataplane.memory_mib)
        problems.add(
            lines.memory_mib, "dataplane.memory_mib", std::to_string(config.dataplane.memory_mib),
            "at least " + std::to_string(mib) + ": " + std::to_string(config.dataplane.cores) +
                " cores with " + std::to_string(config.dataplane.mbufs) + " mbufs for an MTU of " +
                std::to_string(mtu) + (tcp ? ", and http.body_mib for each core" : ""));
}

void check_gateways(const Port& port, const PortLines& at, const std::string& key,
                    Problems& problems) {
    unsigned of_family[2] = {0, 0};
    for (std::size_t g = 0; g < port.gateways.size(); ++g) {
        const auto& gateway = port.gateways[g];
        if (++of_family[gateway.is_v4() ? 0 : 1] == 2)
            problems.add(at.gateways[g], key, "a second gateway of one family",
                         "at most one IPv4 and one IPv6 gateway a port");
        if (!on_link(port, gateway))
            problems.add(at.gateways[g], key, gateway.to_string(),
                         "an address in the network of one of this port's addresses");
    }
}

void check_ports(const Config& config, const Lines& lines, Problems& problems) {
    std::map<std::string, std::size_t> devices;
    std::map<std::string, std::size_t> own;
    bool any_address = false;
    for (std::size_t p = 0; p < config.ports.size(); ++p) {
        const Port& port = config.ports[p];
        const PortLines& at = lines.ports[p];
        const std::string key = "port[" + std::to_string(p) + "].";
        if (!port.devargs.empty() && !devices.emplace(device_of(port.devargs), p).second)
            problems.add(at.devargs, key + "devargs", quoted(port.devargs) + " again",
                         "a device of its own for each port");
        for (std::size_t a = 0; a < port.addresses.size(); ++a) {
            any_address = true;
            const std::string text = port.addresses[a].address.to_string();
            if (!own.emplace(text, p).second)
                problems.add(at.addresses[a], key + "addresses",
                             prefix_text(port.addresses[a]) + " again", "each address once");
        }
        check_gateways(port, at, key + "gateways", problems);
    }
    for (std::size_t p = 0; p < config.ports.size(); ++p)
        for (std::size_t g = 0; g < config.ports[p].gateways.size(); ++g)
            if (own.count(config.ports[p].gateways[g].to_string()) != 0)
                problems.add(lines.ports[p].gateways[g], "port[" + std::to_string(p) + "].gateways",
                             config.ports[p].gateways[g].to_string() + ", this server itself",
                             "another machine's address");
    if (!config.ports.empty() && !any_address)
        problems.add(lines.ports[0].self, "port[0].addresses", "no address on any port",
                     "at least one, like \"10.0.0.2/24\"");
}

void check_regions(const Config& config, const Lines& lines, Problems& problems) {
    std::set<std::string> names{config.name};
    std::set<std::string> addresses;
    for (const auto& port : config.ports)
        for (const auto& prefix : port.addresses) addresses.insert(prefix.address.to_string());
    for (std::size_t r = 0; r < config.regions.size(); ++r) {
        const Region& region = config.regions[r];
        const RegionLines& at = lines.regions[r];
        const std::string key = "region[" + std::to_string(r) + "].";
        if (!region.name.empty() && !names.insert(region.name).second)
            problems.add(at.name, key + "name", quoted(region.name) + " again",
                         "a name that neither another region nor this server has");
        if (region.address == net::IpAddress{}) continue;  // reported as missing or malformed
        const std::string address = region.address.to_string();
        if (!addresses.insert(address).second)
            problems.add(at.address, key + "address", address + " again",
                         "an address that neither another region nor this server has");
        else if (!config.ports.empty() && !reachable(config, region.address))
            problems.add(at.address, key + "address", address + ", which no port leads to",
                         "an address in a port's network, or of a family that a port has a "
                         "gateway for");
    }
    if (config.role == Role::region && !config.regions.empty())
        problems.add(lines.regions[0].self, "region", "a region of role \"region\"",
                     "[[region]] only with role = \"pop\"");
}

void check_management(const Config& config, const Lines& lines, Problems& problems) {
    const Management& m = config.management;
    const bool serves = config.role == Role::region;
    const bool shares = config.in_fleet() && config.role == Role::pop;
    const bool calls = config.role == Role::pop && (!config.regions.empty() || shares);
    const std::string why = serves ? "a server of role \"region\" needs it: POPs deploy through it"
                            : shares ? "the members of its fleet get artifacts through it"
                                     : "a POP with regions needs it, to deploy to them";
    if ((serves || shares) && m.listen.empty())
        problems.add(lines.management, "management.listen", "nothing",
                     std::string(kHostPortAllowed) + " (" + why + ")");
    if (!serves && !shares && !m.listen.empty())
        problems.add(lines.management, "management.listen", quoted(m.listen),
                     "nothing in a POP without store.kind = \"etcd\": regions serve the management "
                     "API, POPs call it");
    if (!serves && !calls) return;
    const std::pair<const char*, const std::string*> files[] = {
        {"tls_cert", &m.tls_cert}, {"tls_key", &m.tls_key}, {"tls_ca", &m.tls_ca}};
    for (const auto& [key, value] : files)
        if (value->empty())
            problems.add(lines.management, std::string("management.") + key, "nothing",
                         "the path of a PEM file (" + why + ")");
}

void check_store(const Config& config, const Lines& lines, Problems& problems) {
    const Store& store = config.store;
    if (!config.in_fleet()) {
        if (!store.endpoints.empty())
            problems.add(lines.store, "store.endpoints", "endpoints of etcd",
                         "nothing, or store.kind = \"etcd\"");
        return;
    }
    if (config.role == Role::region)
        problems.add(lines.store, "store.kind", "\"etcd\"",
                     "\"embedded\" in a region: its functions are what POPs say");
    if (store.endpoints.empty())
        problems.add(lines.store, "store.endpoints", "nothing",
                     "a list of URLs, like \"http://10.0.0.1:2379\"");
    if (store.user.empty() != store.password_file.empty())
        problems.add(lines.store, "store.user", "a user or a password_file alone",
                     "both of them, or neither");
    if (store.tls_cert.empty() != store.tls_key.empty())
        problems.add(lines.store, "store.tls_cert", "a certificate or a key alone",
                     "both of them, or neither");
}

}  // namespace

bool is_name(const std::string& text) {
    return !text.empty() && text.size() <= 15 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

bool is_absolute_path(const std::string& text) {
    return text.size() > 1 && text.size() <= 400 && text[0] == '/' &&
           std::none_of(text.begin(), text.end(), [](char c) { return c > 0 && c < ' '; });
}

// As browsers write one (RFC 6454 §6.2), or the star.
bool is_origin(const std::string& text) {
    if (text == "*") return true;
    const auto host = text.find("://");
    if (host == std::string::npos || text.size() > 128) return false;
    const std::string scheme = text.substr(0, host);
    if (scheme != "http" && scheme != "https") return false;
    const std::string rest = text.substr(host + 3);
    return !rest.empty() &&
           rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.:[]") == std::string::npos;
}

bool is_socket_path(const std::string& text) {
    return is_absolute_path(text) && text.size() < sizeof(sockaddr_un::sun_path);
}

bool is_host_port(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || text.size() > 64) return false;
    std::string host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = net::IpAddress::parse(host);
    // Only IPv6 has colons of its own, and needs the brackets.
    if (!address || (host.find(':') != std::string::npos) != bracketed) return false;
    const std::string port = text.substr(colon + 1);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    return error == std::errc{} && end == port.data() + port.size() && number >= 1 &&
           number <= 65535;
}

bool is_endpoint(const std::string& text) {
    const auto host = text.find("://");
    if (host == std::string::npos || text.size() > 128) return false;
    const std::string scheme = text.substr(0, host), rest = text.substr(host + 3);
    return (scheme == "http" || scheme == "https") && !rest.empty() &&
           rest.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
               "-.:[]") == std::string::npos;
}

bool is_store_prefix(const std::string& text) {
    return text.size() > 1 && text.size() <= 128 && text.front() == '/' && text.back() != '/' &&
           is_printable_word(text, 128);
}

bool is_user(const std::string& text) {
    return is_printable_word(text, 64);
}

bool is_devargs(const std::string& text) {
    return is_printable_word(text, 255) && text.front() != ',';
}

bool is_host_address(const net::IpAddress& address) {
    const auto& b = address.bytes;
    if (address.is_v4()) return b[12] != 0 && b[12] != 127 && b[12] < 224;
    const bool low = address.high() == 0 && b[8] == 0 && b[9] == 0 && b[10] == 0 && b[11] == 0;
    return b[0] != 0xff && !low;  // "low": ::, ::1 and the long dead IPv4-compatible addresses
}

bool is_host_prefix(const net::IpPrefix& prefix) {
    if (!is_host_address(prefix.address) || prefix.prefix_bits == 0) return false;
    const unsigned width = prefix.address.is_v4() ? 32 : 128;
    if (prefix.prefix_bits + 1u >= width) return true;  // point to point (RFC 3021, RFC 6164)
    if (prefix.address == network_edge(prefix, false)) return false;
    return !prefix.address.is_v4() || !(prefix.address == network_edge(prefix, true));
}

std::string device_of(const std::string& devargs) {
    return devargs.substr(0, devargs.find(','));
}

void check_together(const Config& config, const Lines& lines, Problems& problems) {
    check_cpus(config, lines, problems);
    check_memory(config, lines, problems);
    check_return_ports(config, lines, problems);
    check_mbufs(config, lines, problems);
    check_ports(config, lines, problems);
    check_regions(config, lines, problems);
    if (config.trunks_from_pops() != 0 && config.http.port_of(config.role) == config.udp_port)
        problems.add(lines.http_port, "http.port", std::to_string(config.udp_port),
                     "another port than udp_port: trunks come to that one over TCP");
    check_management(config, lines, problems);
    check_store(config, lines, problems);
    check_selection(config, problems);
    const std::uint64_t longest_period = config.prober.period_ms + config.prober.period_ms / 5;
    if (config.prober.fresh_ms < longest_period)
        problems.add(lines.fresh_ms, "prober.fresh_ms", std::to_string(config.prober.fresh_ms),
                     "at least " + std::to_string(longest_period) +
                         ", the longest time between two probes; shorter, and no region would ever "
                         "be fresh");
    if (config.outliers.max_ejection_ms < config.outliers.base_ejection_ms)
        problems.add(lines.max_ejection_ms, "outliers.max_ejection_ms",
                     std::to_string(config.outliers.max_ejection_ms),
                     "at least outliers.base_ejection_ms (" +
                         std::to_string(config.outliers.base_ejection_ms) + ")");
    constexpr std::uint64_t kUidEnd = 1ull << 31;
    if (static_cast<std::uint64_t>(config.workers.first_uid) + config.workers.max > kUidEnd)
        problems.add(lines.first_uid, "workers.first_uid", std::to_string(config.workers.first_uid),
                     "first_uid + max of at most " + std::to_string(kUidEnd));
}

}  // namespace skerry::config
