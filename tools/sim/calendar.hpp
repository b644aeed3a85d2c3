// A calendar queue (Brown, CACM 1988): what will happen, in the order of time. Buckets of equal
// width in a ring; only the one that is due is sorted. What is further away than the ring waits in
// a heap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <queue>
#include <vector>

namespace skerry::sim {

struct Event {
    std::int64_t at_us = 0;
    std::uint32_t subject = 0;  // index of a flight
    std::uint32_t kind = 0;
    bool operator>(const Event& other) const { return at_us > other.at_us; }
};

class Calendar {
  public:
    // `width_us`: a few events should fall into that time.
    explicit Calendar(std::int64_t width_us)
        : width_us_(std::max<std::int64_t>(1, width_us)), ring_(kBuckets) {}

    void push(const Event& event) {
        const std::int64_t bucket = std::max(event.at_us / width_us_, current_);
        if (bucket >= current_ + kBuckets) {
            far_.push(event);
            return;
        }
        ++near_;
        auto& events = ring_[static_cast<std::size_t>(bucket % kBuckets)];
        if (bucket == current_) {  // sorted, the next one last
            events.insert(std::upper_bound(events.begin(), events.end(), event,
                                           [](const Event& a, const Event& b) { return a > b; }),
                          event);
        } else {
            events.push_back(event);
        }
    }

    // The next event before `limit_us`, if there is one.
    bool pop(std::int64_t limit_us, Event& event) {
        for (;;) {
            auto& events = ring_[static_cast<std::size_t>(current_ % kBuckets)];
            if (!events.empty()) {
                if (events.back().at_us >= limit_us) return false;
                event = events.back();
                events.pop_back();
                --near_;
                return true;
            }
            if ((current_ + 1) * width_us_ > limit_us) return false;
            if (near_ == 0 && far_.empty()) {
                current_ = std::max(current_, limit_us / width_us_);
                return false;
            }
            advance();
        }
    }

  private:
    static constexpr std::int64_t kBuckets = 8192;

    void advance() {
        ++current_;
        if (near_ == 0 && !far_.empty())
            current_ = std::max(current_, far_.top().at_us / width_us_);
        auto& events = ring_[static_cast<std::size_t>(current_ % kBuckets)];
        while (!far_.empty() && far_.top().at_us / width_us_ <= current_) {
            events.push_back(far_.top());
            far_.pop();
            ++near_;
        }
        std::sort(events.begin(), events.end(),
                  [](const Event& a, const Event& b) { return a > b; });
    }

    std::int64_t width_us_;
    std::int64_t current_ = 0;
    std::size_t near_ = 0;
    std::vector<std::vector<Event>> ring_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> far_;
};

}  // namespace skerry::sim
