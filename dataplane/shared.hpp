// What the control thread and the cores share, in one place. Everything else belongs to one thread.
//
//   object            written by            read by        how
//   snapshot          control               cores          one pointer, RCU (rte_rcu_qsbr)
//   access_keys       control               cores          as the snapshot
//   region_numbers    control               cores          seqlock a region
//   region_loads      cores, control        cores, control load/region_loads.hpp
//   own_load          control               cores          relaxed atomics
//   own_warmth        control               cores          relaxed atomics
//   warmth            control               cores          relaxed atomics
//   capacity          cores, control        cores, control capacity_table.hpp
//   tenants           cores, control        cores, control capacity/tenants.hpp
//   neighbours        cores                 cores          one atomic word an entry
//   counters[core]    that core             control        relaxed atomics; popularity/sketch.hpp
//   function_buckets  cores                 cores          limits/shared_bucket.hpp
//   probes[core]      control / that core   the other      two SPSC rte_rings of fixed records
//   pop_notes[core]   that core             control        SPSC rte_ring of fixed records
//   handover[core]    cores                 that core      MPSC rte_ring of mbufs
//   log_events[core]  that core             log collector  SPSC rte_ring of fixed records
//   tail_requests     that core             log collector  SPSC rte_ring of fixed records, one a
//   core tail_answers      log collector         that core      the same
//   dedup             cores                 cores          dedup/table.hpp; none: off
//   event_…[core]     that core / queue     the other      SPSC rte_rings: event/rings.hpp
//   doorbells[core]   that core             workers        channel/layout.hpp
#pragma once

#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/auth/access_keys.hpp"
#include "dataplane/capacity/reservations.hpp"
#include "dataplane/capacity/slot_table.hpp"
#include "dataplane/capacity/tenants.hpp"
#include "dataplane/counters.hpp"
#include "dataplane/dedup/store.hpp"
#include "dataplane/dispatch/channel.hpp"
#include "dataplane/limits/shared_bucket.hpp"
#include "dataplane/limits/sources.hpp"
#include "dataplane/load/region_loads.hpp"
#include "dataplane/log_events.hpp"
#include "dataplane/net/frame.hpp"
#include "dataplane/net/neighbours.hpp"
#include "dataplane/selection.hpp"
#include "dataplane/snapshot/region_numbers.hpp"
#include "dataplane/snapshot/snapshot.hpp"
#include "dataplane/wire/digest.hpp"
#include "dataplane/wire/message.hpp"

namespace skerry {

inline constexpr std::uint32_t kMaxPorts = 8;
inline constexpr std::uint32_t kProbeRingSize = 128;
inline constexpr std::uint32_t kPopNoteRingSize = 1024;
inline constexpr std::uint32_t kHandoverRingSize = 1024;

// control → core 0: send one probe. `token` comes back in the result; regions echo it.
struct ProbeCommand {
    std::uint64_t token = 0;
    std::uint32_t region = 0;
    std::uint32_t payload_bytes = wire::kFirstProbeBytes;  // wire::is_probe_size()
    std::uint64_t cookie = 0;
    // Of the digest, which is sent if payload_bytes has room for it (wire/digest.hpp).
    std::uint64_t rate_milli = 0;
    std::uint32_t nearest = 0;  // 1: the region is
    std::uint32_t key_count = 0;
    std::array<std::uint64_t, wire::kDigestEntriesMax> keys = {};
};
static_assert(sizeof(ProbeCommand) == 40 + 8 * wire::kDigestEntriesMax);

// core → control: a probe reply came. The round trip is measured by the core, in TSC cycles of this
// machine, from the moment it handed the probe to the port.
struct ProbeResult {
    std::uint64_t token = 0;
    std::uint64_t rtt_tsc = 0;
    std::uint64_t boot_id = 0;
    std::uint64_t catalog_epoch = 0;
    std::uint64_t cookie = 0;  // proves our address to the region from now on
    std::uint32_t in_flight = 0;
    std::uint32_t waiting = 0;
    std::uint32_t free_slots = 0;
    std::uint32_t draining = 0;
    // As the region says, if it says it: else 0.
    std::uint32_t slots = 0;
    std::uint32_t service_us = 0;
    std::uint32_t region_us = 0;
    std::uint32_t slow_permille = 0;
    std::uint64_t longer = 0;  // 1: it understands longer probes
    // Of warmth; 0: it does not say.
    std::uint32_t keep_ms = 0;
    std::uint16_t crowding_permille = 0;
    std::uint16_t digest_entries = 0;  // it answers so many
    std::uint64_t catchment_milli = 0;
    std::uint64_t entry_count = 0;
    std::array<wire::DigestEntry, wire::kDigestEntriesMax> entries = {};  // as it sent them
};
static_assert(sizeof(ProbeResult) == 104 + 16 * wire::kDigestEntriesMax);

// core → control: a POP that has proved its address said this of itself.
struct PopNote {
    std::uint64_t address[2] = {};  // net::IpAddress, high and low
    std::uint64_t rate_milli = 0;   // arrivals there
    std::uint64_t nearest = 0;      // 1: this region is nearest to it
};
static_assert(sizeof(PopNote) == 32);

// HTTP over TCP, as cores speak it. Of each core; dataplane/exchange/front.cpp makes it.
struct HttpInfo {
    std::uint16_t port = 0;  // 0: no TCP, no HTTP
    std::uint32_t connections = 16384;
    std::uint32_t send_blocks = 16384;  // of net::tcp::kBlockBytes
    std::uint64_t receive_bytes = 16u << 20;
    std::uint32_t head_bytes = 8192;
    std::uint64_t body_bytes = 6u << 20;
    std::uint32_t idle_ms = 60000;  // these two: an hour at most, they are kept in µs
    std::uint32_t head_ms = 10000;
    std::uint32_t min_bytes_per_s = 1024;
    std::uint32_t reader_patience_ms = 5000;  // before who reads an answer may have to give way
    std::string allow_origin;               // whose web pages may call and read: "*", one; or none
    std::array<std::uint8_t, 16> secret{};  // of TCP: keys what strangers must not guess
    // Where the ids of requests begin. Clients see ids, and can work it out: not part of a secret.
    std::uint64_t first_id = 0;
    bool require_signature = false;     // of invocations, by one of Shared::access_keys
    std::string signing_region;         // that signatures must be for; empty: any
    std::uint32_t retry_window_ms = 0;  // an answer is kept for tries of the same request; 0: none
    std::uint32_t retry_entries = 16384;
    std::uint64_t retry_bytes = 16u << 20;  // of answers; half of it for one at most
};

// Trunks (docs/protocol.md), of each core. They share TCP's limits, and the payload buffers, with
// HTTP.
struct TrunkInfo {
    std::uint32_t per_region = 0;  // POP: kept to each region; 0: none. At most kTrunksPerRegion
    std::uint32_t regions = 0;     // POP: how many there are
    std::uint32_t accepted = 0;    // region: taken from POPs; 0: none
};

// What changes slowly of this server's own load; kept by the control thread, told to peers.
struct OwnLoad {
    std::atomic<std::uint32_t> slots{0};       // in use, free, and those that could be started for
    std::atomic<std::uint32_t> service_us{0};  // mean execution of late; 0: none was seen
    std::atomic<std::uint32_t> region_us{0};   // the same with the wait before it
    std::atomic<std::uint32_t> slow_permille{1000};
};

// What this region tells POPs of warmth (docs/protocol.md, "Digest"); kept by the control thread.
struct OwnWarmth {
    // wire::pack() of each function; 0: nothing is known.
    std::array<std::atomic<std::uint64_t>, kFunctionRows> functions{};
    std::atomic<std::uint32_t> keep_ms{0};
    std::atomic<std::uint32_t> crowding_permille{0};
    std::atomic<std::uint64_t> catchment_milli{0};
};

// Of a tenant: a function belongs to one, and tenants share the server by these.
struct TenantRules {
    std::string name;
    std::uint32_t weight = 1;
    std::uint32_t reserved = 0;  // permits that are its own
    std::uint32_t limit = 0;     // invocations in hand at once; 0: no limit
    // Of what a core can have waiting, and forwarded: so many are this tenant's at most.
    std::uint32_t queue_limit = 0;
    std::uint32_t pending_limit = 0;
};

// Constant after start.
struct ServerInfo {
    bool is_pop = true;
    bool idle_sleep = false;
    bool require_cookie = true;
    std::uint16_t udp_port = 4600;
    char place[wire::kPlaceBytes] = {};  // "pop", or the region's name
    std::uint64_t boot_id = 0;
    std::uint64_t cookie_key[2] = {};
    std::uint64_t forward_key[2] = {};  // makes the ids of forwarded requests unguessable
    popularity::SketchKey sketch_key;
    std::uint64_t tsc_hz = 0;
    std::uint32_t core_count = 1;
    std::uint32_t pending_limit = 2048;
    std::uint32_t queue_limit = 1024;
    std::uint32_t reply_cache_entries = 131072;
    std::uint32_t reply_cache_bytes = 8u << 20;
    std::uint32_t reply_window_ms = 5000;
    int control_fd = -1;  // eventfd: a core rings the control thread (EFD_NONBLOCK)
    HttpInfo http;
    TrunkInfo trunks;
    select::Settings selection;
    NoRegion no_region = NoRegion::queue;
    RetryLimits retries;
    std::uint32_t hedge_percent = 5;  // of requests that go to regions; 0: none are hedged
    limits::SourceLimits source_limits;
    // By number; none: nobody is counted, and who finds a free slot has it.
    std::vector<TenantRules> tenants;
    std::uint32_t common_permits = 0;  // beside those that are reserved for one
    // Whose datagrams may invoke, and in a region whose trunks; unless everybody's may.
    bool anyone_invokes = true;
    std::vector<net::IpPrefix> invoke_from;
    bool may_invoke(const net::IpAddress& source) const {
        if (anyone_invokes) return true;
        for (const net::IpPrefix& prefix : invoke_from)
            if (prefix.contains(source)) return true;
        return false;
    }
    bool speaks_tcp() const {
        return http.port != 0 || trunks.per_region != 0 || trunks.accepted != 0;
    }
    std::vector<net::PortView> ports;
};

struct Shared {
    ServerInfo server;
    std::atomic<const Snapshot*> snapshot{nullptr};
    std::atomic<const auth::AccessKeys*> access_keys{nullptr};  // none: nobody has one
    rte_rcu_qsbr* qsbr = nullptr;                               // thread ids = core indices
    RegionNumbersTable region_numbers;
    RegionLoads region_loads;
    OwnLoad own_load;
    std::unique_ptr<WarmthTable> warmth = std::make_unique<WarmthTable>();
    std::unique_ptr<OwnWarmth> own_warmth = std::make_unique<OwnWarmth>();
    std::unique_ptr<CapacityTable> capacity = std::make_unique<CapacityTable>();
    std::unique_ptr<Reservations> reservations = std::make_unique<Reservations>();
    std::unique_ptr<Tenants> tenants = std::make_unique<Tenants>();
    net::Neighbours neighbours;
    // By Target::function. One that is deployed anew may begin with what another left.
    std::unique_ptr<std::array<limits::SharedBucket, kFunctionRows>> function_buckets =
        std::make_unique<std::array<limits::SharedBucket, kFunctionRows>>();
    std::array<std::unique_ptr<CoreCounters>, channel::kMaxCores> counters;
    std::array<rte_ring*, channel::kMaxCores> probe_commands{};  // elements: ProbeCommand
    std::array<rte_ring*, channel::kMaxCores> probe_results{};   // elements: ProbeResult
    std::array<rte_ring*, channel::kMaxCores> pop_notes{};       // elements: PopNote; or none
    std::array<rte_ring*, channel::kMaxCores> log_events{};      // elements: LogEvent; or none
    // Elements: TailRequest, TailAnswer; none: replies have no tails.
    std::array<rte_ring*, channel::kMaxCores> tail_requests{}, tail_answers{};
    int tail_bell_fd = -1;  // eventfd of the log collector (EFD_NONBLOCK)
    // Elements: EventSubmission, EventVerdict, EventRun, EventResult; none: Event invocations are
    // refused.
    std::array<rte_ring*, channel::kMaxCores> event_submissions{}, event_verdicts{}, event_runs{},
        event_results{};
    int event_bell_fd = -1;  // eventfd of the queue of events (EFD_NONBLOCK)
    std::unique_ptr<dedup::Store> dedup;
    std::array<rte_ring*, channel::kMaxCores> handover{};  // elements: rte_mbuf*
    channel::CoreDoorbell* doorbells = nullptr;            // kMaxCores of them, in a memfd
    std::atomic<std::uint64_t> catalog_epoch{0};           // told to probing peers
    // CLOCK_MONOTONIC in µs, and wall clock in ms, when the TSC was 0 (modulo 2^64); kept by
    // control.
    std::atomic<std::uint64_t> monotonic_us_at_tsc_zero{0};
    std::atomic<std::uint64_t> unix_ms_at_tsc_zero{0};
    std::atomic<std::uint32_t> idle_slots{0};  // kept by control, told to peers
    // eventfd of each core (EFD_NONBLOCK): whoever puts something into one of its rings writes it,
    // so that a sleeping core looks. -1: the core does not sleep.
    std::array<int, channel::kMaxCores> kick_fd = [] {
        std::array<int, channel::kMaxCores> none{};
        none.fill(-1);
        return none;
    }();
    std::atomic<bool> stop{false};
};

}  // namespace skerry
