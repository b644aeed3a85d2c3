// How long the invocations of each capacity entry usually run here: what decides whether requests
// may be handed over ahead. Private to a core; smoothed over about eight invocations. One that took
// much longer than usual counts as four times that: it may have waited for a CPU, and when all
// become so long it is soon known.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/capacity/slot_table.hpp"

namespace skerry {

class UsualRuns {
  public:
    void note(std::uint32_t entry, std::uint64_t version_key, std::uint64_t run_tsc) {
        Usual& usual = all_[entry];
        // Never 0, which is what is not known.
        if (usual.version_key != version_key || usual.run_tsc == 0) {
            usual = {version_key, run_tsc | 1};
        } else {
            const std::uint64_t counts = std::min(run_tsc, 4 * usual.run_tsc);
            usual.run_tsc = (usual.run_tsc - usual.run_tsc / 8 + counts / 8) | 1;
        }
    }
    // 0: none of this version has ended yet.
    std::uint64_t of(std::uint32_t entry, std::uint64_t version_key) const {
        const Usual& usual = all_[entry];
        return usual.version_key == version_key ? usual.run_tsc : 0;
    }

  private:
    struct Usual {
        std::uint64_t version_key = 0;
        std::uint64_t run_tsc = 0;
    };
    std::array<Usual, kMaxEntries> all_{};
};

}  // namespace skerry
