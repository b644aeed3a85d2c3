// What regions said last of their load: one word for each region. Probes bring it to the control
// thread, replies to whichever core has asked; all cores choose by it.
//
// Writers: any core, and the control thread. Readers: any thread. Lock-free and wait-free: a word
// is one relaxed atomic store, or load, so nobody sees half of a load. The last writer wins. Words
// of different regions need not agree, and nothing else is ordered by them. Of two reports the
// older one may be written last, if two cores got them at the same time; both are younger than the
// way is long, and the next reply or probe puts it right. A core writes a region's word at most
// once in a millisecond (RegionMemory::may_tell), so that cores don't take the cache line from each
// other with each reply.
//
// How old a word is is not kept here: a region that has neither answered a request nor a probe of
// late is not fresh (RegionNumbers::fresh_until_tsc), and not chosen whatever its load is.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/load/region_load.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

class RegionLoads {
  public:
    void write(std::uint32_t region, const RegionLoad& load) { words_[region].write(load); }
    RegionLoad read(std::uint32_t region) const { return words_[region].read(); }

  private:
    alignas(64) std::array<RegionLoadWord, kMaxRegions> words_{};
};

}  // namespace skerry
