// Lambda's management calls (lambda-api.md §5.2) as a plain function of a request whose signature
// is proved: no HTTP library in sight. docs/api.md has the table of what is taken.
#pragma once

#include <string>
#include <string_view>

#include "control/lambda_api/functions.hpp"

namespace skerry::lambda_api {

struct Request {
    std::string method;  // "GET"
    std::string target;  // path and query as they came
    std::string body;
    // Whose signature it is, and the region that it was made for. The key outlives the call.
    const auth::AccessKey* key = nullptr;
    std::string region;
};

struct Answer {
    int status = 200;
    std::string body;        // JSON, or nothing
    std::string error_type;  // empty: it is none
};

// Never throws.
Answer handle(const Request& request, Functions& functions);
Answer error_answer(int status, const std::string& type, const std::string& message);

}  // namespace skerry::lambda_api
