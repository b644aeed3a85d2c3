// The two ends know each other's address beforehand, so nothing is ever asked or announced on the
// wire, and a worker can't fill the tables that the kernel keeps of neighbours: all that it sends
// has one next hop.
#include "sandbox/egress/connect.hpp"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/egress/netlink.hpp"
#include "sandbox/egress/source_check.hpp"

namespace skerry::egress {
namespace {

constexpr char kWorkersName[] = "eth0";
constexpr std::uint32_t kWorkersIndex = 2;  // the first after lo's
constexpr int kLooksMax = 200;
constexpr useconds_t kPause_us = 500;
// The same in every pair: they never meet. Locally administered (IEEE 802).
constexpr std::uint8_t kPeersMac[6] = {0x02, 0, 0, 0, 0, 1};
constexpr std::uint8_t kWorkersMac[6] = {0x02, 0, 0, 0, 0, 2};
// The next hop of everything. No interface has them: they stand for the peer's MAC alone.
constexpr Prefix kGateway4 = {{169, 254, 1, 1}, 32, 4};
constexpr Prefix kGateway6 = {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, 6};

std::uint8_t family_of(const Prefix& prefix) {
    return prefix.family == 4 ? AF_INET : AF_INET6;
}

int make_pair(Netlink& there, const Wiring& wiring, int own_fd) {
    Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    request.payload<ifinfomsg>();
    request.put_text(IFLA_IFNAME, wiring.peer_name);
    request.put(IFLA_ADDRESS, kPeersMac, sizeof kPeersMac);
    request.put_u32(IFLA_MTU, wiring.mtu);
    nlattr* const info = request.begin(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "veth");
    nlattr* const data = request.begin(IFLA_INFO_DATA);
    nlattr* const peer = request.begin(VETH_INFO_PEER);
    request.payload<ifinfomsg>()->ifi_index = kWorkersIndex;
    request.put_text(IFLA_IFNAME, kWorkersName);
    request.put(IFLA_ADDRESS, kWorkersMac, sizeof kWorkersMac);
    request.put_u32(IFLA_MTU, wiring.mtu);
    request.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(own_fd));
    request.end(peer);
    request.end(data);
    request.end(info);
    const int error = there.ask(request);
    return error == EEXIST ? EADDRINUSE : error;
}

// Up, with no address of its own making. `strict`: packets are taken from where answers to them
// would go, only (RFC 3704).
int set_up(Netlink& netlink, std::uint32_t index, bool strict) {
    Request request(RTM_SETLINK, 0);
    auto* const link = request.payload<ifinfomsg>();
    link->ifi_index = static_cast<int>(index);
    link->ifi_flags = IFF_UP | IFF_NOARP;
    link->ifi_change = IFF_UP | IFF_NOARP | IFF_MULTICAST;
    nlattr* const families = request.begin(IFLA_AF_SPEC);
    nlattr* const v4 = request.begin(AF_INET);
    nlattr* const settings = request.begin(IFLA_INET_CONF);
    if (strict) request.put_u32(IPV4_DEVCONF_RP_FILTER, 1);
    request.put_u32(IPV4_DEVCONF_ACCEPT_REDIRECTS, 0);
    request.put_u32(IPV4_DEVCONF_SEND_REDIRECTS, 0);
    request.put_u32(IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE, 0);
    request.end(settings);
    request.end(v4);
    nlattr* const v6 = request.begin(AF_INET6);
    request.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    request.end(v6);
    request.end(families);
    return netlink.ask(request);
}

int add_address(Netlink& netlink, const Prefix& address) {
    Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    auto* const made = request.payload<ifaddrmsg>();
    made->ifa_family = family_of(address);
    made->ifa_prefixlen = address.bits;
    made->ifa_index = kWorkersIndex;
    request.put(IFA_LOCAL, address.bytes.data(), address_bytes(address));
    request.put(IFA_ADDRESS, address.bytes.data(), address_bytes(address));
    // There is nobody to ask whether somebody else has it.
    request.put_u32(IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT);
    return netlink.ask(request);
}

int add_neighbour(Netlink& netlink, std::uint32_t index, const Prefix& address,
                  const std::uint8_t (&mac)[6]) {
    Request request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    auto* const made = request.payload<ndmsg>();
    made->ndm_family = family_of(address);
    made->ndm_ifindex = static_cast<int>(index);
    made->ndm_state = NUD_PERMANENT;
    request.put(NDA_DST, address.bytes.data(), address_bytes(address));
    request.put(NDA_LLADDR, mac, sizeof mac);
    return netlink.ask(request);
}

// `gateway`: the next hop; none: the destination is the interface's other end.
int add_route(Netlink& netlink, std::uint32_t index, const Route& route, const Prefix* gateway) {
    Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    auto* const made = request.payload<rtmsg>();
    made->rtm_family = family_of(route.to);
    made->rtm_dst_len = route.to.bits;
    made->rtm_table = RT_TABLE_MAIN;
    made->rtm_protocol = RTPROT_STATIC;
    made->rtm_type = route.refused ? RTN_PROHIBIT : RTN_UNICAST;
    made->rtm_scope = gateway == nullptr && !route.refused ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    if (route.to.bits != 0) request.put(RTA_DST, route.to.bytes.data(), address_bytes(route.to));
    if (!route.refused) {
        request.put_u32(RTA_OIF, index);
        if (gateway != nullptr) {
            made->rtm_flags = RTNH_F_ONLINK;
            request.put(RTA_GATEWAY, gateway->bytes.data(), address_bytes(*gateway));
        }
    }
    const int error = netlink.ask(request);
    return error == EEXIST ? EADDRINUSE : error;
}

// The namespace's way to the worker, of which there is one for each address: EADDRINUSE otherwise.
int settle_there(Netlink& there, const Wiring& wiring) {
    const std::uint32_t index = there.index_of(wiring.peer_name);
    if (index == 0) return errno;
    if (const int error = set_up(there, index, true); error != 0) return error;
    for (const Prefix& address : {wiring.address4, wiring.address6}) {
        if (address.bits == 0) continue;
        if (const int error = add_neighbour(there, index, address, kWorkersMac); error != 0)
            return error;
        if (const int error = add_route(there, index, {address}, nullptr); error != 0) return error;
    }
    return 0;
}

int settle_here(Netlink& here, const Wiring& wiring) {
    for (const auto& [address, gateway] :
         {std::pair(wiring.address4, kGateway4), std::pair(wiring.address6, kGateway6)}) {
        if (address.bits == 0) continue;
        if (const int error = add_address(here, address); error != 0) return error;
        if (const int error = add_neighbour(here, kWorkersIndex, gateway, kPeersMac); error != 0)
            return error;
    }
    for (std::uint32_t i = 0; i < wiring.route_count; ++i) {
        const Route& route = wiring.routes[i];
        const bool v4 = route.to.family == 4;
        if ((v4 ? wiring.address4 : wiring.address6).bits == 0) continue;
        const int error = add_route(here, kWorkersIndex, route, v4 ? &kGateway4 : &kGateway6);
        if (error != 0) return error;
    }
    return 0;
}

// The kernel brings the end that was up first into use by itself, a moment after the second came
// up: what is sent before that is lost, and sent again a second later.
void wait_until_up(Netlink& netlink, std::uint32_t index) {
    for (int looks = 0; looks < kLooksMax && !netlink.is_up(index); ++looks) ::usleep(kPause_us);
}

}  // namespace

Connected connect(const Wiring& wiring, int namespace_fd) {
    const UniqueFd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!own) return {Part::enter, errno};
    Netlink here;
    Netlink there;
    if (const int error = here.open(); error != 0) return {Part::enter, error};
    if (::setns(namespace_fd, CLONE_NEWNET) != 0) return {Part::enter, errno};
    const int opened = there.open();
    if (::setns(own.get(), CLONE_NEWNET) != 0) return {Part::enter, errno};
    if (opened != 0) return {Part::enter, opened};
    if (const int error = make_pair(there, wiring, own.get()); error != 0)
        return {Part::link, error};
    // Before it is up: nothing comes through that was not looked at.
    if (const int error = check_sources(there, there.index_of(wiring.peer_name), wiring);
        error != 0)
        return {Part::sources, error};
    if (const int error = settle_there(there, wiring); error != 0) return {Part::settings, error};
    if (const int error = set_up(here, kWorkersIndex, false); error != 0)
        return {Part::settings, error};
    if (const int error = settle_here(here, wiring); error != 0) return {Part::addresses, error};
    wait_until_up(there, there.index_of(wiring.peer_name));
    wait_until_up(here, kWorkersIndex);
    return {};
}

Connected try_link() {
    Netlink netlink;
    if (const int error = netlink.open(); error != 0) return {Part::link, error};
    Request made(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    made.payload<ifinfomsg>();
    made.put_text(IFLA_IFNAME, "sktry0");
    nlattr* const info = made.begin(IFLA_LINKINFO);
    made.put_text(IFLA_INFO_KIND, "veth");
    made.end(info);
    if (const int error = netlink.ask(made); error != 0) return {Part::link, error};
    const int error = check_sources(netlink, netlink.index_of("sktry0"), Wiring{});
    Request gone(RTM_DELLINK, 0);
    gone.payload<ifinfomsg>();
    gone.put_text(IFLA_IFNAME, "sktry0");
    const int left = netlink.ask(gone);
    if (error != 0) return {Part::sources, error};
    return {left != 0 ? Part::link : Part::none, left};
}

}  // namespace skerry::egress
