// Snapshots that have been replaced, until no core can hold them (rte_rcu_qsbr). Control thread,
// under the control lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dataplane/shared.hpp"

namespace skerry::control {

class Reclaimer {
  public:
    explicit Reclaimer(Shared& shared) : shared_(shared) {}

    // Publishes `next`; `afterwards` runs when every core has let go of what was there before.
    // Returns a number for passed().
    std::uint64_t publish(std::unique_ptr<const Snapshot> next, std::function<void()> afterwards);
    // Frees what may be freed. Never waits.
    void step();
    // Every core has seen the publication of that number, or a later one.
    bool passed(std::uint64_t number) const { return passed_ >= number; }
    bool empty() const { return waiting_.empty(); }

  private:
    struct Waiting {
        std::uint64_t number;
        std::uint64_t token;
        std::unique_ptr<const Snapshot> old;
        std::function<void()> afterwards;
    };
    Shared& shared_;
    std::unique_ptr<const Snapshot> current_;
    std::vector<Waiting> waiting_;
    std::uint64_t published_ = 0;
    std::uint64_t passed_ = 0;
};

}  // namespace skerry::control
