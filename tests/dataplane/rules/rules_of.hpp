// Sets for tests, as few words as they need.
#pragma once

#include <gtest/gtest.h>

#include "control/rules/compile.hpp"

namespace skerry::rules::testing {

inline Declared rule(const std::string& name, Part in, const std::string& pattern,
                     Action action = Action::deny, const std::string& field = "") {
    Declared made;
    made.name = name;
    made.in = in;
    made.pattern = pattern;
    made.action = action;
    made.field = field;
    if (action == Action::rate) made.per_second = made.burst = 2;
    return made;
}

inline std::shared_ptr<const RuleSet> compiled(const std::vector<Declared>& all,
                                               const Shape& shape = {.streams = 4}) {
    routes::Cache none;
    const Compiled made = compile(all, shape, nullptr, none);
    for (const Problem& each : made.problems) ADD_FAILURE() << to_text(each);
    return made.set;
}

inline std::shared_ptr<const Set> published(const std::shared_ptr<const RuleSet>& set) {
    return {set, &set->set};
}

}  // namespace skerry::rules::testing
