// Requests with what becomes of them: the corpus of the tests of parser, splits and llhttp.
#pragma once

#include <string>
#include <vector>

#include "dataplane/http/refusal.hpp"

namespace skerry::http::testing {

struct Case {
    std::string name;
    std::string bytes;
    Refusal refusal = Refusal::none;
    std::size_t requests = 0;  // whole ones before the refusal, or in all
};

std::vector<Case> all_cases();

}  // namespace skerry::http::testing
