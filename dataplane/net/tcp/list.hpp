// Lists of connections, linked through the connections themselves by index: constant time, no
// memory of their own.
#pragma once

#include <cstdint>

namespace skerry::net::tcp {

inline constexpr std::uint32_t kNone = ~0u;

struct Link {
    static constexpr std::uint32_t kUnlinked = kNone - 1;
    std::uint32_t next = kUnlinked;
    std::uint32_t previous = kNone;
    bool linked() const { return next != kUnlinked; }
};

// `Member` is which Link of T; `pool` an array of T.
template <typename T, Link T::*Member>
class List {
  public:
    bool empty() const { return head_ == kNone; }
    std::uint32_t front() const { return head_; }
    std::uint32_t size() const { return size_; }

    // At the end. Nothing happens if it is in the list already.
    void push(T* pool, std::uint32_t index) {
        Link& link = pool[index].*Member;
        if (link.linked()) return;
        link = {kNone, tail_};
        (tail_ == kNone ? head_ : (pool[tail_].*Member).next) = index;
        tail_ = index;
        ++size_;
    }
    // At the front: what was used last is still in the caches.
    void push_front(T* pool, std::uint32_t index) {
        Link& link = pool[index].*Member;
        if (link.linked()) return;
        link = {head_, kNone};
        (head_ == kNone ? tail_ : (pool[head_].*Member).previous) = index;
        head_ = index;
        ++size_;
    }
    void remove(T* pool, std::uint32_t index) {
        Link& link = pool[index].*Member;
        if (!link.linked()) return;
        (link.previous == kNone ? head_ : (pool[link.previous].*Member).next) = link.next;
        (link.next == kNone ? tail_ : (pool[link.next].*Member).previous) = link.previous;
        link = {};
        --size_;
    }
    std::uint32_t pop(T* pool) {
        const std::uint32_t index = head_;
        if (index != kNone) remove(pool, index);
        return index;
    }

  private:
    std::uint32_t head_ = kNone;
    std::uint32_t tail_ = kNone;
    std::uint32_t size_ = 0;
};

}  // namespace skerry::net::tcp
