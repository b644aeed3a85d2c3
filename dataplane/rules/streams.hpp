// Hyperscan's stream states of one core: for bodies that come in several pieces. Opening one
// allocates, so all are opened by the control thread, and only reset here.
//
// A fixed number. When all are taken, who has had one for longest gives way (Screen). Constructor,
// destructor and in_use(): control thread; the rest: the core.
#pragma once

#include <hs/hs_runtime.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "sandbox/base/check.hpp"

namespace skerry::rules {

class Streams {
  public:
    static constexpr std::uint32_t kNone = ~0u;

    // Empty if there is not enough memory.
    static std::unique_ptr<Streams> open(const hs_database_t* database, std::uint32_t count) {
        auto made = std::unique_ptr<Streams>(new Streams(count));
        for (Place& each : made->places_)
            if (hs_open_stream(database, 0, &each.stream) != HS_SUCCESS) return {};
        return made;
    }
    ~Streams() {
        for (const Place& each : places_) hs_close_stream(each.stream, nullptr, nullptr, nullptr);
    }
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;

    // kNone: all are taken.
    std::uint32_t take(std::uint32_t holder) {
        const std::uint32_t index = free_;
        if (index == kNone) return kNone;
        Place& place = places_[index];
        free_ = place.next;
        place.holder = holder;
        place.previous = last_;
        place.next = kNone;
        (last_ == kNone ? first_ : places_[last_].next) = index;
        last_ = index;
        return index;
    }
    // Its state is that of a new one again.
    void give_back(std::uint32_t index) {
        Place& place = places_[index];
        SKERRY_CHECK(hs_reset_stream(place.stream, 0, nullptr, nullptr, nullptr) == HS_SUCCESS);
        (place.previous == kNone ? first_ : places_[place.previous].next) = place.next;
        (place.next == kNone ? last_ : places_[place.next].previous) = place.previous;
        place.next = free_;
        free_ = index;
    }
    hs_stream_t* at(std::uint32_t index) { return places_[index].stream; }
    // Who has had one for longest; kNone: nobody has one.
    std::uint32_t longest_holder() const {
        return first_ == kNone ? kNone : places_[first_].holder;
    }
    bool full() const { return free_ == kNone; }

    // Bodies that are judged by these rules, and are not done.
    void begin() { in_use_.store(in_use_.load(std::memory_order_relaxed) + 1, kRelease); }
    void end() { in_use_.store(in_use_.load(std::memory_order_relaxed) - 1, kRelease); }
    // 0, once no more can begin (the grace period of the snapshot is over): nobody has anything of
    // this any more, and it may be freed.
    std::uint32_t in_use() const { return in_use_.load(std::memory_order_acquire); }

  private:
    static constexpr auto kRelease = std::memory_order_release;
    struct Place {
        hs_stream_t* stream = nullptr;
        std::uint32_t holder = kNone;
        std::uint32_t next = kNone, previous = kNone;  // next: also of those that are free
    };
    explicit Streams(std::uint32_t count) : places_(count) {
        for (std::uint32_t i = 0; i < count; ++i) places_[i].next = i + 1 < count ? i + 1 : kNone;
        free_ = count == 0 ? kNone : 0;
    }

    std::vector<Place> places_;
    std::uint32_t free_ = kNone;
    std::uint32_t first_ = kNone, last_ = kNone;  // of those that are taken: oldest first
    std::atomic<std::uint32_t> in_use_{0};
};

}  // namespace skerry::rules
