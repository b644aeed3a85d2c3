#include "tools/sim/pairs.hpp"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace skerry::sim {

void PairTable::resize(std::size_t size) {
    constexpr std::size_t kHuge = std::size_t{2} << 20;
    const std::size_t bytes = size * sizeof(Slot);
    static_assert(kFirst * sizeof(Slot) % kHuge == 0);
    void* memory = std::aligned_alloc(kHuge, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    // A hint: most of a run's misses are here, and large pages make them cheaper.
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    std::memset(memory, 0, bytes);
    const auto old = std::move(slots_);
    const std::size_t old_size = size_;
    slots_.reset(static_cast<Slot*>(memory));
    size_ = size;
    for (std::size_t i = 0; i < old_size; ++i)
        if (old[i].key != 0) find(old[i].key) = old[i];
}

}  // namespace skerry::sim
