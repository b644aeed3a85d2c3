// The loop of a function that answers one request at a time, in C++: asks for an invocation, calls
// the handler, answers. What a handler throws becomes the answer, not the worker's end.
#pragma once

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "sandbox/sdk/skerry.h"

namespace skerry::functions {

struct Outcome {
    skerry_status status = SKERRY_OK;
    std::string text;
};

inline Outcome error(std::string text) {
    return {SKERRY_FUNCTION_ERROR, std::move(text)};
}

// `handle` is called as handle(payload, invocation) and returns an Outcome. Returns the process's
// exit code, when there is no channel any more.
template <typename Handle>
int serve(Handle&& handle) {
    skerry_invocation invocation;
    while (skerry_next(&invocation) == 0) {
        Outcome outcome;
        try {
            const std::string_view payload(static_cast<const char*>(invocation.payload),
                                           invocation.payload_bytes);
            outcome = handle(payload, invocation);
        } catch (const std::exception& caught) {
            outcome = error(std::string("internal error: ") + caught.what());
        }
        if (outcome.text.size() > invocation.response_capacity)
            outcome = error("the answer has " + std::to_string(outcome.text.size()) +
                            " bytes, allowed " + std::to_string(invocation.response_capacity));
        // An error text may itself be too long for a tiny response area: its start is better than
        // no answer.
        const std::size_t bytes = std::min(outcome.text.size(), invocation.response_capacity);
        if (skerry_respond(&invocation, outcome.status, outcome.text.data(), bytes) != 0)
            std::perror("skerry_respond");
    }
    std::perror("skerry_next: this program is started by skerryd");
    return 1;
}

}  // namespace skerry::functions
