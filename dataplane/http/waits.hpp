// How long clients may take, and the sessions in the order in which that ends.
//
// All waits of a kind last equally long, so each kind is a queue: arming is O(1), what is due first
// is in front, and a session costs two links. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace skerry::http {

enum class Wait : std::uint8_t {
    none,
    first,   // for a connection's very first byte
    idle,    // for the next request's first byte
    head,    // for the rest of a head, from its first byte
    body,    // for the body's next share (Times::min_bytes_per_s)
    send,    // for the client to take its answer's next share
    linger,  // for the client to see the answer and close
    count
};

struct Times {
    std::uint32_t idle_us = 60'000'000;
    std::uint32_t head_us = 10'000'000;  // as well for the first byte
    // A body and an answer must get on by window_us × min_bytes_per_s in each window_us.
    std::uint32_t window_us = 5'000'000;
    std::uint32_t min_bytes_per_s = 1024;
    std::uint32_t linger_us = 2'000'000;

    std::uint32_t of(Wait wait) const {
        switch (wait) {
            case Wait::idle:
                return idle_us;
            case Wait::first:
            case Wait::head:
                return head_us;
            case Wait::linger:
                return linger_us;
            default:
                return window_us;
        }
    }
    std::uint64_t window_bytes() const {
        return std::uint64_t{window_us} * min_bytes_per_s / 1'000'000;
    }
};

class Waits {
  public:
    static constexpr std::uint32_t kNone = ~0u;

    explicit Waits(std::uint32_t sessions) : links_(std::make_unique<Link[]>(sessions)) {}

    // Ends the wait it had.
    void arm(std::uint32_t session, Wait wait, const Times& times, std::uint64_t now_us) {
        cancel(session);
        Queue& queue = queues_[static_cast<std::size_t>(wait)];
        Link& link = links_[session];
        link = {now_us + times.of(wait), kNone, queue.last, wait};
        (queue.last == kNone ? queue.first : links_[queue.last].next) = session;
        queue.last = session;
    }
    void cancel(std::uint32_t session) {
        Link& link = links_[session];
        if (link.wait == Wait::none) return;
        Queue& queue = queues_[static_cast<std::size_t>(link.wait)];
        (link.previous == kNone ? queue.first : links_[link.previous].next) = link.next;
        (link.next == kNone ? queue.last : links_[link.next].previous) = link.previous;
        link.wait = Wait::none;
    }
    Wait of(std::uint32_t session) const { return links_[session].wait; }
    // The one whose wait of that kind ends first; kNone: there is none.
    std::uint32_t first(Wait wait) const { return queues_[static_cast<std::size_t>(wait)].first; }
    // One that is due, still waiting; kNone: none is.
    std::uint32_t due(std::uint64_t now_us) const {
        for (const Queue& queue : queues_)
            if (queue.first != kNone && links_[queue.first].due_us <= now_us) return queue.first;
        return kNone;
    }
    // ~0: nothing is waited for.
    std::uint64_t next_due_us() const {
        std::uint64_t next = ~std::uint64_t{0};
        for (const Queue& queue : queues_)
            if (queue.first != kNone && links_[queue.first].due_us < next)
                next = links_[queue.first].due_us;
        return next;
    }

  private:
    struct Link {
        std::uint64_t due_us = 0;
        std::uint32_t next = kNone, previous = kNone;
        Wait wait = Wait::none;
    };
    struct Queue {
        std::uint32_t first = kNone, last = kNone;
    };
    std::unique_ptr<Link[]> links_;
    std::array<Queue, static_cast<std::size_t>(Wait::count)> queues_;
};

}  // namespace skerry::http
