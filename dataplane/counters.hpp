// Counters of one core. One writer (the core), any number of readers: an increment is a plain add,
// without a lock prefix, and a reader sees some recent value.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/capacity/tenants.hpp"
#include "dataplane/popularity/sketch.hpp"
#include "dataplane/reasons.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

class Counter {
  public:
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

class Gauge {
  public:
    void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

enum class Stage : std::uint8_t {
#define STAGE(name, text) name,
#include "dataplane/stages.def"
#undef STAGE
    count
};
inline constexpr std::size_t kStageCount = static_cast<std::size_t>(Stage::count);
inline constexpr std::string_view kStageNames[] = {
#define STAGE(name, text) #name,
#include "dataplane/stages.def"
#undef STAGE
};

struct StageCounters {
    Counter packets;
    Counter cycles;  // TSC
};

struct FunctionCounters {
    Counter arrivals;  // requests that were not retransmits
    Counter local;     // dispatched to a worker here
    Counter forwarded;
    Counter run_us_sum;  // over `local_done`
    Counter local_done;
    Counter cold_seen;          // replies of regions that say a worker was started for them
    Counter region_run_us_sum;  // over `region_done`: in workers of regions, as they say
    Counter region_done;
    Counter throttled;  // over the function's rate
};

struct TenantCounters {
    Counter over_limit;  // refused, over the tenant's limit
    Counter over_share;  // refused, for want of a permit
    Counter spilled;     // forwarded, for want of a permit
    Counter executed;    // got a permit
};

struct RegionCounters {
    Counter sent;      // requests forwarded, retransmissions not counted
    Counter answered;  // any reply that shows the region alive
    Counter refused;   // of these: replies whose status says `unstarted`
    Counter replies;   // of `answered`: final ones, from the region that has the request
    Counter faulty;    // of these: it could not, for a reason that is its own (is_faulty())
    Counter silent;    // attempts given up because nothing came back
    Counter cold;      // replies that say cold
};

struct alignas(64) CoreCounters {
    std::array<Counter, kReasonCount> reasons;
    std::array<StageCounters, kStageCount> stages;
    Counter turns;   // of the poll function
    Counter sleeps;  // times the core blocked
    Counter rx_packets, rx_bytes, tx_packets, tx_bytes;
    Counter doorbells;         // eventfd writes submitted to workers
    Counter handed_ahead;      // requests that waited in a busy worker's channel
    Counter taken_back;        // of these, before they had begun
    Counter log_events_lost;   // the collector's ring was full
    Counter tails_sent;        // replies with the tail of a log, if only an empty one
    Counter tails_missed;      // it was asked for, and did not fit, or did not come in time
    Counter retransmits;       // of forwarded requests
    Counter controls;          // requests that went to the nearest region for the control group
    Counter reverts;           // functions that were reverted to the nearest region for a while
    Counter queued_no_region;  // requests that wait here because no region could have them
    Counter queued_us_sum;     // what requests have waited for a slot here, until they had one
    Counter fail_overs;        // requests that went to another region after one
    Gauge in_flight;           // slots this core has in use
    Gauge waiting;             // requests waiting for a slot
    Gauge pending;             // requests that regions have
    // Ten times a second.
    Gauge trunks;           // that are up
    Gauge trunk_streams;    // requests that are on them
    Gauge connections;      // of TCP, trunks too, in any state but TIME-WAIT
    Gauge exchanges;        // requests of clients that are not answered yet
    Gauge payload_buffers;  // in use, of those for payloads of HTTP and of trunks
    Gauge packet_buffers;   // in use, those that wait in queues of ports among them
    // Of the table of sources: since the start.
    Gauge sources_forgotten;  // while they owed something
    Gauge sources_sharing;    // one bucket, for want of a place
    std::array<FunctionCounters, kFunctionRows> functions;
    popularity::Sketch sketch;  // of arrivals that are counted in the common row
    std::array<RegionCounters, kMaxRegions> regions;
    std::array<TenantCounters, kMaxTenants> tenants;
    // Requests sent to region r for function f: what this POP knows of the region's warmth.
    std::array<std::array<Counter, kMaxRegions>, kFunctionRows> sent;
    Counter rx_merged;  // of rx_packets: TCP payload that a port had put together (LRO)

    void count(Reason reason, std::uint64_t n = 1) {
        reasons[static_cast<std::size_t>(reason)].add(n);
    }
};

}  // namespace skerry
