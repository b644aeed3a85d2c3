// What all stages of one core work on: clock, snapshot, packet buffers, invocations, timers, the
// reply cache and the packets to be sent. Owned by one core; made before the core runs.
#pragma once

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/exchange_sink.hpp"
#include "dataplane/invocation.hpp"
#include "dataplane/shared.hpp"
#include "dataplane/timer_wheel.hpp"
#include "dataplane/wire/cookie.hpp"
#include "dataplane/wire/reply_cache.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

inline constexpr std::uint32_t kBurst = 32;         // packets taken from a queue at once
inline constexpr std::uint32_t kTxPackets = 256;    // kept for one port before it is flushed early
inline constexpr std::uint32_t kLocalLimit = 4096;  // invocations a core can have with workers

// A message for our UDP port, within one turn. The header lies in the mbuf.
struct Datagram {
    rte_mbuf* mbuf = nullptr;
    net::Frame frame;  // its payload is the message: header and payload

    wire::Header* header() const { return reinterpret_cast<wire::Header*>(frame.payload); }
    std::uint16_t bytes() const { return frame.payload_bytes; }
    const net::Path& path() const { return frame.path; }
};

// A request on its way from the wire to a verdict, within one turn. `mbuf` may be a chain: header
// and payload begin in its first segment, and the payload goes on in the others. What fits one
// datagram is in the first.
struct Arrival {
    rte_mbuf* mbuf = nullptr;
    wire::Header* header = nullptr;
    const Target* target = nullptr;
    std::uint64_t tag = 0;  // reply cache
    std::uint32_t cache_entry = 0;
    std::uint32_t deadline_us = 0;  // time left
    std::uint32_t exchange = kNoExchange;
    std::uint32_t dedup_entry = kNoDedup;
    net::Path path;
};

class Dedup;

struct Context {
    Context(Shared& shared_state, std::uint32_t core_index, rte_mempool* packets)
        : shared(shared_state),
          core(core_index),
          counters(*shared_state.counters[core_index]),
          pool(packets),
          tsc_hz(shared_state.server.tsc_hz),
          invocations(shared_state.server.pending_limit + shared_state.server.queue_limit +
                      kLocalLimit),
          timers(invocations.size(), tsc_hz / 4000, rte_rdtsc()),  // 250 µs a tick
          cache(shared_state.server.reply_cache_entries, shared_state.server.reply_cache_bytes,
                shared_state.server.reply_window_ms, shared_state.server.cookie_key[1]),
          tx_queue(static_cast<std::uint16_t>(core_index)) {
        SKERRY_CHECK(shared_state.server.ports.size() <= kMaxPorts);
    }

    Shared& shared;
    const std::uint32_t core;
    CoreCounters& counters;
    rte_mempool* const pool;
    const std::uint64_t tsc_hz;

    InvocationPool invocations;
    TimerWheel timers;
    wire::ReplyCache cache;

    // Of this turn.
    const Snapshot* snapshot = nullptr;
    const auth::AccessKeys* access_keys = nullptr;
    std::uint64_t now_tsc = 0;
    std::uint32_t now_ms = 0;
    std::uint16_t now_s = 0;
    std::uint64_t cookie_epoch = 0;

    bool ring_control = false;     // the control thread has something to look at
    bool ring_events = false;      // the queue of events has
    std::uint32_t wake_cores = 0;  // bit c: so has core c

    // What replies say of this server's load (load/own_load.hpp), and as of when.
    std::uint64_t own_load = 0;
    std::uint32_t own_load_ms = 0;
    bool own_load_known = false;

    // Forwarded requests of each tenant, of this core.
    std::array<std::uint32_t, kMaxTenants> forwarded_of{};

    // Requests that are tried again. None: there are no such.
    Dedup* dedup = nullptr;

    // What each source may ask for; none: whatever it likes.
    limits::Sources* sources = nullptr;

    // Who answers exchanges: HTTP's, those of trunks, events, and tries by datagram. None: there
    // are none.
    ExchangeSink* exchanges = nullptr;
    ExchangeSink* trunk_exchanges = nullptr;
    ExchangeSink* event_runs = nullptr;
    ExchangeSink* datagram_tries = nullptr;  // Dedup's

    ExchangeSink& sink_of(std::uint32_t exchange) const {
        ExchangeSink* sink = (exchange & kTrunkExchange) != 0      ? trunk_exchanges
                             : (exchange & kEventExchange) != 0    ? event_runs
                             : (exchange & kDatagramExchange) != 0 ? datagram_tries
                                                                   : exchanges;
        SKERRY_CHECK(sink != nullptr);
        return *sink;
    }

    struct Tx {
        std::uint32_t count = 0;
        std::array<rte_mbuf*, kTxPackets> packets;
    };
    std::array<Tx, kMaxPorts> tx;

    // A request that is no retransmit. Functions without a row of their own are told apart by the
    // sketch alone.
    void count_arrival(const Target& target) {
        counters.functions[target.function].arrivals.add();
        if (target.function == kCommonRow) [[unlikely]]
            counters.sketch.add(shared.server.sketch_key, target.function_key);
    }

    void begin_turn() {
        snapshot = shared.snapshot.load(std::memory_order_acquire);
        access_keys = shared.access_keys.load(std::memory_order_acquire);
        now_tsc = rte_rdtsc();
        const std::uint64_t ms = now_tsc / (tsc_hz / 1000);
        now_ms = static_cast<std::uint32_t>(ms);
        now_s = static_cast<std::uint16_t>(ms / 1000);
        cookie_epoch = ms / 1000 / wire::kCookieEpochSeconds;
    }

    std::uint64_t tsc_from_us(std::uint32_t us) const { return us * (tsc_hz / 1000) / 1000; }
    std::uint32_t us_from_tsc(std::uint64_t tsc) const {
        const std::uint64_t us =
            tsc / (tsc_hz / 1000) * 1000 + tsc % (tsc_hz / 1000) * 1000 / (tsc_hz / 1000);
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(us, ~0u));
    }
    std::uint32_t us_until(std::uint64_t instant_tsc) const {
        return instant_tsc <= now_tsc ? 0 : us_from_tsc(instant_tsc - now_tsc);
    }

    // Wall clock, for those outside who know no other; the control thread keeps it right.
    std::uint64_t unix_ms(std::uint64_t instant_tsc) const {
        return shared.unix_ms_at_tsc_zero.load(std::memory_order_relaxed) +
               instant_tsc / (tsc_hz / 1000);
    }

    // CLOCK_MONOTONIC, for the log.
    std::uint64_t monotonic_us(std::uint64_t instant_tsc) const {
        return shared.monotonic_us_at_tsc_zero.load(std::memory_order_relaxed) +
               instant_tsc / (tsc_hz / 1000) * 1000 +
               instant_tsc % (tsc_hz / 1000) * 1000 / (tsc_hz / 1000);
    }

    // A complete frame; ownership moves here.
    void send(rte_mbuf* mbuf, std::uint8_t port) {
        Tx& queue = tx[port];
        if (queue.count == kTxPackets) flush(port);
        queue.packets[queue.count++] = mbuf;
    }

    std::uint32_t flush(std::uint8_t port) {
        Tx& queue = tx[port];
        if (queue.count == 0) return 0;
        const net::PortView& view = shared.server.ports[port];
        std::uint64_t bytes = 0;
        for (std::uint32_t i = 0; i < queue.count; ++i) bytes += queue.packets[i]->pkt_len;
        auto ready = static_cast<std::uint16_t>(queue.count);
        // Some drivers want to see packets whose checksums they are to make first.
        if (view.tx_udp_checksum || view.tx_tcp_checksum || view.tx_ip_checksum)
            ready = rte_eth_tx_prepare(view.dpdk_port, tx_queue, queue.packets.data(), ready);
        std::uint16_t sent =
            rte_eth_tx_burst(view.dpdk_port, tx_queue, queue.packets.data(), ready);
        // A driver may take less than it has room for, and free what it has sent when asked again.
        if (sent != 0 && sent < ready)
            sent = static_cast<std::uint16_t>(
                sent + rte_eth_tx_burst(view.dpdk_port, tx_queue, &queue.packets[sent],
                                        static_cast<std::uint16_t>(ready - sent)));
        for (std::uint32_t i = sent; i < queue.count; ++i) {
            bytes -= queue.packets[i]->pkt_len;
            rte_pktmbuf_free(queue.packets[i]);
        }
        if (sent < queue.count) counters.count(Reason::drop_tx_full, queue.count - sent);
        counters.tx_packets.add(sent);
        counters.tx_bytes.add(bytes);
        queue.count = 0;
        return sent;
    }
    const std::uint16_t tx_queue;  // of every port: the core's index
};

}  // namespace skerry
