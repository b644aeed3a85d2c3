// Requests that wait here for a slot: one queue for each capacity entry, in order of arrival. Those
// that are handed to a busy worker ahead of their turn are lent: out of their queue, and still
// counted as waiting.
//
// Owned by one core; bounded by ServerInfo::queue_limit. Entries take turns, so that one function's
// queue does not starve another's, and no entry fills more than its share of the room: requests
// with far deadlines for one function must not keep those for others out. Nor must a tenant's with
// many functions. Nothing here decides or answers: see loop.cpp, waiting stage.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/capacity/slot_table.hpp"
#include "dataplane/invocation.hpp"

namespace skerry {

class WaitingRoom {
  public:
    WaitingRoom(InvocationPool& invocations, std::uint32_t limit)
        : invocations_(invocations),
          limit_(limit),
          share_(std::min(limit, std::max(limit / 4, 16u))),
          queues_(std::make_unique<Queue[]>(kMaxEntries)) {}

    bool has_room(std::uint32_t entry) const {
        return size_ < limit_ && entry < kMaxEntries && queues_[entry].size < share_;
    }
    std::uint32_t size() const { return size_; }
    std::uint32_t size_of(std::uint32_t tenant) const { return of_tenant_[tenant]; }

    // Those of the entry, lent ones too; the first of the others.
    std::uint32_t size_of_entry(std::uint32_t entry) const { return queues_[entry].size; }
    std::uint32_t first_of_entry(std::uint32_t entry) const { return queues_[entry].first; }

    // The caller asked has_room(entry). `Invocation::entry` says which queue.
    void join(std::uint32_t index) {
        Invocation& invocation = invocations_[index];
        Queue& queue = queues_[invocation.entry];
        if (queue.first == kNoInvocation) {
            activate(queue, invocation.entry);
            queue.first = index;
        } else {
            invocations_[queue.last].next = index;
        }
        invocation.previous = queue.last;
        invocation.next = kNoInvocation;
        queue.last = index;
        count_in(invocation);
    }
    // As the first of its queue, whether there is room or not: it has been here before.
    void join_again(std::uint32_t index) {
        Invocation& invocation = invocations_[index];
        count_in(invocation);
        put_first(index);
    }

    void leave(std::uint32_t index) {
        count_out(invocations_[index]);
        unlink(index);
    }

    // It is the first of its queue. Then either of the other two.
    void lend(std::uint32_t index) { unlink(index); }
    void leave_lent(std::uint32_t index) { count_out(invocations_[index]); }
    void put_first(std::uint32_t index) {
        Invocation& invocation = invocations_[index];
        Queue& queue = queues_[invocation.entry];
        if (queue.first == kNoInvocation) {
            activate(queue, invocation.entry);
            queue.last = index;
        } else {
            invocations_[queue.first].previous = index;
        }
        invocation.next = queue.first;
        invocation.previous = kNoInvocation;
        queue.first = index;
    }

    // Entries with somebody waiting who is not lent, and who is first there.
    std::uint32_t queues() const { return active_count_; }
    std::uint32_t first_of(std::uint32_t i) const { return queues_[active_[i]].first; }

  private:
    struct Queue {
        std::uint32_t first = kNoInvocation;
        std::uint32_t last = kNoInvocation;
        std::uint32_t active_at = 0;
        std::uint32_t size = 0;
    };

    void activate(Queue& queue, std::uint32_t entry) {
        queue.active_at = active_count_;
        active_[active_count_++] = static_cast<std::uint16_t>(entry);
    }
    void count_in(const Invocation& invocation) {
        ++queues_[invocation.entry].size;
        ++of_tenant_[invocation.tenant];
        ++size_;
    }
    void count_out(const Invocation& invocation) {
        --queues_[invocation.entry].size;
        --of_tenant_[invocation.tenant];
        --size_;
    }
    void unlink(std::uint32_t index) {
        Invocation& invocation = invocations_[index];
        Queue& queue = queues_[invocation.entry];
        (invocation.previous == kNoInvocation ? queue.first
                                              : invocations_[invocation.previous].next) =
            invocation.next;
        (invocation.next == kNoInvocation ? queue.last : invocations_[invocation.next].previous) =
            invocation.previous;
        invocation.next = invocation.previous = kNoInvocation;
        if (queue.first != kNoInvocation) return;
        const std::uint16_t last = active_[--active_count_];
        active_[queue.active_at] = last;
        queues_[last].active_at = queue.active_at;
    }

    InvocationPool& invocations_;
    const std::uint32_t limit_;
    const std::uint32_t share_;  // of one entry
    std::unique_ptr<Queue[]> queues_;
    std::array<std::uint16_t, kMaxEntries> active_{};
    std::array<std::uint32_t, kMaxTenants> of_tenant_{};
    std::uint32_t active_count_ = 0;
    std::uint32_t size_ = 0;
};

}  // namespace skerry
