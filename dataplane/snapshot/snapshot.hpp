// The snapshot: functions, versions and regions as the packet path sees them. Immutable once
// published; a core loads the pointer once per loop turn and reports a quiescent state at its end
// (rte_rcu_qsbr), after which the control thread may free what it replaced. A reader never waits.
//
// Numbers that change many times a second are not in here: see region_numbers.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/address.hpp"
#include "sandbox/channel/layout.hpp"

namespace skerry {

namespace classify {
struct Published;
}
namespace rules {
struct Set;
}

inline constexpr std::uint32_t kMaxRegions = 64;      // one bit of Target::holders each
inline constexpr std::uint32_t kTrunksPerRegion = 4;  // of a core, at most
// Rows of the arrays that cores and the control thread have of functions. Where regions can have
// what is asked for here, there may be more functions than rows: those without one of their own
// share the last (control/popularity says which these are), and can't run here.
inline constexpr std::uint32_t kOwnRows = 1024;
inline constexpr std::uint32_t kCommonRow = kOwnRows;
inline constexpr std::uint32_t kFunctionRows = kOwnRows + 1;
inline constexpr std::uint32_t kNoEntry = ~0u;

enum class Place : std::uint8_t {
    automatic,  // here if it is worth it, else a region
    pop,        // only here
    region,     // never here, if this server has regions
};

// What may be done when a region falls silent with a request in its hands (docs/protocol.md).
enum class RetryPolicy : std::uint8_t {
    unstarted,   // ask another region only if the silent one has not said that it started (default)
    idempotent,  // ask another region in any case
    never,       // never ask another region after silence
    marked,  // idempotent if the request says that it is (wire::flag::idempotent), else unstarted
};

// One callable thing: a function under one qualifier. Exactly one cache line: a lookup is one miss.
struct alignas(64) Target {
    std::uint64_t function_key = 0;  // 0: empty cell
    std::uint64_t qualifier = 0;     // 0: the current version
    std::uint64_t version_key = 0;   // what it stands for
    std::uint64_t holders = 0;       // bit r: region r is confirmed to hold this version
    std::uint32_t entry = kNoEntry;  // capacity table entry; kNoEntry: can't run on this server
    std::uint32_t timeout_us = 0;    // the function's limit for one invocation
    std::uint32_t cold_cost_us = 0;  // what a cold start costs, as measured or declared
    std::uint32_t max_payload_bytes = 0;
    // Of an alias that shares its requests: see Snapshot::choose(); 0: none.
    std::uint32_t split = 0;
    std::uint16_t function = 0;  // row of per-function arrays, < kFunctionRows
    Place place = Place::automatic;
    RetryPolicy retry : 4 = RetryPolicy::unstarted;
    bool takes_json : 1 = false;  // nothing but JSON can be made sense of by the function
    // Bit r: the operator's pins and denials, or the function's residency, keep it out of region r,
    // whatever is held there.
    std::uint64_t barred = 0;
    bool operator==(const Target&) const = default;
};
static_assert(sizeof(Target) == 64);

// Where some of an alias's requests go instead.
struct Split {
    std::uint64_t version_key = 0;
    std::uint32_t weight = 0;  // of kWholeSplit
};
inline constexpr std::uint32_t kWholeSplit = 1'000'000;

struct RegionInfo {
    net::IpAddress address;
    std::uint16_t udp_port = 0;  // host order
    std::uint16_t next_hop = 0;  // index into the neighbour table
    std::uint8_t port = 0;       // index of the port that leads there
    // Payload of one message to it: what the port's MTU leaves.
    std::uint16_t max_payload_bytes = 0;
    char name[16] = {};  // NUL padded; as it appears in Header::place
    // A hash of the name, by give_ids(); the Snapshot sees to it.
    std::uint32_t id = 0;
    // UDP port of ours that core c sends from, host order; 0: the server's own. Chosen so that RSS
    // brings the answer back to c, where the port can be steered.
    std::array<std::uint16_t, channel::kMaxCores> return_udp{};
    // TCP ports of ours whose segments from the region come to core c, for its trunks: as many as
    // were found, then 0. With one core any will do, and there are none here.
    static constexpr std::uint32_t kTrunkPorts = 4 * kTrunksPerRegion;
    std::array<std::array<std::uint16_t, kTrunkPorts>, channel::kMaxCores> trunk_tcp{};
};

// The same region gets the same id at every POP; no two of `regions` get the same.
void give_ids(std::vector<RegionInfo>& regions);

// What people call a target: for requests that come with names instead of keys (dataplane/http).
struct TargetName {
    std::string function;
    std::string qualifier;     // "": the current version; an alias; a version
    std::string version;       // what it stands for, 64 hex digits
    std::uint32_t number = 0;  // what clients of Lambda call the version; 0: it has no number
    bool lambda = false;       // they made the function: the current version is $LATEST to them
};

// Requests for a function that may enter here, of all cores.
struct FunctionRate {
    std::uint32_t max_per_s = 0;  // 0: no limit
    std::uint32_t max_burst = 0;
};

// What there is beside targets and names. By function: by its row; functions without one of their
// own have none of these.
struct SnapshotExtras {
    std::vector<FunctionRate> rates;         // by function; those behind its end have none
    std::vector<Split> splits;               // Target::split is the place in it, and one
    std::vector<std::uint32_t> reserved;     // invocations at once, by function; ~0: no limit
    std::vector<std::uint8_t> tenants = {};  // by function; those behind its end: 0
};

class Snapshot {
  public:
    // Control thread, before publication. `targets` are placed into a table at most half full.
    // `names`: of each target, in the same order; or none, and then nothing is found by its name.
    Snapshot(std::uint64_t generation, const std::vector<Target>& targets,
             std::vector<RegionInfo> regions, bool draining, std::vector<TargetName> names = {},
             SnapshotExtras extras = {});

    static std::uint64_t hash(std::uint64_t function_key, std::uint64_t qualifier) {
        std::uint64_t x = function_key ^ (qualifier * 0x9e3779b97f4a7c15ull);
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93ull;
        return x ^ (x >> 32);
    }
    const Target* prefetch_cell(std::uint64_t function_key, std::uint64_t qualifier) const {
        return &cells_[hash(function_key, qualifier) & mask_];
    }
    // nullptr: not deployed. Bounded: the longest probe sequence is known when the table is built.
    const Target* find(std::uint64_t function_key, std::uint64_t qualifier) const {
        std::uint64_t i = hash(function_key, qualifier);
        for (std::uint32_t n = 0; n <= longest_probe_; ++n, ++i) {
            const Target& cell = cells_[i & mask_];
            if (cell.function_key == 0) return nullptr;  // first: key 0 must not find it
            if (cell.function_key == function_key && cell.qualifier == qualifier) return &cell;
        }
        return nullptr;
    }

    // The same by name. `qualifier`: empty or "$LATEST" for the current version, an alias, or the
    // first kVersionDigitsMin digits of a version or more. The texts are a stranger's; bounded like
    // find().
    const Target* find(std::string_view function, std::string_view qualifier) const;
    FunctionRate rate(std::uint32_t function) const {
        return function < extras_.rates.size() ? extras_.rates[function] : FunctionRate{};
    }
    // The target, or the one that takes its place for this request: of an alias that shares its
    // requests. The same for the same id. nullptr: as it was.
    const Target* choose(const Target* target, std::uint64_t id_hi, std::uint64_t id_lo) const {
        if (target == nullptr || target->split == 0) [[likely]]
            return target;
        const Split& split = extras_.splits[target->split - 1u];
        const std::uint64_t drawn = (hash(id_hi, id_lo) >> 32) * kWholeSplit >> 32;
        if (drawn >= split.weight) return target;
        const Target* other = find(target->function_key, split.version_key);
        return other != nullptr ? other : target;
    }
    // Invocations of the function that there may be at once on this server; ~0: no limit.
    std::uint32_t reserved(std::uint32_t function) const {
        return function < extras_.reserved.size() ? extras_.reserved[function] : ~0u;
    }
    // Number of the tenant that the function belongs to, < kMaxTenants (capacity/tenants.hpp).
    std::uint32_t tenant(std::uint32_t function) const {
        return function < extras_.tenants.size() ? extras_.tenants[function] : 0;
    }
    // What clients of Lambda call the target's version, if they call it anything.
    std::uint32_t version_number(const Target& target) const;
    bool is_lambda(const Target& target) const;
    // The version that a target of this snapshot stands for; empty: it has no names.
    std::string_view version_text(const Target& target) const;
    static constexpr std::size_t kVersionDigitsMin = 16;

    const std::vector<RegionInfo>& regions() const { return regions_; }
    // Of HTTP requests; before publication. None: there are no routes.
    void set_routes(std::shared_ptr<const classify::Published> routes) {
        routes_ = std::move(routes);
    }
    const classify::Published* routes() const { return routes_.get(); }
    // Admission rules; the same. Who holds one may do so for longer than the snapshot lives.
    void set_rules(std::shared_ptr<const rules::Set> rules) { rules_ = std::move(rules); }
    const rules::Set* rules() const { return rules_.get(); }
    std::uint64_t generation() const { return generation_; }
    bool draining() const { return draining_; }

  private:
    std::uint64_t generation_;
    std::uint64_t mask_;
    std::uint32_t longest_probe_ = 0;
    bool draining_;
    std::vector<Target> cells_;
    std::vector<RegionInfo> regions_;
    SnapshotExtras extras_;
    std::shared_ptr<const classify::Published> routes_;
    std::shared_ptr<const rules::Set> rules_;

    struct NameCell {
        std::uint64_t hash = 0;
        std::uint32_t cell = 0;         // in cells_
        std::uint32_t name = kNoEntry;  // in names_; kNoEntry: empty
    };
    void add_names(const std::vector<Target>& targets);
    const Target* find_exactly(std::string_view function, std::string_view qualifier) const;
    const TargetName* name_of(const Target& target) const;

    std::vector<TargetName> names_;
    std::vector<NameCell> name_cells_;         // at most half full
    std::vector<std::uint32_t> name_of_cell_;  // parallel to cells_; empty without names
    std::uint32_t longest_name_probe_ = 0;
};

}  // namespace skerry
