#include "dataplane/port/wake.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

namespace skerry::port {

std::optional<std::string> wakeable_interface(const std::string& devargs) {
    if (devargs.rfind("net_af_packet", 0) != 0) return std::nullopt;
    const std::size_t key = devargs.find(",iface=");
    if (key == std::string::npos) return std::nullopt;
    const std::size_t start = key + 7;
    return devargs.substr(start, devargs.find(',', start) - start);
}

Result<UniqueFd> open_wake_socket(const std::string& interface) {
    const unsigned index = if_nametoindex(interface.c_str());
    if (index == 0) return errno_error("interface " + interface);
    // Protocol 0: nothing is delivered before the filter is in place.
    UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!socket) return errno_error("socket(AF_PACKET)");
    sock_filter one_byte[] = {BPF_STMT(BPF_RET | BPF_K, 1)};
    const sock_fprog program{1, one_byte};
    const int smallest = 1;
    const int yes = 1;
    if (setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
        return errno_error("SO_ATTACH_FILTER");
    if (setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest) != 0)
        return errno_error("SO_RCVBUF");
    if (setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0)
        return errno_error("PACKET_IGNORE_OUTGOING");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    if (bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return errno_error("bind to interface " + interface);
    return socket;
}

}  // namespace skerry::port
