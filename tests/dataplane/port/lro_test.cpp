// A real pair of ports, one of which puts segments together: net_virtio_user, as a guest has it,
// and net_vhost, as its host has, over a socket and shared pages. What the host sends as one frame
// to be cut (TSO) comes to the guest whole, in several buffers, and never gets a checksum.
#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "dataplane/net/neighbours.hpp"
#include "dataplane/port/ports.hpp"
#include "tests/dataplane/chains.hpp"

namespace skerry::port {
namespace {

using frames::Bytes;
using frames::ip;

constexpr std::size_t kPayload = 40'000;
constexpr std::uint16_t kPiece = 1448;

class VirtioPair : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("skerry-lro-" + std::to_string(getpid()) + "-" + std::to_string(made_++));
        std::filesystem::create_directory(folder_);
        const std::string number = std::to_string(made_);
        host_name_ = "net_vhost" + number;
        const std::string socket = (folder_ / "vhost").string();
        ASSERT_EQ(rte_dev_probe((host_name_ + ",iface=" + socket + ",tso=1").c_str()), 0);
        ASSERT_EQ(rte_eth_dev_get_port_by_name(host_name_.c_str(), &host_), 0);
        pool_ = rte_pktmbuf_pool_create(("host" + number).c_str(), 1023, 0, 0,
                                        RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        ASSERT_NE(pool_, nullptr);
        const rte_eth_conf conf{};
        ASSERT_EQ(rte_eth_dev_configure(host_, 1, 1, &conf), 0);
        ASSERT_EQ(rte_eth_rx_queue_setup(host_, 0, 256, SOCKET_ID_ANY, nullptr, pool_), 0);
        ASSERT_EQ(rte_eth_tx_queue_setup(host_, 0, 256, SOCKET_ID_ANY, nullptr), 0);
        ASSERT_EQ(rte_eth_dev_start(host_), 0);
        spec_ = {"net_virtio_user" + number + ",path=" + socket, {{ip("10.0.0.2"), 24}}, 1500};
    }
    void TearDown() override {
        rte_eth_dev_stop(host_);
        EXPECT_EQ(rte_eth_dev_close(host_), 0);
        EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u) << "the host's buffers";
        rte_mempool_free(pool_);
        std::filesystem::remove_all(folder_);
    }

    // A segment for the port to cut, as a sender with TSO makes it.
    rte_mbuf* to_be_cut(const net::MacAddress& to) const {
        Bytes payload(kPayload);
        for (std::size_t i = 0; i < kPayload; ++i) payload[i] = static_cast<std::uint8_t>(i * 7);
        // The checksum is left to whoever needs one.
        const Bytes l4 =
            frames::tcp({.checksum_off_by = 0x1234}, ip("10.0.0.9"), ip("10.0.0.2"), payload);
        const Bytes frame = frames::ethernet(
            {.to = to, .from = {{2, 0, 0, 0, 0, 9}}},
            frames::ipv4({.from = ip("10.0.0.9"), .to = ip("10.0.0.2"), .protocol = 6}, l4));
        rte_mbuf* mbuf = frames::chain_of(frame, pool_, 2048, [] { return 2048; });
        mbuf->l2_len = 14;
        mbuf->l3_len = 20;
        mbuf->l4_len = 20;
        mbuf->tso_segsz = kPiece;
        mbuf->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
        return mbuf;
    }
    // The device's own thread answers the guest: it may take a while until it is up.
    void send(rte_mbuf* mbuf) const {
        for (int i = 0; i < 5000; ++i) {
            if (rte_eth_tx_burst(host_, 0, &mbuf, 1) == 1) return;
            rte_delay_us_sleep(1000);
        }
        rte_pktmbuf_free(mbuf);
        FAIL() << "the host could not send";
    }
    static rte_mbuf* receive(const net::PortView& view) {
        rte_mbuf* mbuf = nullptr;
        for (int i = 0; i < 5000; ++i) {
            if (rte_eth_rx_burst(view.dpdk_port, 0, &mbuf, 1) == 1) return mbuf;
            rte_delay_us_sleep(1000);
        }
        return nullptr;
    }

    PortSpec spec_;
    rte_mempool* pool_ = nullptr;
    std::uint16_t host_ = 0;

  private:
    static inline int made_ = 0;
    std::filesystem::path folder_;
    std::string host_name_;
};

TEST_F(VirtioPair, IsAskedForAndMakesFramesOfSeveralBuffers) {
    auto ports = Ports::open({&spec_, 1}, {.cores = 1, .mbufs = 1023, .tcp = true});
    ASSERT_TRUE(ports) << ports.error().text;
    const net::PortView& view = (*ports)->views()[0];
    EXPECT_TRUE(view.lro);
    EXPECT_TRUE(view.rx_tcp_checksum);
    EXPECT_GT(view.tso_bytes, 60'000u) << "it cuts, though it makes no checksums of IP";
    EXPECT_FALSE(view.tx_ip_checksum);
    send(to_be_cut(view.mac));
    rte_mbuf* mbuf = receive(view);
    ASSERT_NE(mbuf, nullptr);
    EXPECT_GT(mbuf->nb_segs, kPayload / 2200);
    EXPECT_EQ(mbuf->pkt_len, 14 + 20 + 20 + kPayload);
    EXPECT_TRUE(mbuf->ol_flags & RTE_MBUF_F_RX_LRO);
    EXPECT_EQ(mbuf->tso_segsz, kPiece);
    net::Neighbours none;
    const net::Frame frame = net::classify(mbuf, 0, view, 4600, none, 0);
    ASSERT_EQ(frame.kind, net::FrameKind::tcp) << info(frame.reason).name;
    EXPECT_EQ(frame.payload_bytes, 20 + kPayload);
    // Without the port's word nothing could be known of it, and that of nobody else is taken.
    net::PortView other = view;
    other.rx_tcp_checksum = false;
    EXPECT_EQ(net::classify(mbuf, 0, other, 4600, none, 0).reason, Reason::drop_tcp_checksum);
    other.lro = false;
    EXPECT_EQ(net::classify(mbuf, 0, other, 4600, none, 0).reason, Reason::drop_chain);
    rte_pktmbuf_free(mbuf);
}

TEST_F(VirtioPair, IsNotAskedForWhereTcpIsNotSpoken) {
    auto ports = Ports::open({&spec_, 1}, {.cores = 1, .mbufs = 1023});
    ASSERT_TRUE(ports) << ports.error().text;
    EXPECT_FALSE((*ports)->views()[0].lro);
}

// One that has no place for them: the host must not send any.
TEST_F(VirtioPair, IsNotAskedForWhereFramesCantBeInSeveralBuffers) {
    spec_.devargs += ",mrg_rxbuf=0";
    auto ports = Ports::open({&spec_, 1}, {.cores = 1, .mbufs = 1023, .tcp = true});
    ASSERT_TRUE(ports) << ports.error().text;
    EXPECT_FALSE((*ports)->views()[0].lro);
}

// Software GRO is not done: a port that has no LRO is as it was.
TEST(Lro, IsNotThereWhereThePortHasNone) {
    const PortSpec spec{"net_null_lro", {{ip("10.0.0.2"), 24}}, 1500};
    auto ports = Ports::open({&spec, 1}, {.cores = 1, .mbufs = 1023, .tcp = true});
    ASSERT_TRUE(ports) << ports.error().text;
    EXPECT_FALSE((*ports)->views()[0].lro);
}

}  // namespace
}  // namespace skerry::port
