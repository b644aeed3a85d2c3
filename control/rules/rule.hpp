// An admission rule as the operator writes it (docs/admission.md), and what is said of one that is
// refused. Control thread and tools.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/rules/set.hpp"

namespace skerry::rules {

struct Declared {
    std::string name;  // no two are called the same
    Part in = Part::path;
    std::string field;    // of Part::header, in lower case; empty: every field
    std::string pattern;  // Hyperscan's; found anywhere in the text
    Action action = Action::deny;
    std::uint16_t status = 0;      // of a refusal; 0: 403, of a rate 429
    std::uint32_t per_second = 0;  // Action::rate: for each key, on each core
    std::uint32_t burst = 0;       // 0: as many
    std::string key_field;         // Action::rate, in lower case; empty: the source's address
    bool operator==(const Declared&) const = default;
};

struct Problem {
    std::string rule;      // its name; empty: all of them together
    std::string where;     // "name", "pattern", "status", …
    std::int32_t at = -1;  // byte of that text; -1: all of it
    std::string text;      // what is wrong
};
// "rule no-php: pattern, at byte 7: …"
std::string to_text(const Problem& problem);

// Everything that is wrong with them but for what Hyperscan thinks of their patterns.
std::vector<Problem> check(const std::vector<Declared>& rules);

std::string_view name_of(Part part);
std::string_view name_of(Action action);
bool parse(std::string_view name, Part& part);
bool parse(std::string_view name, Action& action);

// "header user-agent curl/.*": what it looks at, for people.
std::string to_text(const Declared& rule);

}  // namespace skerry::rules
