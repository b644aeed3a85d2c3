// Timers of many connections: a hierarchical timing wheel (G. Varghese, T. Lauck, "Hashed and
// hierarchical timing wheels", SOSP 1987, scheme 7). One timer an id; arming, moving and cancelling
// take constant time, and a timer that is far away is touched once a level, not once a round.
//
// Owned by one core. Allocates in the constructor only. Times are microseconds. A timer never fires
// early; it fires at the first expire() after its tick, if the span has room.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace skerry::net::tcp {

class Wheel {
  public:
    static constexpr std::uint32_t kNone = ~0u;
    static constexpr std::uint64_t kTickUs = 1000;
    static constexpr std::uint32_t kLevelBits = 8;
    static constexpr std::uint32_t kSlots = 1u << kLevelBits;
    static constexpr std::uint32_t kLevels = 4;
    static constexpr std::size_t kAllSlots = std::size_t{kLevels} * kSlots;
    // What is armed for later than this fires then.
    static constexpr std::uint64_t kHorizonUs =
        ((1ull << kLevelBits * kLevels) - (1ull << kLevelBits * (kLevels - 1))) * kTickUs;

    Wheel(std::uint32_t timers, std::uint64_t now_us);

    void arm(std::uint32_t id, std::uint64_t due_us);  // or moves it
    void cancel(std::uint32_t id);
    bool armed(std::uint32_t id) const { return nodes_[id].slot != kUnarmed; }

    // Disarms timers that are due and writes their ids, at most due.size(), and moves at most kWork
    // others between levels. What is due and was not told of makes next_due_us() say "now".
    std::uint32_t expire(std::uint64_t now_us, std::span<std::uint32_t> due);

    // Nothing is due before this instant; ~0: nothing is armed. May be too early, never too late.
    std::uint64_t next_due_us() const;

  private:
    static constexpr std::uint16_t kUnarmed = 0xffff;
    static constexpr std::uint32_t kWork = 1024;

    struct Node {
        std::uint32_t due_tick;  // the lower half: the horizon is less
        std::uint32_t next;
        std::uint32_t previous;
        std::uint16_t slot;  // level · kSlots + index
    };
    static_assert(sizeof(Node) == 16);

    void link(std::uint32_t id, std::uint64_t due_tick);
    void unlink(std::uint32_t id);
    // Moves what lies in the cursor's own slots of the upper levels down. false: some is left.
    bool cascade(std::uint32_t& work);
    std::uint32_t next_occupied(std::uint32_t level, std::uint32_t from) const;
    std::uint64_t next_tick() const;
    std::uint32_t index(std::uint32_t level) const {
        return static_cast<std::uint32_t>(cursor_ >> kLevelBits * level) & (kSlots - 1);
    }
    bool occupied(std::uint32_t slot) const { return (occupied_[slot / 64] >> slot % 64 & 1) != 0; }

    std::uint64_t cursor_;  // the next tick to look at
    std::unique_ptr<Node[]> nodes_;
    std::array<std::uint32_t, kAllSlots> heads_;
    std::array<std::uint64_t, kAllSlots / 64> occupied_{};
};

}  // namespace skerry::net::tcp
