// The Reservation of each function. Functions without a limit never touch theirs.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/capacity/reservation.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

inline constexpr std::uint32_t kUnreserved = ~0u;  // as many as there is room for

class Reservations {
  public:
    // Any core. `function` < kFunctionRows.
    bool enter(std::uint32_t function, std::uint32_t limit) { return all_[function].enter(limit); }
    void leave(std::uint32_t function) { all_[function].leave(); }
    std::uint32_t in(std::uint32_t function) const { return all_[function].count.load(SK_RELAXED); }

  private:
    std::array<Reservation, kFunctionRows> all_{};
};

}  // namespace skerry
