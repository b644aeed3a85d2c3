// What a client reads when it does not get what it asked for: AWS Lambda's names of errors, which
// SDKs know (docs/http.md has the table).
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/http/invocations.hpp"
#include "dataplane/http/refusal.hpp"

namespace skerry::http {

struct ErrorKind {
    std::uint16_t status = 500;
    std::string_view type = {};          // x-amzn-ErrorType
    bool capital_message = false;        // "Message", not "message"
    bool retry_after = false;            // a second from now
    std::string_view throttled_by = {};  // "Reason", of 429
};

// `status`: of a rule's refusal, what the rule says; 0: the refusal's own.
ErrorKind error_of(Refusal refusal, std::uint16_t status = 0);
// Of a status that is an error for HTTP: neither ok nor a failure of the function.
ErrorKind error_of(ReplyStatus status);

// The function ran, or was to, and failed: 200 with X-Amz-Function-Error.
bool is_function_error(ReplyStatus status);

std::string_view reason_phrase(std::uint16_t status);

}  // namespace skerry::http
