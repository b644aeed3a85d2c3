// From rules to the set that the packet path holds requests against. Control thread; allocates, and
// takes seconds if there are hundreds of patterns that no cache has.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/routes/databases.hpp"
#include "control/rules/rule.hpp"
#include "dataplane/rules/set.hpp"

namespace skerry::rules {

// Rules, and what they were made into; immutable.
struct RuleSet {
    std::vector<Declared> declared;
    Set set;
    std::uint32_t control_core =
        0;  // the control thread judges as this one; its counts are nobody's

    // Of all cores.
    std::uint64_t matched(std::size_t rule) const;
    std::uint64_t refused(std::size_t rule) const;
};

struct Shape {
    std::uint32_t cores = 1;
    std::uint32_t body_bytes = 4096;  // of each body that are looked at
    std::uint32_t streams = 1024;     // bodies that come in pieces, of each core at once
};
inline constexpr std::uint64_t kStreamsBytesMax = 512ull << 20;  // of all cores together

struct Compiled {
    std::shared_ptr<const RuleSet> set;  // none: `problems` says why
    std::vector<Problem> problems;
};

// `before`: what there was, whose counts and buckets rules of the same name keep; or none. Every
// problem that can be found is, not only the first.
Compiled compile(std::vector<Declared> rules, const Shape& shape, const RuleSet* before,
                 routes::Cache& cache);

// What patterns cost that are not among those of `before`, measured (routes/judge.hpp). What is
// too much is returned; `said` is what to think of.
std::vector<Problem> judge(const std::vector<Declared>& rules, const std::vector<Declared>& before,
                           std::vector<std::string>& said);

// The whole set at once: how long the worst of some requests with a body of body_bytes takes, in
// nanoseconds.
std::uint64_t measure(const RuleSet& set);

}  // namespace skerry::rules
