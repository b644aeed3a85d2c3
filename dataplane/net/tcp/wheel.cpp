#include "dataplane/net/tcp/wheel.hpp"

namespace skerry::net::tcp {

// A timer lies at the level of the highest byte in which its tick differs from the cursor. So all
// that lies at one level comes after all that lies below, and when the cursor reaches the first
// tick of a slot above, what is in it goes down.

Wheel::Wheel(std::uint32_t timers, std::uint64_t now_us)
    : cursor_(now_us / kTickUs), nodes_(std::make_unique<Node[]>(timers)) {
    for (std::uint32_t id = 0; id < timers; ++id) nodes_[id].slot = kUnarmed;
    heads_.fill(kNone);
}

void Wheel::link(std::uint32_t id, std::uint64_t due_tick) {
    std::uint32_t level = 0;
    while (level + 1 < kLevels && (due_tick ^ cursor_) >> kLevelBits * (level + 1) != 0) ++level;
    const auto at = static_cast<std::uint32_t>(due_tick >> kLevelBits * level) & (kSlots - 1);
    const std::uint32_t slot = level * kSlots + at;
    Node& node = nodes_[id];
    node.due_tick = static_cast<std::uint32_t>(due_tick);
    node.slot = static_cast<std::uint16_t>(slot);
    node.previous = kNone;
    node.next = heads_[slot];
    if (node.next != kNone) nodes_[node.next].previous = id;
    heads_[slot] = id;
    occupied_[slot / 64] |= std::uint64_t{1} << slot % 64;
}

void Wheel::unlink(std::uint32_t id) {
    Node& node = nodes_[id];
    const std::uint32_t slot = node.slot;
    node.slot = kUnarmed;
    if (node.next != kNone) nodes_[node.next].previous = node.previous;
    if (node.previous != kNone) {
        nodes_[node.previous].next = node.next;
        return;
    }
    heads_[slot] = node.next;
    if (node.next == kNone) occupied_[slot / 64] &= ~(std::uint64_t{1} << slot % 64);
}

void Wheel::arm(std::uint32_t id, std::uint64_t due_us) {
    if (armed(id)) unlink(id);
    std::uint64_t due = due_us / kTickUs + (due_us % kTickUs != 0);
    if (due < cursor_) due = cursor_;
    if (due - cursor_ > kHorizonUs / kTickUs) due = cursor_ + kHorizonUs / kTickUs;
    link(id, due);
}

void Wheel::cancel(std::uint32_t id) {
    if (armed(id)) unlink(id);
}

bool Wheel::cascade(std::uint32_t& work) {
    for (std::uint32_t level = kLevels - 1; level > 0; --level) {
        const std::uint32_t slot = level * kSlots + index(level);
        while (heads_[slot] != kNone) {
            if (work == 0) return false;
            --work;
            const std::uint32_t id = heads_[slot];
            const std::uint32_t ahead = nodes_[id].due_tick - static_cast<std::uint32_t>(cursor_);
            unlink(id);
            link(id, cursor_ + ahead);
        }
    }
    return true;
}

// The first occupied index at or behind `from`, or kSlots.
std::uint32_t Wheel::next_occupied(std::uint32_t level, std::uint32_t from) const {
    if (from >= kSlots) return kSlots;
    const std::uint64_t* words = &occupied_[level * kSlots / 64];
    std::uint32_t word = from / 64;
    std::uint64_t bits = words[word] & ~std::uint64_t{0} << from % 64;
    while (bits == 0) {
        if (++word == kSlots / 64) return kSlots;
        bits = words[word];
    }
    return word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
}

// The first tick at which there is something to do, or ~0.
std::uint64_t Wheel::next_tick() const {
    for (std::uint32_t level = 1; level < kLevels; ++level)
        if (occupied(level * kSlots + index(level))) return cursor_;
    for (std::uint32_t level = 0; level < kLevels; ++level) {
        const std::uint32_t shift = kLevelBits * level;
        const std::uint64_t round = (cursor_ >> shift) - index(level);
        const std::uint32_t found = next_occupied(level, index(level) + (level == 0 ? 0 : 1));
        if (found != kSlots) return (round + found) << shift;
    }
    // Only the uppermost level goes round.
    constexpr std::uint32_t kTop = kLevels - 1;
    const std::uint32_t found = next_occupied(kTop, 0);
    if (found == kSlots) return ~std::uint64_t{0};
    return ((cursor_ >> kLevelBits * kTop) - index(kTop) + kSlots + found) << kLevelBits * kTop;
}

std::uint32_t Wheel::expire(std::uint64_t now_us, std::span<std::uint32_t> due) {
    const std::uint64_t now = now_us / kTickUs;
    std::uint32_t work = kWork;
    std::uint32_t count = 0;
    while (true) {
        const std::uint64_t next = next_tick();
        if (next > now) {
            if (now >= cursor_) cursor_ = now + 1;
            return count;
        }
        cursor_ = next;
        if (!cascade(work)) return count;
        const std::uint32_t slot = index(0);
        while (heads_[slot] != kNone) {
            if (count == due.size()) return count;
            due[count] = heads_[slot];
            unlink(due[count++]);
        }
    }
}

std::uint64_t Wheel::next_due_us() const {
    const std::uint64_t tick = next_tick();
    return tick == ~std::uint64_t{0} ? tick : tick * kTickUs;
}

}  // namespace skerry::net::tcp
