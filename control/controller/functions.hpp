// What the controller keeps for each deployed function beside the catalog: its row in the cores'
// arrays, and the capacity entry of each version. Under the control lock.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "control/worth/idle_times.hpp"
#include "control/worth/plan.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry::control {

// What cores have counted in a row.
struct RowCounts {
    std::uint64_t arrivals = 0, throttled = 0, local = 0, forwarded = 0;
};
inline RowCounts operator-(const RowCounts& a, const RowCounts& b) {
    return {a.arrivals - b.arrivals, a.throttled - b.throttled, a.local - b.local,
            a.forwarded - b.forwarded};
}
inline RowCounts operator+(const RowCounts& a, const RowCounts& b) {
    return {a.arrivals + b.arrivals, a.throttled + b.throttled, a.local + b.local,
            a.forwarded + b.forwarded};
}

struct Deployed {
    std::uint64_t key = 0;                         // catalog::function_key()
    std::uint32_t index = kCommonRow;              // of its row; the common one: it has none
    std::uint64_t row_since_us = 0;                // when it got its row
    RowCounts before;                              // what its row had counted by then
    bool wants_entry = false;                      // none was free when it got its row
    std::map<std::string, std::uint32_t> entries;  // digest → capacity entry, where it may run here
    std::string settings;  // admin::settings_id(): limits, policy, runtime, signature
    // Of each version: what was judged, and why it must not be executed here; empty: it may.
    struct Judged {
        std::string signature, refusal;
    };
    std::map<std::string, Judged> judged;
    bool popular = false;

    std::string refusal_of(const std::string& version) const {
        const auto at = judged.find(version);
        return at == judged.end() ? std::string() : at->second.refusal;
    }
    std::uint32_t busy_looks =
        0;  // consecutive looks that found no free slot of the current version
    // What the last plan was told of the current version, and said of it.
    worth::Candidate asked;
    worth::Verdict verdict;
    std::optional<std::uint64_t> arrived;  // requests that its habits know of
    worth::IdleTimes idle;
    worth::KeepAlive keep;
};

// An entry that is closed, or about to be: what its workers use is there until they have ended.
struct Retired {
    std::string function, digest, archive;
    std::uint32_t entry = kNoEntry;
    bool announced = false;  // it is closed when a publication without it has passed
    bool closed = false;
};

// Rows that no function has. They are reused as late as possible, so that a counter read late is
// seldom another function's.
class IndexPool {
  public:
    explicit IndexPool(std::uint32_t rows) {
        for (std::uint32_t i = 0; i < rows; ++i) free_.push_back(i);
    }
    std::uint32_t free() const { return static_cast<std::uint32_t>(free_.size()); }
    std::optional<std::uint32_t> take() {
        if (free_.empty()) return std::nullopt;
        const std::uint32_t index = free_.front();
        free_.pop_front();
        return index;
    }
    void give_back(std::uint32_t index) { free_.push_back(index); }

  private:
    std::deque<std::uint32_t> free_;
};

}  // namespace skerry::control
