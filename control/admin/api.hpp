// The calls of API.md as a plain function of method, target and body: no HTTP library in sight.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "control/admin/backend.hpp"
#include "control/admin/query.hpp"

namespace skerry::admin {

inline constexpr std::size_t kMaxPathBytes = 256;

struct Answer {
    int status = 200;
    std::string type = "application/json";
    std::string body;
};

struct Call {
    std::string method;  // "GET"
    std::string target;  // path and query as they came: "/v1/functions/a?x=1"
    // Reads the body to its end into `body` (nullptr: drops it). False: longer than
    // catalog::kMaxArchiveBytes, or the peer went away. Called at most once.
    std::function<bool(std::string* body)> read_body;
};

Answer error_answer(const ApiError& error);
// Never throws. A body that came with a refused call is read and dropped, so that the caller gets
// to see the answer.
Answer handle(const Call& call, Api api, Backend& backend);

}  // namespace skerry::admin
