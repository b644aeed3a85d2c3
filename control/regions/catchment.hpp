// How much is asked for at the POPs that a region is nearest to: its catchment (select/warmth.hpp),
// from what they say in their probes. At a region; control thread only.
//
// A POP is an address that was proved by a cookie, and whose owner may invoke here. What it says of
// its own rate can't be checked: it is believed, up to kMostOfOne_milli. Full: those that are known
// stay, others are not counted until one has been silent for kForget_us.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "dataplane/shared.hpp"

namespace skerry::regions {

class Catchment {
  public:
    static constexpr std::size_t kPops = 2048;
    static constexpr std::uint64_t kForget_us = 20'000'000;
    static constexpr std::uint64_t kMostOfOne_milli = 10'000'000'000;  // 10 million a second

    explicit Catchment(Shared& shared) : shared_(shared) {}

    // Takes what the cores have heard; at most all that a ring holds, of each. Ten times a second.
    void step(std::uint64_t now_us);
    void note(const PopNote& note, std::uint64_t now_us);

    std::uint64_t rate_milli() const;  // of those that we are nearest to
    std::size_t pops() const { return pops_.size(); }
    std::uint64_t not_counted() const { return not_counted_; }  // notes: the table was full

  private:
    struct Pop {
        std::uint64_t rate_milli = 0;  // 0: another region is nearer
        std::uint64_t heard_us = 0;
    };

    Shared& shared_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, Pop> pops_;  // by address
    std::uint64_t not_counted_ = 0;
};

}  // namespace skerry::regions
