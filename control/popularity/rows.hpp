// Who has a row of their own, when there are more functions than rows: by popularity, with
// hysteresis. Pure functions of plain numbers, without a clock.
//
// Rates on both sides are estimates, of different kinds: a row counts exactly, the sketch that
// knows those without one is off by some noise. So a row changes hands only where the one that asks
// is clearly more popular: by a factor, and by more than the noise; and whoever has got a row keeps
// it for a while, in which its own counters say what it is worth. Of two functions of nearly the
// same rate neither can so take the other's place, and no more than `changes` rows change hands at
// once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace skerry::popularity {

inline constexpr std::uint32_t kFreeRow = ~0u;

// A function with a row.
struct Holder {
    std::uint32_t row = 0;
    bool pinned = false;  // it must have one
    bool busy = false;    // it has workers here: it gives its row up when they have ended
    double per_s = 0;
    double held_s = 0;  // since it has got it
};

// A function without one.
struct Asker {
    std::uint32_t id = 0;
    double per_s = 0;
};

struct Terms {
    double factor = 2.0;    // an asker is asked for so many times as often,
    double more_per_s = 0;  // and by so much more often
    double settled_s = 0;   // a row is kept so long at least
    std::uint32_t changes = 16;
};

struct Change {
    std::uint32_t id = 0;          // of the asker
    std::uint32_t row = kFreeRow;  // the holder's that loses it; or one of those that nobody has
    bool operator==(const Change&) const = default;
};

// The most popular askers first: they get the free rows, then those of the least popular holders.
// An asker that nobody has asked for gets none. Equal rates: in the order given.
std::vector<Change> reassign(std::span<const Holder> holders, std::span<const Asker> askers,
                             std::uint32_t free_rows, const Terms& terms);

// The row for a function that must have one at once, when none is free: the least popular holder's
// that is not pinned, one that is not busy if there is any. None: all are pinned.
std::optional<std::uint32_t> cheapest(std::span<const Holder> holders);

}  // namespace skerry::popularity
