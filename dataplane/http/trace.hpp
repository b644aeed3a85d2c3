// The traceparent field of W3C Trace Context (§3.2): version 00, or a later one's first part.
#pragma once

#include <cstdint>
#include <string_view>

namespace skerry::http {

struct Trace {
    std::uint64_t id_hi = 0, id_lo = 0, span_id = 0;
};

// All zero: none, or malformed (then the request has none, §3.2.2.3).
Trace parse_traceparent(std::string_view value);

}  // namespace skerry::http
