// Seqlock: one writer, any number of readers, a value of a few words that must be seen whole.
//
// H.-J. Boehm, "Can seqlocks get along with programming language memory models?" (MSPC 2012): the
// data are relaxed atomics, the reader closes with an acquire fence before it looks at the sequence
// again, the writer opens with a release fence after it made the sequence odd. Hence no data race
// for the language, and none for TSan.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "sandbox/base/atomics.hpp"

namespace skerry {

inline constexpr int kSeqlockTries = 8;

template <typename T>
class alignas(64) Seqlock {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
    static constexpr std::size_t kWords = sizeof(T) / 8;

  public:
    // One writer only.
    void write(const T& value) {
        std::uint64_t words[kWords];
        std::memcpy(words, &value, sizeof value);
        const std::uint32_t sequence = sequence_.load(SK_RELAXED);
        sequence_.store(sequence + 1, SK_RELAXED);
        SK_FENCE(SK_RELEASE);
        for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], SK_RELAXED);
        sequence_.store(sequence + 2, SK_RELEASE);
    }

    // false: a write was under way at every try; `value` is then not to be used.
    [[nodiscard]] bool read(T& value) const {
        for (int i = 0; i < kSeqlockTries; ++i) {
            const std::uint32_t before = sequence_.load(SK_ACQUIRE);
            if (before & 1u) continue;
            std::uint64_t words[kWords];
            for (std::size_t w = 0; w < kWords; ++w) words[w] = words_[w].load(SK_RELAXED);
            SK_FENCE(SK_ACQUIRE);
            if (sequence_.load(SK_RELAXED) == before) {
                std::memcpy(&value, words, sizeof value);
                return true;
            }
        }
        return false;
    }

  private:
    Atomic<std::uint32_t> sequence_{0};
    std::array<Atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace skerry
