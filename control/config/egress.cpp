#include "control/config/egress.hpp"

#include <algorithm>
#include <string>

#include "control/config/checks.hpp"

namespace skerry::config {
namespace {

using egress::Network;
using egress::Prefix;

constexpr char kSubnet4Allowed[] =
    "a block of unicast addresses without host bits, like \"10.66.0.0/20\", 8 to 30 bits";
constexpr char kSubnet6Allowed[] =
    "a block of unicast addresses without host bits, like \"fd66::/64\", 48 to 126 bits";

Prefix block(const char* text) {
    return *egress::parse_prefix(text);
}

bool overlap(const Prefix& a, const Prefix& b) {
    return contains(a, b) || contains(b, a);
}

// Nobody's in particular: loopback, link-local, multicast, and what is reserved.
bool is_special(const Prefix& prefix) {
    for (const char* special : {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                "::/16", "fe80::/9", "ff00::/8"})
        if (overlap(prefix, block(special))) return true;
    return false;
}

bool has_subnet_of(const Network& network, const Prefix& prefix) {
    return prefix.family == 4 ? network.subnet4.has_value() : network.subnet6.has_value();
}

bool in_subnets(const Network& network, const Prefix& prefix) {
    return (network.subnet4 && overlap(*network.subnet4, prefix)) ||
           (network.subnet6 && overlap(*network.subnet6, prefix));
}

void read_subnet(Reader& r, const char* key, std::uint8_t family, unsigned least, unsigned most,
                 const char* allowed, std::optional<Prefix>& out) {
    const auto good = [&](const std::string& text) {
        const auto prefix = egress::parse_prefix(text);
        return prefix && prefix->family == family && prefix->bits >= least &&
               prefix->bits <= most && !is_special(*prefix);
    };
    std::string text;
    if (r.text(key, text, allowed, good)) out = egress::parse_prefix(text);
}

// A list of blocks, or of addresses, each of a family that the network has a subnet of.
void read_blocks(Reader& r, const std::string& table, const char* key, std::size_t most,
                 const std::string& allowed, bool hosts_only, const Network& network,
                 std::vector<Prefix>& out, Problems& problems) {
    r.list(key, most, allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        const auto prefix = text != nullptr ? egress::parse_prefix(text->get()) : std::nullopt;
        const bool good = prefix && (!hosts_only || (is_host(*prefix) && !is_special(*prefix)));
        if (!good) return problems.add(line_of(node), table + key, describe(node), allowed);
        if (!has_subnet_of(network, *prefix))
            return problems.add(line_of(node), table + key, describe(node),
                                "a family that the network has a subnet of (subnet4, subnet6)");
        if (hosts_only && in_subnets(network, *prefix))
            return problems.add(line_of(node), table + key, describe(node),
                                "an address outside of the subnets, which are the workers' alone");
        if (std::find(out.begin(), out.end(), *prefix) != out.end())
            return problems.add(line_of(node), table + key, describe(node) + " again", "each once");
        out.push_back(*prefix);
    });
}

void compare(const Network& network, const Config& config, Reader& r) {
    for (const Network& other : config.egress) {
        if (!network.name.empty() && other.name == network.name)
            r.problem("name", quoted(network.name) + " again", "a name for each network");
        for (const auto& [key, subnet] :
             {std::pair("subnet4", network.subnet4), std::pair("subnet6", network.subnet6)})
            if (subnet && in_subnets(other, *subnet))
                r.problem(key, quoted(to_string(*subnet)),
                          "a block that overlaps none of network " + quoted(other.name));
    }
}

}  // namespace

void read_egress(const toml::table& table, std::size_t index, Config& config, Problems& problems) {
    const std::string name = "egress[" + std::to_string(index) + "].";
    Reader r(table, name, problems);
    Network network;
    r.text("name", network.name, kNameAllowed, is_name);
    r.require("name", kNameAllowed);
    const std::string netns_allowed =
        "the absolute path of a network namespace, like \"/run/netns/internet\"";
    r.text("netns", network.netns, netns_allowed, is_absolute_path);
    r.require("netns", netns_allowed);
    read_subnet(r, "subnet4", 4, 8, 30, kSubnet4Allowed, network.subnet4);
    read_subnet(r, "subnet6", 6, 48, 126, kSubnet6Allowed, network.subnet6);
    if (!r.has("subnet4") && !r.has("subnet6"))
        r.problem("subnet4", "neither subnet4 nor subnet6", kSubnet4Allowed);
    r.integer("mtu", network.mtu, 1280, 65535);
    read_blocks(r, name, "resolvers", egress::kResolversMax,
                "a list of at most 3 addresses of name servers", true, network, network.resolvers,
                problems);
    const std::string blocks_allowed = "a list of at most 32 blocks, like \"0.0.0.0/0\"";
    read_blocks(r, name, "to", egress::kPrefixesMax, blocks_allowed, false, network, network.to,
                problems);
    r.require("to", "what functions may speak to: " + blocks_allowed);
    read_blocks(r, name, "except", egress::kPrefixesMax, blocks_allowed, false, network,
                network.except, problems);
    const std::string ports_allowed = "a list of at most 16 ports, 1 to 65535";
    r.list("tcp_ports", egress::kTcpPortsMax, ports_allowed, [&](const toml::node& node) {
        const auto* port = node.as_integer();
        if (port == nullptr || port->get() < 1 || port->get() > 65535)
            return problems.add(line_of(node), name + "tcp_ports", describe(node), ports_allowed);
        network.tcp_ports.push_back(static_cast<std::uint16_t>(port->get()));
    });
    if (r.has("tcp_ports") && network.tcp_ports.empty())
        r.problem("tcp_ports", "no port", ports_allowed + "; without the key, all");
    compare(network, config, r);
    r.finish();
    config.egress.push_back(std::move(network));
}

}  // namespace skerry::config
