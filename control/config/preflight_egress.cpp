// Whether egress networks are as workers need them: looked at from inside, by a child that enters
// the operator's namespace and ends.
#include <ifaddrs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "control/config/egress.hpp"
#include "control/config/preflight_kernel.hpp"
#include "sandbox/egress/connect.hpp"
#include "sandbox/egress/leases.hpp"

namespace skerry::config {
namespace {

// What the child found, as bits of its exit code.
enum Finding : int {
    kNotEntered = 1,
    kNoForwarding4 = 2,
    kNoForwarding6 = 4,
    kNoUplink = 8,
    kNoLinks = 16,
    kNoFilters = 32,
};

// An interface that is up, beside loopback and the links of workers.
bool has_uplink() {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return false;
    bool found = false;
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next)
        found |= (each->ifa_flags & IFF_UP) != 0 && (each->ifa_flags & IFF_LOOPBACK) == 0 &&
                 !std::string_view(each->ifa_name).starts_with("sk");
    freeifaddrs(list);
    return found;
}

// /proc/sys/net is that of the namespace whose process looks.
bool forwards(const char* setting) {
    return first_line(std::string("/proc/sys/net/") + setting) == "1";
}

[[noreturn]] void look(int namespace_fd) {
    int found = 0;
    if (setns(namespace_fd, CLONE_NEWNET) != 0) _exit(kNotEntered);
    if (!forwards("ipv4/ip_forward")) found |= kNoForwarding4;
    if (!forwards("ipv6/conf/all/forwarding")) found |= kNoForwarding6;
    if (!has_uplink()) found |= kNoUplink;
    // In a namespace of its own: nothing is changed in the operator's.
    if (unshare(CLONE_NEWNET) != 0) _exit(found | kNoLinks);
    const egress::Part failed = egress::try_link().failed;
    if (failed != egress::Part::none)
        found |= failed == egress::Part::sources ? kNoFilters : kNoLinks;
    _exit(found);
}

int findings(int namespace_fd) {
    const pid_t child = fork();
    if (child < 0) return kNotEntered;
    if (child == 0) look(namespace_fd);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : kNotEntered;
}

// "ip netns exec NAME", or what does the same for a namespace that ip(8) does not know.
std::string inside(const egress::Network& network) {
    constexpr char kUsual[] = "/run/netns/";
    if (network.netns.starts_with(kUsual))
        return "ip netns exec " + network.netns.substr(sizeof kUsual - 1) + " ";
    return "nsenter --net=" + network.netns + " ";
}

void complain(Need& need, Need::State state, const std::string& found, const std::string& mend) {
    need.found += ", " + found;
    need.mend += (need.mend.empty() ? "" : "; ") + mend;
    need.state = std::max(need.state, state);
}

// Workers of other functions do without: a server with a network that is not there starts.
Need check_network(const egress::Network& network, const Config& config) {
    Need need{"egress network " + network.name, network.netns,
              "a network namespace that forwards, with an uplink and an address for each worker",
              "", Need::ok};
    const auto opened = egress::open_namespace(network);
    if (!opened) {
        const std::string& text = opened.error().text;
        const auto at = text.rfind("; ");
        need.found = text.substr(0, at);
        need.mend = at == std::string::npos ? text : text.substr(at + 2);
        const std::string make = "make it with: ";
        if (need.mend.starts_with(make)) need.mend = need.mend.substr(make.size());
        need.state = Need::warning;
        return need;
    }
    const int found = findings(opened->get());
    if (found & kNotEntered) {
        complain(need, Need::warning, "which can't be entered as a network namespace",
                 "a network namespace at that path; run as root");
        return need;
    }
    if (network.subnet4 && (found & kNoForwarding4))
        complain(need, Need::warning, "does not forward IPv4",
                 inside(network) + "sysctl -w net.ipv4.ip_forward=1");
    if (network.subnet6 && (found & kNoForwarding6))
        complain(need, Need::warning, "does not forward IPv6",
                 inside(network) + "sysctl -w net.ipv6.conf.all.forwarding=1");
    if (found & kNoUplink)
        complain(need, Need::warning, "has no interface that is up but its loopback",
                 "give it an uplink: docs/operations.md, \"Egress networks\"");
    if (found & kNoLinks)
        complain(need, Need::warning, "and this kernel makes no veth", "modprobe veth");
    if (found & kNoFilters)
        complain(need, Need::warning, "and this kernel makes no filter of sources on a veth",
                 "modprobe -a sch_ingress cls_bpf");
    if (!network.tcp_ports.empty() && landlock_version() < 4)
        complain(
            need, Need::warning,
            "and this kernel has no rules about ports for its tcp_ports: no worker starts with it",
            "Linux 6.7 or newer with Landlock; or without tcp_ports, a filter in the namespace");
    const std::uint32_t addresses = address_count(network);
    if (addresses < config.workers.max)
        complain(need, Need::warning,
                 std::to_string(addresses) + " addresses for up to " +
                     std::to_string(config.workers.max) + " workers",
                 "a larger subnet, or a smaller workers.max");
    return need;
}

}  // namespace

std::vector<Need> check_egress(const Config& config) {
    std::vector<Need> needs;
    for (const egress::Network& network : config.egress)
        needs.push_back(check_network(network, config));
    return needs;
}

}  // namespace skerry::config
