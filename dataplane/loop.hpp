// One core of the dataplane. Core::turn() is the packet path: start reading there (loop.cpp).
//
// Threads: create() anywhere; attach(), turn() and run() on the core's own thread, which must be
// known to DPDK (an lcore, or rte_thread_register()).
#pragma once

#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/context.hpp"
#include "dataplane/decide/decide.hpp"
#include "dataplane/dispatch/dispatcher.hpp"
#include "dataplane/dispatch/ring.hpp"
#include "dataplane/dispatch/waiting_room.hpp"
#include "dataplane/exchange/front.hpp"
#include "dataplane/forward/forwarder.hpp"
#include "dataplane/messages/messages.hpp"
#include "dataplane/probe/prober.hpp"
#include "sandbox/base/result.hpp"

namespace skerry {

struct CoreResources {
    rte_mempool* pool = nullptr;  // with room for the largest frame of every port
    // For payloads of HTTP and of trunks; a private one. None without ServerInfo::speaks_tcp().
    rte_mempool* payload_pool = nullptr;
    // Blocking sockets that get a copy of what a port receives: they wake a sleeping core
    // (dataplane/port/wake.hpp). A port without one is looked at every kShortSleep_us.
    std::vector<int> wake_fds;
    bool all_ports_wake = false;
};

class Core {
  public:
    static constexpr std::uint32_t kBatch = kMaxPorts * kBurst + kBurst;
    // A burst is what makes waking a worker, or the peer, worth its price. So what a flood takes of
    // it, and is answered at once, is made up for: in at most so many bursts, and whole eights,
    // which drivers like.
    static constexpr int kBurstsOfFlood = 3;
    static constexpr std::uint32_t kDriverStep = 8;
    static constexpr std::uint32_t kTimersPerTurn = 64;
    static constexpr std::uint32_t kStartsPerTurn = 64;
    static constexpr std::uint32_t kSpinBeforeSleep_us = 20;
    static constexpr std::uint32_t kLongSleep_us = 5000;
    static constexpr std::uint32_t kShortSleep_us = 500;
    // Requests that wait for workers which have others in hand: the control thread, which may
    // start more workers, hears of them at most this often.
    static constexpr std::uint32_t kNewsPeriod_us = 1000;
    static constexpr std::uint64_t kKickTag = std::uint64_t{1} << 57;
    static constexpr std::uint64_t kWakeTag = std::uint64_t{1} << 58;

    static Result<std::unique_ptr<Core>> create(Shared& shared, std::uint32_t core,
                                                const CoreResources& resources);

    // Makes this thread the core's. An errno value, 0 when all is well.
    int attach();
    // One turn of the packet path. Never blocks unless the core may sleep.
    void turn();
    // Turns until Shared::stop, then hands out what is still to be sent.
    void run();

    Context& context() { return context_; }

  private:
    Core(Shared& shared, std::uint32_t core, const CoreResources& resources,
         std::unique_ptr<Ring> ring);
    void take_segment(rte_mbuf* mbuf, const net::Frame& frame);

    // The stages, in their order (stages.def). Each returns how many packets or requests it had.
    std::uint32_t receive();
    std::uint32_t receive_burst(std::uint8_t port, std::uint32_t most);
    std::uint32_t headers();
    std::uint32_t messages();
    std::uint32_t exchanges();
    std::uint32_t decide();
    std::uint32_t dispatch();
    std::uint32_t forward();
    std::uint32_t collect();
    std::uint32_t waiting();
    std::uint32_t timers();
    std::uint32_t probes();
    std::uint32_t neighbours();
    std::uint32_t segments();
    std::uint32_t transmit();
    void gauges();
    void idle(bool worked);

    struct Verdicts {
        std::uint32_t index;
        Decision decision;
        Claim claim;
        bool share_used;
    };
    bool within_rate(const Arrival& arrival);
    Decision judge(const Target& target, std::uint8_t tenant, const Request& request, Claim& claim,
                   bool& share_used);
    // admission.cpp
    // What an invocation is counted in, from open() to finish().
    struct Entry {
        bool let_in = false;
        bool reserved = false;   // in Shared::reservations
        bool in_tenant = false;  // in Shared::tenants
        std::uint8_t tenant = 0;
        Reason refusal = Reason::refused_no_capacity;
    };
    std::uint8_t tenant_of(const Target& target) const;
    Entry enter(const Target& target, std::uint8_t tenant);
    void leave(const Target& target, const Entry& entry);
    Claim claim_for(std::uint32_t entry, std::uint8_t tenant, bool& share_used);
    void give_back(std::uint32_t entry, const Claim& claim);
    bool has_waiting_room(std::uint32_t entry, std::uint8_t tenant) const;
    bool may_forward(std::uint8_t tenant) const;
    void note_forwarded(Invocation& invocation, bool share_used);
    void count_refusal(std::uint8_t tenant, Reason reason);
    const select::Candidates& candidates();
    Field field_of(const Target& target);
    void remember(Invocation& invocation, const Decision& decision);
    std::uint64_t random_bits(std::uint64_t more);
    std::uint32_t open(const Arrival& arrival, const Entry& entry);
    void wait_for_slot(std::uint32_t index);
    void wait_no_more(std::uint32_t index);
    void ring_control();
    void start_local(std::uint32_t index, const Claim& claim);
    void client_gone(std::uint32_t index);
    bool is_wanted(Invocation& invocation);
    bool serve_first(std::uint32_t index);
    void decide_again(std::uint32_t index);
    void hedge(std::uint32_t index);
    void take_cancels();
    bool cancel(std::uint32_t index);
    void handover_bells();
    void ring_workers();
    void take_completions();
    bool anything_to_do();
    void sleep(std::uint32_t timeout_us);

    Context context_;
    std::unique_ptr<limits::Sources> sources_;  // none: no source has a limit
    CoreResources resources_;
    std::unique_ptr<Ring> ring_;
    Dispatcher dispatcher_;
    WaitingRoom waiting_;
    Forwarder forwarder_;
    Prober prober_;
    Messages messages_;
    std::unique_ptr<Front> front_;  // none: no HTTP, no trunks

    struct Received {
        rte_mbuf* mbuf;
        std::uint8_t port;
    };
    std::array<Received, kBatch> received_;
    std::uint32_t received_count_ = 0;
    std::uint32_t answered_count_ = 0;  // of a flood, when they were received
    bool shedding_ = false;
    std::array<Datagram, kBatch> datagrams_;
    std::uint32_t datagram_count_ = 0;
    std::array<net::tcp::Arrived, kBatch> segments_;
    std::uint32_t segment_count_ = 0;
    bool segments_left_ = false;  // to be sent, in the next turn
    std::array<Arrival, kBatch> arrivals_;
    std::uint32_t arrival_count_ = 0;
    std::array<Verdicts, kBatch> verdicts_;
    std::uint32_t verdict_count_ = 0;
    select::Candidates candidates_;  // as of this turn's first request that needs them
    bool candidates_read_ = false;
    const select::Candidates no_candidates_;
    select::Column<std::int32_t> cold_us_{};  // of the function that is being decided for
    std::array<std::uint32_t, Forwarder::kElsewhereLimit> elsewhere_;
    std::uint64_t last_work_tsc_ = 0;
    std::uint64_t next_neighbours_tsc_ = 0;
    bool news_ = false;  // for the control thread, when it is due
    std::uint64_t next_news_tsc_ = 0;
    std::uint64_t next_gauges_tsc_ = 0;
    std::uint64_t spread_ = 0x9e3779b97f4a7c15ull;
    std::array<bool, 8> receive_armed_{};
};

}  // namespace skerry
