// What POPs know of functions, by pair: a hash table with open addressing. Nearly all pairs of a
// large world are never asked for, so a dense table would be mostly zeroed memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "tools/sim/pop.hpp"
#include "tools/sim/random.hpp"

namespace skerry::sim {

class PairTable {
  public:
    explicit PairTable(std::uint32_t functions) : functions_(functions) { resize(kFirst); }

    // Made of zeros if it is not there. Makes references that were given before invalid then.
    PopFunction& add(std::uint32_t pop, std::uint32_t function) {
        if (used_ >= size_ / 4 * 3) resize(size_ * 2);
        Slot& slot = find(key(pop, function));
        if (slot.key == 0) {
            slot.key = key(pop, function);
            ++used_;
        }
        return slot.value;
    }
    // It must have been added.
    PopFunction& at(std::uint32_t pop, std::uint32_t function) {
        return find(key(pop, function)).value;
    }
    void prefetch(std::uint32_t pop, std::uint32_t function) const {
        __builtin_prefetch(&slots_[home(key(pop, function))]);
    }
    std::size_t used() const { return used_; }

  private:
    static constexpr std::size_t kFirst = std::size_t{1} << 16;
    struct Slot {
        std::uint64_t key = 0;  // 0: free
        PopFunction value;
    };
    static_assert(sizeof(Slot) == 32, "two in a cache line");
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };

    std::uint64_t key(std::uint32_t pop, std::uint32_t function) const {
        return std::uint64_t{pop} * functions_ + function + 1;
    }
    std::size_t home(std::uint64_t key) const { return mix64(key) & (size_ - 1); }
    Slot& find(std::uint64_t key) const {
        std::size_t at = home(key);
        while (slots_[at].key != 0 && slots_[at].key != key) at = (at + 1) & (size_ - 1);
        return slots_[at];
    }
    void resize(std::size_t size);

    std::uint32_t functions_;
    std::size_t size_ = 0, used_ = 0;  // a power of two; at most three quarters of it
    std::unique_ptr<Slot[], Free> slots_;
};

}  // namespace skerry::sim
