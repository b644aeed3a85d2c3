// One region's word of what regions told last of their load (region_loads.hpp): lock-free and
// wait-free, one relaxed atomic. Whoever reads sees all of what one writer wrote, and nothing else
// is ordered by it.
#pragma once

#include <cstdint>

#include "sandbox/base/atomics.hpp"

namespace skerry {

struct RegionLoad {
    std::uint32_t wait_us = 0;    // expected for a slot there (select/load.hpp); at most a minute
    std::uint16_t in_flight = 0;  // all POPs' requests, those that wait included
    std::uint16_t waiting = 0;    // of them, those without a slot
    bool operator==(const RegionLoad&) const = default;
};

class RegionLoadWord {
  public:
    void write(const RegionLoad& load) {
        word_.store(
            std::uint64_t{load.wait_us} << 32 | std::uint64_t{load.in_flight} << 16 | load.waiting,
            SK_RELAXED);
    }
    RegionLoad read() const {
        const std::uint64_t word = word_.load(SK_RELAXED);
        return {.wait_us = static_cast<std::uint32_t>(word >> 32),
                .in_flight = static_cast<std::uint16_t>(word >> 16),
                .waiting = static_cast<std::uint16_t>(word)};
    }

  private:
    Atomic<std::uint64_t> word_{};
};

}  // namespace skerry
