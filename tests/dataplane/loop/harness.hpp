// One core without a NIC: packets in through a ring, turns, packets out through another. The worker
// is played by the test, on the real channel memory; regions and clients are peers that the test
// plays.
//
// The fixture ends by proving that every packet buffer has come back.
#pragma once

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/loop.hpp"
#include "sandbox/channel/host.hpp"

namespace skerry::test {

// A message as a peer sees it.
struct Message {
    wire::Header header{};
    std::string payload;
    net::Path path;  // from the server's point of view: peer is who gets it

    wire::Kind kind() const { return static_cast<wire::Kind>(header.kind); }
    ReplyStatus status() const { return static_cast<ReplyStatus>(header.status); }
};

struct Peer {
    net::IpAddress address;
    std::uint16_t udp = 0;
    net::MacAddress mac;
};

Peer client(std::uint16_t udp = 40000);
Peer client6(std::uint16_t udp = 40000);
Peer region_peer(std::uint32_t region);
Peer region_peer6(std::uint32_t region);

inline constexpr std::uint64_t kFunctionKey = 0x1111;
inline constexpr std::uint64_t kVersionKey = 0xaaaa;

// The header of a good request, cookie included.
wire::Header request_header(const Shared& shared, const Peer& from, std::uint64_t id);

// A worker's side of one channel.
class PlayedWorker {
  public:
    PlayedWorker(Shared& shared, std::uint32_t entry, std::uint32_t slots, std::uint32_t index = 0,
                 std::uint32_t area_bytes = 2048, std::uint32_t ahead_slots = 0);

    Channel channel;
    // Requests that have been handed over since the last call: one bit a slot.
    std::uint64_t take();
    // The next one, as a worker that takes singly does; channel::kNothingTaken: there is none.
    std::uint32_t take_one();
    std::string request(std::uint32_t slot) const;
    void respond(std::uint32_t slot, const std::string& bytes, std::uint32_t status = 0);
    channel::SlotControl& slot(std::uint32_t i) const { return *channel.slot(i); }
    void claim_answered(std::uint32_t slot);

  private:
    channel::HostChannel memory_;
    Shared& shared_;
    std::uint32_t next_ = 0;
};

class LoopTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    // Before start().
    std::vector<Target> targets;
    std::uint32_t region_count = 0;
    ServerInfo info;
    std::uint16_t return_first = 0;  // the port's return ports
    std::uint16_t return_udp = 0;    // the core's, for every region
    std::uint16_t region_max_payload = 1360;
    bool regions_ipv6 = false;
    bool neighbours_known = true;
    bool sticky = true;  // the port keeps a source on one queue

    std::uint32_t payload_buffers = 64;  // where info.http.port is set
    bool keeps_events = false;           // rings for the queue of events, which the test plays

    void start();
    std::shared_ptr<const classify::Published> routes;  // of HTTP requests; none
    SnapshotExtras extras;
    std::shared_ptr<const rules::Set> rules;  // admission rules; none
    void publish(bool draining = false);
    void set_region(std::uint32_t region, std::uint32_t rtt_us, std::uint16_t weight = 1000);
    static Target target(std::uint32_t entry);

    // Datagrams go to the server's UDP port, or to this one.
    std::uint16_t send_to_udp = 0;
    void send(const Peer& from, const wire::Header& header, const std::string& payload = "");
    void send_raw(const Peer& from, const std::string& datagram);
    // A frame as it lies on the wire.
    void send_frame(const std::vector<std::uint8_t>& frame);
    // What was handed over to a core that nobody runs; frees it.
    std::uint32_t take_handed_over(std::uint32_t core);
    // Turns once; everything that was sent is in `sent` afterwards.
    void turn();
    // Turns until something was sent, or a second has passed.
    bool turn_until_sent();
    template <typename Condition>
    bool turn_until(Condition&& condition) {
        const std::uint64_t limit = rte_rdtsc() + 5 * rte_get_tsc_hz();
        while (!condition()) {
            if (rte_rdtsc() > limit) return false;
            turn();
        }
        return true;
    }
    // Takes what was sent into `sent` and `other_sent`.
    void collect_sent();
    // Payloads that are being gathered, or kept for who reads slowly.
    std::uint32_t payload_buffers_in_use() const { return rte_mempool_in_use_count(payloads_); }
    // Frees what was sent without looking at it.
    void drop_sent();
    // Takes the oldest message that was sent.
    Message next();
    std::uint64_t count(Reason reason) const;

    Shared shared;
    std::unique_ptr<Core> core;
    std::vector<Message> sent;
    std::vector<std::vector<std::uint8_t>> other_sent;  // frames that are not UDP

  private:
    void start_port(const std::string& name);
    void make_rings(const std::string& name);
    rte_mempool* pool_ = nullptr;
    rte_mempool* payloads_ = nullptr;
    rte_ring* rx_ = nullptr;
    rte_ring* tx_ = nullptr;
    int port_ = -1;
    std::vector<net::IpPrefix> addresses_;
    channel::Doorbells doorbells_;
    std::unique_ptr<const Snapshot> snapshot_;
};

}  // namespace skerry::test
