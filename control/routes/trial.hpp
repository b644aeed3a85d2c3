// Whether Hyperscan compiles an expression within a budget, tried in a process of its own: a
// thousand bytes of pattern can keep it busy for minutes, nothing interrupts it, and the thread
// that waits for it is one of few. What it compiles in time is compiled again where it is needed.
//
// The process is this program once more, started with kTrialArgument and nothing else, which has to
// call serve_trials(): no copy of this process's memory is made, as fork() would. Control thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/routes/databases.hpp"

namespace skerry::routes {

inline constexpr const char* kTrialArgument = "--try-expressions";

struct TrialBudget {
    std::uint32_t cpu_ms = 2'000;                 // of each expression
    std::uint32_t all_ms = 60'000;                // of all together, by the clock
    std::uint64_t memory_bytes = 1'000ull << 20;  // of the process's address space
};

enum class Trial : std::uint8_t {
    done,       // compiled, or refused with a reason
    too_slow,   // not within cpu_ms
    too_large,  // not within memory_bytes
    no_time,    // all_ms were over before it was tried
    failed,     // the process could not be started, or ended for a reason of its own
};

// `program`: its path; empty: nothing is tried, and all are done. One for each expression.
std::vector<Trial> try_expressions(const std::string& program,
                                   const std::vector<std::string_view>& expressions, Form form,
                                   const TrialBudget& budget = {});

// What is said of one that is not done.
std::string to_text(Trial trial, const TrialBudget& budget = {});

// By main(), before any thread: this program serves trials. Until then, as in tests and tools,
// there are none: trial_program() is empty.
void use_trials(std::string program);
const std::string& trial_program();

// The other side: reads expressions, compiles them, says so. The process's exit code.
int serve_trials();

}  // namespace skerry::routes
