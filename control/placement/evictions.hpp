// What ending idle workers for room comes to: how long an idle worker survives at present, and how
// many of those that were ended were missed (select/warmth.hpp: keep, crowding). As the simulator's
// large worlds count them (tools/sim/region.cpp), but that both are forgotten when there is room
// again; its worlds with single workers (tools/sim/pool.hpp) use this. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace skerry::placement {

class Evictions {
  public:
    static constexpr double kRemembered = 16;  // how many of them `keep_us` is a mean of
    static constexpr double kMost = 512;       // counted, then both counts are halved

    Evictions(std::uint64_t keep_alive_us, std::uint32_t entries)
        : keep_alive_us_(std::max<std::uint64_t>(keep_alive_us, 1)),
          keep_us_(static_cast<double>(keep_alive_us_)),
          evicted_us_(entries) {}

    // A worker of the entry ended after it had been idle for so long; `last`: it was the only one.
    void evicted(std::uint32_t entry, std::uint64_t idle_us, bool last, std::uint64_t now_us);
    // One of the entry is started.
    void started(std::uint32_t entry, std::uint64_t now_us);
    // The entry begins to stand for another version.
    void reset(std::uint32_t entry) { evicted_us_[entry] = 0; }
    // Time passes; any number of times.
    void fade(std::uint64_t now_us);

    std::uint64_t keep_us() const { return static_cast<std::uint64_t>(keep_us_); }
    // Of a thousand; 0: none were of late.
    std::uint32_t crowding_permille() const;
    std::uint64_t count() const { return count_; }  // ever

  private:
    std::uint64_t keep_alive_us_;
    double keep_us_;
    double evictions_ = 0, regrets_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t faded_us_ = 0;
    std::vector<std::uint64_t> evicted_us_;  // when its last worker was; 0: it was not
};

}  // namespace skerry::placement
