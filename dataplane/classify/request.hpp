// What is classified, and what comes of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/classify/limits.hpp"
#include "dataplane/classify/normal.hpp"
#include "dataplane/classify/table.hpp"

namespace skerry::classify {

// The header fields of a request, for conditions; asked only when a condition needs them.
class Fields {
  public:
    // The next field of that name at or behind `at`, which is 0 at first and moves on. False: there
    // is none. `lower_name` is in lower case.
    virtual bool next(std::string_view lower_name, std::uint32_t& at,
                      std::string_view& value) const = 0;

  protected:
    ~Fields() = default;
};

// As it came: texts outlive the outcome.
struct Request {
    std::string_view host;           // with a port or without; may be empty
    std::string_view path;           // begins with a slash
    std::string_view query;          // without the question mark
    std::uint16_t method = 0;        // one bit
    const Fields* fields = nullptr;  // none: it has no fields
};

enum class Verdict : std::uint8_t {
    route,         // `rank` says which
    no_route,      // nothing matches
    wrong_method,  // something would, with one of `allowed`
    malformed,     // host or path has no normal form: `fault`
};

struct Outcome {
    Verdict verdict = Verdict::no_route;
    Fault fault = Fault::none;
    std::uint16_t allowed = 0;  // methods
    std::uint32_t rank = kNone;
    // Normal forms; in the request's texts, or in the classifier's until it classifies again.
    std::string_view host, path;
};

bool holds(const Table& table, const Condition& condition, const Request& request);

// Of one row: the conditions alone.
inline bool conditions_hold(const Table& table, const Row& row, const Request& request) {
    for (std::uint32_t i = 0; i < row.conditions; ++i)
        if (!holds(table, table.conditions[row.first_condition + i], request)) return false;
    return true;
}

}  // namespace skerry::classify
