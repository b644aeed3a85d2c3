#include "dataplane/net/tcp/syn_budget.hpp"

#include <algorithm>
#include <bit>

namespace skerry::net::tcp {
namespace {

// Sixteen bytes an answer. Who is taken for one that asks again takes the place of one that does:
// with fifteen times as many SYNs as are answered there are still fewer of them than places.
std::size_t words_for(std::uint32_t answers_per_s) {
    return std::bit_ceil(std::size_t{answers_per_s} * 2);
}

}  // namespace

SynBudget::SynBudget(std::uint32_t answers_per_s, const SipKey& key)
    : key_(key),
      a_step_(static_cast<std::uint32_t>(answers_per_s / kStepsASecond)),
      word_mask_(words_for(answers_per_s) - 1),
      cleared_a_step_((word_mask_ + kStepsAGeneration) / kStepsAGeneration) {
    for (Generation& generation : generations_) generation.assign(word_mask_ + 1, 0);
}

// The generation that comes next is cleared little by little: all at once would be a long turn.
void SynBudget::begin_step(std::uint64_t step) {
    step_ = step;
    first_left_ = again_left_ = a_step_;
    if (const std::uint64_t generation = step / kStepsAGeneration; generation != generation_) {
        generation_ = generation;
        at_ = (at_ + 1) % 3;
        cleared_ = 0;
    }
    Generation& next = generations_[(at_ + 1) % 3];
    const std::size_t until = std::min(cleared_ + cleared_a_step_, next.size());
    std::fill(next.begin() + static_cast<std::ptrdiff_t>(cleared_),
              next.begin() + static_cast<std::ptrdiff_t>(until), 0);
    cleared_ = until;
}

}  // namespace skerry::net::tcp
