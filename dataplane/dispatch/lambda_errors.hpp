// What the caller of a function that speaks the Runtime API is told when it failed to answer: the
// bodies that AWS Lambda's service makes itself, which SDKs and their users know.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace skerry {

struct LambdaError {
    std::array<char, 320> text;
    std::uint32_t bytes = 0;
};

struct RequestId {
    std::uint64_t high = 0, low = 0;
};

// Runtime.ExitError: the worker ended. `exit_code` -1: by a signal; both unknown: no reason given.
LambdaError exit_error(RequestId id, int exit_code, int exit_signal);
// Sandbox.Timedout.
LambdaError timed_out(RequestId id, std::uint32_t limit_us);
// Sandbox.CpuTimeExceeded: ours; Lambda has no such limit.
LambdaError cpu_limit_exceeded(RequestId id, std::uint32_t limit_us);
// Runtime.ApiLimitExceeded: ours.
LambdaError said_too_much(RequestId id);
// Function.ResponseSizeTooLarge.
LambdaError response_too_large(std::uint32_t limit_bytes);
// Runtime.TruncatedResponse.
LambdaError truncated_response(RequestId id);

}  // namespace skerry
