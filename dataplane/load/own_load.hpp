// What this server tells of its load. `load_now` is the truth of this instant, as far as counters
// have it: each core's are as old as its last turn. `load_word` is what a core puts into its
// replies: looked up once a millisecond, as other cores' counters are in other cores' caches. A
// core's own.
#pragma once

#include <cstdint>

#include "dataplane/context.hpp"
#include "dataplane/wire/load.hpp"

namespace skerry {

struct LoadNow {
    std::uint64_t executing = 0;
    std::uint64_t waiting = 0;
};

inline LoadNow load_now(const Shared& shared) {
    LoadNow now;
    for (std::uint32_t core = 0; core < shared.server.core_count; ++core) {
        now.executing += shared.counters[core]->in_flight.get();
        now.waiting += shared.counters[core]->waiting.get();
    }
    return now;
}

inline std::uint64_t load_word(Context& context) {
    if (context.own_load_known && context.own_load_ms == context.now_ms) return context.own_load;
    const LoadNow now = load_now(context.shared);
    const OwnLoad& own = context.shared.own_load;
    context.own_load = wire::pack({.executing = wire::saturated(now.executing),
                                   .waiting = wire::saturated(now.waiting),
                                   .slots = wire::saturated(own.slots.load(SK_RELAXED)),
                                   .service_us = own.service_us.load(SK_RELAXED)});
    context.own_load_ms = context.now_ms;
    context.own_load_known = true;
    return context.own_load;
}

}  // namespace skerry
