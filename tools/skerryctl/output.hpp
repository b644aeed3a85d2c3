// What skerryctl prints. Results go to stdout, everything about them to stderr. With --json, stdout
// gets one JSON document, and an error is one JSON document on stderr.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/skerryctl/exit_codes.hpp"

namespace skerry::ctl {

struct Failure {
    Exit exit = kExitFailed;
    std::string code;  // for programs: "no-such-function", "unreachable", …
    std::string message;
    std::vector<std::string> allowed;
};

// Prints the failure and returns its exit code.
int report(const Failure& failure, bool as_json);

void print_json(const nlohmann::json& value);

// Text from elsewhere, for a terminal: control characters become '?'.
std::string printable(std::string_view text);

// A member as text, whatever it is: "" when it is missing or null.
std::string field(const nlohmann::json& object, const char* key);

// A member that is a list; an empty one if it is missing, or none.
const nlohmann::json& list_of(const nlohmann::json& object, const char* key);

// "key  value" lines; values are made printable.
void print_pairs(const std::vector<std::pair<std::string, std::string>>& pairs);

// A header and rows, columns as wide as needed. All rows have the header's length.
void print_table(const std::vector<std::string>& header,
                 const std::vector<std::vector<std::string>>& rows);

// Whether a function is counted for itself, and why.
void print_row(const nlohmann::json& row);

// Why a function has as many workers as it has: what the server says of its placement.
void print_placement(const nlohmann::json& placement);

}  // namespace skerry::ctl
