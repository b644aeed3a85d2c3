// How many SYNs a core answers while it sends SYN cookies (RFC 4987 §3.6). A cookie costs no
// memory, but a CPU; a flood is told from clients by what it does not do: ask again. Beyond the
// first `answers_per_s` a SYN is only remembered, and answered when it comes again, as a client's
// does after a second (RFC 6298 §2.1); of these as many once more. Such a budget is known as
// first-packet drop.
//
// What is remembered: three bits of a word for each SYN (a blocked Bloom filter), in generations of
// kGenerationUs. A bit that another has set, or that was not cleared in time, means a SYN that is
// answered too early: within the budget, so no harm.
//
// Of one core; memory is taken by the constructor alone, 48 to 96 bytes for each answer a second.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/net/plain_syn.hpp"
#include "dataplane/net/siphash.hpp"

namespace skerry::net::tcp {

class SynBudget {
  public:
    // The budget is given out in these: 64 a second.
    static constexpr std::uint64_t kStepUs = 15'625;
    static constexpr std::uint64_t kStepsASecond = 1'000'000 / kStepUs;
    // What asks again within this is known; a little more than the second that clients wait.
    static constexpr std::uint64_t kStepsAGeneration = 80;
    static constexpr std::uint64_t kGenerationUs = kStepsAGeneration * kStepUs;

    // Premise: answers_per_s is kStepsASecond or more.
    SynBudget(std::uint32_t answers_per_s, const SipKey& key);

    // Time for all that follows.
    void begin(std::uint64_t now_us) {
        if (const std::uint64_t step = now_us / kStepUs; step != step_) [[unlikely]]
            begin_step(step);
    }
    // Which SYN. Without the key nobody finds two of IPv4 that are the same; of IPv6, whose address
    // is folded, one may, and gains what asking again would gain.
    std::uint64_t hash(const SynTuple& syn) const {
        // Twice: sources that follow one another are to lie anywhere.
        return folded_product(folded_product(syn.peer ^ key_.k0, syn.ports ^ key_.k1),
                              0x9e37'79b9'7f4a'7c15);
    }
    // That many, whoever they are, if there is as much of the budget left.
    [[nodiscard]] bool spend_all(std::uint32_t count) {
        if (count > first_left_) return false;
        first_left_ -= count;
        return true;
    }
    void prefetch(std::uint64_t hash) const {
        if (first_left_ != 0) return;
        __builtin_prefetch(&newest()[word_of(hash)], 1);
        __builtin_prefetch(&older()[word_of(hash)]);
    }
    // Whether the SYN is to be answered now.
    [[nodiscard]] bool spend(std::uint64_t hash) {
        if (first_left_ != 0) [[likely]] {
            --first_left_;
            return true;
        }
        const std::uint64_t bits = bits_of(hash);
        std::uint64_t& word = newest()[word_of(hash)];
        const bool asks_again = (word & bits) == bits || (older()[word_of(hash)] & bits) == bits;
        word |= bits;
        if (!asks_again || again_left_ == 0) return false;
        --again_left_;
        return true;
    }

  private:
    using Generation = std::vector<std::uint64_t>;

    static std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) {
        const auto product = static_cast<unsigned __int128>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    void begin_step(std::uint64_t step);
    Generation& newest() { return generations_[at_]; }
    const Generation& newest() const { return generations_[at_]; }
    const Generation& older() const { return generations_[(at_ + 2) % 3]; }
    std::size_t word_of(std::uint64_t hash) const { return hash >> 18 & word_mask_; }
    static std::uint64_t bits_of(std::uint64_t hash) {
        return std::uint64_t{1} << (hash & 63) | std::uint64_t{1} << (hash >> 6 & 63) |
               std::uint64_t{1} << (hash >> 12 & 63);
    }

    const SipKey key_;
    const std::uint32_t a_step_;
    const std::size_t word_mask_;
    const std::size_t cleared_a_step_;
    std::uint64_t step_ = ~std::uint64_t{0}, generation_ = 0;
    std::uint32_t first_left_ = 0, again_left_ = 0;
    std::size_t cleared_ = 0;  // words of the generation that comes next
    std::size_t at_ = 0;       // the newest one; behind it the next, before it the older
    std::array<Generation, 3> generations_;
};

}  // namespace skerry::net::tcp
