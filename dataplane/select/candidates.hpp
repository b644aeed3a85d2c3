// What is known of the regions, in columns: lane r is region r. Whoever knows (the control thread,
// the simulator) writes them; a core copies what it needs once a burst, and select_region() reads
// them for each request. Plain data, no owner, no thread of its own.
#pragma once

#include <array>
#include <cstdint>

namespace skerry::select {

inline constexpr std::uint32_t kMaxCandidates = 64;  // one bit of a mask each
// Loops run over whole groups of lanes, so that the compiler makes vectors of them. Lanes past
// `count` must not be allowed; their numbers don't matter.
inline constexpr std::uint32_t kLaneGroup = 8;

template <typename T>
using Column = std::array<T, kMaxCandidates>;

struct alignas(64) Candidates {
    std::uint32_t count = 0;
    std::uint32_t peers = 1;          // POPs that share these regions; for C3
    std::uint32_t hot_in_flight = 0;  // above it a region is hot; by prepare(), for Prequal
    // Names the region whatever its lane is: a hash of its name. Ties and hashes use it, so that
    // the order of candidates means nothing. No two regions have the same.
    alignas(64) Column<std::uint32_t> id{};
    Column<std::int32_t> rtt_us{};      // smoothed round trip, an empty request's
    Column<std::int32_t> wait_us{};     // expected wait for a slot there (load.hpp)
    Column<std::int32_t> slots{};       // it can execute so many at once; 0: not known
    Column<std::int32_t> region_us{};   // time a request spends in the region, as it reports
    Column<std::int32_t> service_us{};  // of it, execution alone
    // How much longer than usual it takes to execute, of a thousand; 1000: as usual. Reported only
    // when it is plain (load.hpp), so that noise moves nobody.
    Column<std::int32_t> slow_permille{};
    Column<std::int32_t> response_us{};  // peak EWMA of what this POP saw, way included; 0: nothing
    Column<std::int32_t> outstanding{};  // sent by this POP and not answered yet
    Column<std::int32_t> in_flight{};    // as the region reports, all POPs' requests
    Column<std::int32_t> waiting{};      // of them, those without a slot
    // 0: not to be chosen (ejected, drained); 1000: full share; between: returning, or the
    // operator's weight.
    Column<std::int32_t> weight_permille{};
    // Not eligible from this instant on. Milliseconds of any clock that wraps at 2^32, `now_ms`'s.
    Column<std::uint32_t> fresh_until_ms{};
    Column<std::int32_t> max_payload_bytes{};  // one message there carries
};

// The function as the choice needs it.
struct Function {
    std::uint64_t key = 0;
    // Bit r: region r is confirmed to hold the current version, and the operator's pins, denials
    // and the function's residency allow it.
    std::uint64_t allowed = 0;
    // Expected extra time at region r because it may be cold there (warmth.hpp); kMaxCandidates
    // lanes, never negative, or nullptr: nothing is known, all alike.
    const std::int32_t* cold_us = nullptr;
    std::int32_t run_us = 0;  // usual execution time; 0: not known
    bool explore = false;     // worth a control group: Trial::worth_exploring()
    bool reverted = false;    // the policy's choices proved slower: Trial::reverted()
};

// The request and its instant.
struct Now {
    std::uint32_t now_ms = 0;
    std::int32_t deadline_us = 0;  // time left
    std::int32_t payload_bytes = 0;
    std::uint64_t tried = 0;   // bit r: region r was asked for this request already
    std::uint64_t random = 0;  // random bits of the request
};

}  // namespace skerry::select
