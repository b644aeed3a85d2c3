// tc-bpf(8) by rtnetlink: a program of classic BPF, which needs no bpf(2), decides about each
// frame. IPv4 has a check of its own (rp_filter); IPv6 has none in the kernel.
#include "sandbox/egress/source_check.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace skerry::egress {
namespace {

constexpr std::uint32_t kTypeAt = 12;  // in an Ethernet frame
constexpr std::uint32_t kSource4At = ETH_HLEN + 12;
constexpr std::uint32_t kSource6At = ETH_HLEN + 8;
constexpr std::size_t kWordBytes = 4;

class Program {
  public:
    // Passes what has the EtherType and, at `at`, the address; what has the type alone is dropped.
    void pass(std::uint16_t type, std::uint32_t at, const Prefix& address) {
        const auto words = static_cast<std::uint8_t>(address_bytes(address) / kWordBytes);
        put(BPF_LD | BPF_H | BPF_ABS, kTypeAt);
        put(BPF_JMP | BPF_JEQ | BPF_K, type, 0, static_cast<std::uint8_t>(2 * words + 2));
        for (std::uint8_t i = 0; i < words; ++i) {
            std::uint32_t word = 0;
            std::memcpy(&word, address.bytes.data() + i * kWordBytes, kWordBytes);
            put(BPF_LD | BPF_W | BPF_ABS, at + i * static_cast<std::uint32_t>(kWordBytes));
            put(BPF_JMP | BPF_JEQ | BPF_K, ntohl(word), 0,
                static_cast<std::uint8_t>(2 * (words - 1 - i) + 1));
        }
        put(BPF_RET | BPF_K, TC_ACT_OK);
        put(BPF_RET | BPF_K, TC_ACT_SHOT);
    }
    void drop_the_rest() { put(BPF_RET | BPF_K, TC_ACT_SHOT); }

    const void* data() const { return code_.data(); }
    std::uint16_t size() const { return size_; }

  private:
    void put(int code, std::uint32_t value, std::uint8_t if_true = 0, std::uint8_t if_false = 0) {
        code_[size_++] = {static_cast<std::uint16_t>(code), if_true, if_false, value};
    }
    std::array<sock_filter, 24> code_{};
    std::uint16_t size_ = 0;
};

int add_hook(Netlink& there, std::uint32_t index) {
    Request request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
    auto* const made = request.payload<tcmsg>();
    made->tcm_ifindex = static_cast<int>(index);
    made->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    made->tcm_parent = TC_H_CLSACT;
    request.put_text(TCA_KIND, "clsact");
    return there.ask(request);
}

}  // namespace

int check_sources(Netlink& there, std::uint32_t index, const Wiring& wiring) {
    if (const int error = add_hook(there, index); error != 0) return error;
    Program program;
    if (wiring.address4.bits != 0) program.pass(ETH_P_IP, kSource4At, wiring.address4);
    if (wiring.address6.bits != 0) program.pass(ETH_P_IPV6, kSource6At, wiring.address6);
    program.drop_the_rest();

    Request request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
    auto* const made = request.payload<tcmsg>();
    made->tcm_ifindex = static_cast<int>(index);
    made->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
    made->tcm_info =
        TC_H_MAKE(1u << 16, htons(ETH_P_ALL));  // its priority, and what it is asked about
    request.put_text(TCA_KIND, "bpf");
    nlattr* const options = request.begin(TCA_OPTIONS);
    const std::uint16_t length = program.size();
    request.put(TCA_BPF_OPS_LEN, &length, sizeof length);
    request.put(TCA_BPF_OPS, program.data(), length * sizeof(sock_filter));
    request.put_u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    request.end(options);
    return there.ask(request);
}

}  // namespace skerry::egress
