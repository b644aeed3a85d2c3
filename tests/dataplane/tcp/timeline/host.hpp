// The stack under test with its surroundings: buffers, a port, a clock, and a list of what it sent.
#pragma once

#include <rte_mempool.h>

#include <array>
#include <deque>
#include <memory>

#include "dataplane/net/neighbours.hpp"
#include "dataplane/net/tcp/stack.hpp"
#include "tests/dataplane/tcp/timeline/wire.hpp"

namespace skerry::timeline {

inline const net::MacAddress kOurMac{{2, 0, 0, 0, 0, 1}};
inline const net::MacAddress kPeerMac{{2, 0, 0, 0, 0, 0x99}};

// The network: what classify() and the stack are told of it.
struct Addresses {
    IpAddress ours4 = frames::ip("192.0.2.1"), peer4 = frames::ip("192.0.2.9");
    IpAddress ours6 = frames::ip("2001:db8::1"), peer6 = frames::ip("2001:db8::9");
};

struct SentAt {
    std::uint64_t at_us = 0;
    Bytes frame;
};

class Host {
  public:
    // `counters`: nullptr makes some of its own.
    Host(const net::tcp::Options& options, std::uint16_t mtu, CoreCounters* counters = nullptr);
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    net::tcp::Stack& stack() { return *stack_; }
    std::uint64_t now_us() const { return now_us_; }
    // A frame arrives: classified, and given to the stack if it is its business. Shown to
    // answer_flood() first, if `takes_short_way`.
    void arrive(const Bytes& frame);
    bool takes_short_way = false;
    // Not 0: in buffers of so many bytes, headers whole. What does not fit one buffer comes in
    // several anyhow.
    std::size_t piece_bytes = 0;
    // Lets time pass up to `until_us`, or to the first frame that is sent if `stop_at_frame`.
    void pass(std::uint64_t until_us, bool stop_at_frame);
    void flush();  // what a turn of the core does after everything else
    std::uint64_t counted(std::string_view reason) const;  // ~0: no such reason
    // Takes all free packet buffers, or gives them back.
    void hold_buffers(bool hold);
    bool buffers_are_held() const { return !held_.empty(); }
    std::uint32_t buffers_in_use() const;
    void destroy_stack() { stack_.reset(); }

    std::deque<SentAt> sent;
    Addresses addresses;

  private:
    static void send(void* self, rte_mbuf* frame, std::uint8_t port);

    rte_mempool* pool_;
    std::vector<net::IpPrefix> prefixes_;
    std::array<net::PortView, 1> ports_;
    net::Neighbours neighbours_;
    std::unique_ptr<CoreCounters> own_counters_;
    CoreCounters* counters_;
    std::unique_ptr<net::tcp::Stack> stack_;
    std::vector<rte_mbuf*> held_;
    std::uint64_t now_us_ = 1'000'000'000;
};

}  // namespace skerry::timeline
