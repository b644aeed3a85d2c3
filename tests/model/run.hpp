// Runs one Relacy suite. For *_model.cpp only, after every other header.
#pragma once

#include <cstddef>
#include <ostream>
#include <span>
#include <streambuf>

#include "sandbox/base/atomics.hpp"

namespace skerry::model {

// Relacy replaces operator new in the program but not inside the shared libstdc++, so a stream that
// it writes to must own no heap memory. What does not fit is cut off.
class FixedText : public std::streambuf {
  public:
    explicit FixedText(std::span<char> text) { setp(text.data(), text.data() + text.size() - 1); }
    ~FixedText() override { *pptr() = 0; }

  protected:
    int_type overflow(int_type) override { return 0; }
};

// Every execution of two threads that do a handful of steps is tried; of larger ones, as many as
// fit into a test run. The seed is Relacy's own and fixed: a failure comes again.
template <typename Suite, rl::scheduler_type_e kScheduler, unsigned kExecutions>
bool explore(std::span<char> report) {
    FixedText text(report);
    std::ostream said(&text);
    rl::test_params params;
    params.iteration_count = kExecutions;
    params.search_type = kScheduler;
    params.output_stream = &said;
    params.progress_stream = &said;
    return rl::simulate<Suite>(params);
}

template <typename Suite>
bool explore_all(std::span<char> report) {
    return explore<Suite, rl::sched_full, 2'000'000>(report);
}
template <typename Suite>
bool explore_some(std::span<char> report) {
    return explore<Suite, rl::sched_random, 200'000>(report);
}

}  // namespace skerry::model
