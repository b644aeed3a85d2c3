#include "sandbox/egress/netlink.hpp"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace skerry::egress {
namespace {

constexpr std::size_t kAnswerBytes = 16384;  // of an interface, some KiB

int take_state(const nlattr* attribute, void* data) {
    if (mnl_attr_get_type(attribute) == IFLA_OPERSTATE)
        *static_cast<std::uint8_t*>(data) = mnl_attr_get_u8(attribute);
    return MNL_CB_OK;
}

int look_for_state(const nlmsghdr* header, void* data) {
    return mnl_attr_parse(header, sizeof(ifinfomsg), take_state, data);
}

}  // namespace

Request::Request(std::uint16_t type, std::uint16_t flags)
    : header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
}

Netlink::~Netlink() {
    if (socket_ != nullptr) (void)mnl_socket_close(socket_);
}

int Netlink::open() {
    socket_ = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket_ == nullptr) return errno;
    return mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) == 0 ? 0 : errno;
}

int Netlink::ask(Request& request, mnl_cb_t hear, void* data) {
    nlmsghdr* const header = request.header();
    header->nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(socket_, header, header->nlmsg_len) < 0) return errno;
    // Of an error the request is part of the answer.
    alignas(nlmsghdr) std::array<char, kAnswerBytes> answer;
    int done = MNL_CB_OK;
    while (done > MNL_CB_STOP) {
        const ssize_t got = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
        if (got < 0) return errno;
        done = mnl_cb_run(answer.data(), static_cast<std::size_t>(got), sequence_,
                          mnl_socket_get_portid(socket_), hear, data);
    }
    return done == MNL_CB_STOP ? 0 : errno;
}

bool Netlink::is_up(std::uint32_t index) {
    Request request(RTM_GETLINK, 0);
    request.payload<ifinfomsg>()->ifi_index = static_cast<int>(index);
    std::uint8_t state = IF_OPER_UNKNOWN;
    return ask(request, look_for_state, &state) == 0 && state == IF_OPER_UP;
}

std::uint32_t Netlink::index_of(const char* name) const {
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (::ioctl(mnl_socket_get_fd(socket_), SIOCGIFINDEX, &request) != 0) return 0;
    return static_cast<std::uint32_t>(request.ifr_ifindex);
}

}  // namespace skerry::egress
