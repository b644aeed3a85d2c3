// Which trace a request belongs to: the traceparent field of W3C Trace Context (§3.2: version 00,
// or a later one's first part), or AWS's X-Amzn-Trace-Id. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace skerry::http {

struct Trace {
    std::uint64_t id_hi = 0, id_lo = 0, span_id = 0;
};

// All zero: none, or malformed (then the request has none, §3.2.2.3).
Trace parse_traceparent(std::string_view value);

// X-Amzn-Trace-Id as AWS's clients send it, "Root=1-58406520-a006649127e371903a2de979;Parent=…;…":
// the root as the trace's id (its time and its 96 bits, one behind the other), the parent as the
// span. All zero: no root, or a malformed one. What else it says is passed over.
Trace parse_amzn_trace_id(std::string_view value);

// A request's trace: that of `traceparent`, else that of `amzn`, else a new one, made of the time
// and of the request's id, which has to look like nothing.
struct TraceFields {
    std::string_view traceparent, amzn;
};
Trace trace_of(const TraceFields& fields, std::uint64_t unix_s, std::uint64_t request_id_hi,
               std::uint64_t request_id_lo);

}  // namespace skerry::http
