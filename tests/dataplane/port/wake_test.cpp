// What wakes a sleeping core: it must find the packet that it was woken for.
#include "dataplane/port/wake.hpp"

#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "dataplane/port/ports.hpp"

namespace skerry::port {
namespace {

constexpr std::uint32_t kPackets = 300;

// The other end of the veth pair, which sends one packet whenever it is told to.
class Sender {
  public:
    explicit Sender(const char* interface) {
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
        socket_ = UniqueFd(::socket(AF_PACKET, SOCK_RAW, 0));
        EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        thread_ = std::thread([this] { run(); });
    }
    ~Sender() {
        asked_.store(~0u);
        thread_.join();
    }
    void send_one() { asked_.fetch_add(1); }

  private:
    void run() {
        // Of an EtherType for experiments: the kernel has no interest in it.
        const std::uint8_t frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
                                        0,    0,    0,    0,    1,    0x88, 0xb5};
        for (std::uint32_t sent = 0;;) {
            const std::uint32_t asked = asked_.load();
            if (asked == ~0u) return;
            if (asked == sent) {
                std::this_thread::yield();
                continue;
            }
            EXPECT_EQ(send(socket_.get(), frame, sizeof frame, 0), 64);
            ++sent;
        }
    }
    UniqueFd socket_;
    std::atomic<std::uint32_t> asked_{0};
    std::thread thread_;
};

TEST(Wake, ComesNoSoonerThanThePacket) {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    ASSERT_EQ(std::system("ip link add wt0 type veth peer name wt1 && "
                          "sysctl -qw net.ipv6.conf.wt0.disable_ipv6=1 "
                          "net.ipv6.conf.wt1.disable_ipv6=1 && "
                          "ip link set wt0 up && ip link set wt1 up"),
              0);
    PortSpec spec;
    spec.devargs = "net_af_packet_wt,iface=wt0";
    auto ports = Ports::open({&spec, 1}, {.mbufs = 1024, .wake = true});
    ASSERT_TRUE(ports) << ports.error().text;
    ASSERT_EQ((*ports)->wake_fds(0).size(), 1u);
    const int wake = (*ports)->wake_fds(0)[0];
    const std::uint16_t port = (*ports)->views()[0].dpdk_port;
    Sender sender("wt1");
    std::uint32_t in_vain = 0;
    rte_mbuf* burst[32];
    for (std::uint32_t i = 0; i < kPackets; ++i) {
        sender.send_one();
        std::uint8_t byte = 0;
        while (recv(wake, &byte, 1, MSG_DONTWAIT) != 1) std::this_thread::yield();
        std::uint16_t count = rte_eth_rx_burst(port, 0, burst, 32);
        in_vain += count == 0 ? 1 : 0;
        while (count == 0) count = rte_eth_rx_burst(port, 0, burst, 32);
        rte_pktmbuf_free_bulk(burst, count);
    }
    EXPECT_EQ(in_vain, 0u);
}

}  // namespace
}  // namespace skerry::port
