// The decision (mission rows M4, M5, M6): execute here, forward to a region, queue, or refuse.
//
// A pure function of plain structs: no clock, no table, no global. The packet path, `explain` and
// the tests call the very same code; which region it is, select_region() says (dataplane/select),
// which the simulator calls too.
#pragma once

#include <cstdint>

#include "dataplane/reasons.hpp"
#include "dataplane/select/select.hpp"
#include "dataplane/selection.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

enum class Verdict : std::uint8_t { local, forward, queue, refuse };

struct LocalView {
    bool slot_free = false;  // a slot has been claimed for this request
    bool may_queue = false;  // workers of this version exist or can be started here, and the queue
                             // of this server has room
    // A slot is free, and the function's tenant may not have it: the server is full, and the tenant
    // has its share.
    bool share_used = false;
    bool is_pop = false;  // has regions behind it
    bool draining = false;
    std::uint32_t trunk_payload_bytes = 0;  // what a trunk carries, if one is up; 0: none is kept
    NoRegion no_region = NoRegion::queue;
};

// What decide() may choose from, and by what rule. Lane r of `regions` is region r of the snapshot;
// without regions its count is 0.
struct Field {
    const select::Settings& settings;
    const select::Candidates& regions;
    select::Function function;  // decide() fills in `allowed`
    std::uint32_t now_ms = 0;   // of the clock of Candidates::fresh_until_ms
};

struct Request {
    std::uint32_t deadline_us = 0;  // time left
    std::uint32_t payload_bytes = 0;
    std::uint8_t hop_count = 0;
    std::uint64_t tried = 0;   // bit r: region r was already asked for this request
    std::uint64_t spread = 0;  // random bits of the request
};

struct Decision {
    Verdict verdict = Verdict::refuse;
    std::uint8_t region = 0;                      // for forward
    Reason reason = Reason::refused_no_capacity;  // for refuse
    bool no_region = false;  // for queue and refuse: the function may go to regions, and none could
                             // have it now
    Selection selection = {};  // for forward
};

// Why a region can't be chosen, for `explain`. `eligible` is the only one that can.
enum class Eligibility : std::uint8_t {
    eligible,
    tried,
    no_version,
    barred,  // by the operator, or by the function's residency
    not_fresh,
    ejected,
    returning,  // healthy again, and this request is not in its share yet
    too_far,    // the reply could not be here before the deadline
    too_large,  // no trunk is up, and one datagram on the way there does not carry it
};

struct Candidate {
    Eligibility eligibility = Eligibility::no_version;
    // The policy's own measure; of regions that can't be chosen the expected time. Less is better.
    std::int64_t cost = 0;
};

// One region's standing, by the rules that select_region() follows.
Candidate judge(const Target& target, std::uint8_t region, const Field& field,
                const Request& request);

// Whether a slot of this server may be claimed for the target at all.
constexpr bool may_run_here(const Target& target, bool is_pop) {
    return target.entry != kNoEntry && !(is_pop && target.place == Place::region);
}

Decision decide(const Target& target, const LocalView& local, const Field& field,
                const Request& request);

// The region for a second copy of a request that one has (`request.tried` bars it): by the same
// rules, never one that is only just coming back, and none unless the function is idempotent.
select::Choice choose_second(const Target& target, const Field& field, const Request& request);

}  // namespace skerry
