// What regions tell of each function's warmth there (docs/protocol.md, "Digest"), and which
// functions each is asked about next. At a POP; control thread only.
//
// All that is told ages. Others' rate fades with the half-life that all rates have, the time since
// a function was used there goes on, and what only the present can tell (all workers are taken; how
// long workers survive; the catchment) is forgotten after kStale_us. So where no region tells
// anything, or none tells it any more, what is left is what the POP sent itself. A region's words
// are bounded by their shape (wire/digest.hpp), and here where a sum is made of them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/select/warmth.hpp"
#include "dataplane/shared.hpp"

namespace skerry::regions {

// One function as the rates need it.
struct Tracked {
    std::uint32_t function = 0;  // index
    std::uint64_t key = 0;
    std::uint32_t cold_cost_us = 0;
    bool goes_out = true;  // its requests may go to regions
};

class DigestBook {
  public:
    static constexpr std::uint64_t kStale_us = 5'000'000;
    // One that was asked for within the keep-alive is in each probe, if there is room; any other
    // so often. Where there is no room for all, those go first whose turn is longest overdue.
    static constexpr std::uint64_t kRareAgain_us = 1'000'000;
    static constexpr std::uint64_t kUsedCounts = 8;  // as so many that were not used of late

    // A function at a region, as it was told.
    struct Heard {
        std::uint64_t heard_us = 0;  // 0: never
        wire::Warmth warmth;
        float others_per_s = 0;  // what others sent there, by now
        bool fresh = false;      // `others_per_s` has not been made of `warmth` yet
    };
    // A region, as it says itself.
    struct Region {
        std::uint64_t heard_us = 0;  // 0: it has never told of warmth
        std::uint64_t mute_us = 0;   // when it answered last without a word of it; 0: never
        std::uint32_t keep_ms = 0;
        std::uint16_t crowding_permille = 0;
        std::uint64_t catchment_milli = 0;
        std::uint64_t unasked = 0;  // entries of its answers that were not what had been asked for
        bool is_fresh(std::uint64_t now_us) const {
            return heard_us != 0 && now_us - heard_us < kStale_us;
        }
    };

    DigestBook(std::uint32_t region_count, double keep_alive_s);

    // What is deployed now, ten times a second; `arrivals_per_s`: of all functions.
    void track(std::span<const Tracked> functions, double arrivals_per_s);
    // A function was asked for.
    void used(std::uint32_t function, std::uint64_t now_us) { used_us_[function] = now_us; }
    // An index begins to stand for another function.
    void reset(std::uint32_t function);

    // The digest of the region's next probe: keys, at most `most` of them, and our rate.
    void ask(std::uint32_t region, std::uint32_t most, std::uint64_t now_us, ProbeCommand& command);
    // The answer to the last one, with or without a digest. Entries that were not asked for are
    // passed over.
    void take(std::uint32_t region, const ProbeResult& result, std::uint64_t now_us);
    // It has begun anew: nothing is warm there.
    void forget(std::uint32_t region);

    // All rates that were told fade.
    void fade(std::uint32_t function, float decay);
    // Writes what is known of the regions into the view: keep_s, crowding and catchment.
    void read_regions(std::uint64_t now_us, select::WarmthView& view) const;
    // And of the function: rate, busy and idle_s. `sent_per_s`, `sent_us`: what we sent there
    // ourselves, of each region, and when last (0: never).
    void read_function(std::uint32_t function, std::uint64_t now_us,
                       std::span<const float> sent_per_s, std::span<const std::uint64_t> sent_us,
                       select::WarmthView& view);

    const Heard& heard(std::uint32_t function, std::uint32_t region) const {
        return heard_[function * region_count_ + region];
    }
    const Region& region(std::uint32_t region) const { return regions_[region]; }

  private:
    struct Asked {
        std::uint32_t count = 0;
        std::array<std::uint32_t, wire::kDigestEntriesMax> functions{};
    };
    Heard& at(std::uint32_t function, std::uint32_t region) {
        return heard_[function * region_count_ + region];
    }
    float idle_s(const Heard& heard, float keep_s, std::uint64_t now_us,
                 std::uint64_t sent_us) const;

    std::uint32_t region_count_;
    double keep_alive_s_;
    std::vector<Heard> heard_;           // [function][region]
    std::vector<std::uint64_t> due_us_;  // [function][region]: when it was asked about last
    std::vector<Region> regions_;
    std::vector<Asked> asked_;  // by the region's last probe
    std::vector<Tracked> tracked_;
    std::vector<std::uint64_t> used_us_;  // by function; 0: never
    std::vector<std::uint64_t> keys_;     // by function; 0: none
    double arrivals_per_s_ = 0;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> turns_;  // room to sort in
};

}  // namespace skerry::regions
