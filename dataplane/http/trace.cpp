#include "dataplane/http/trace.hpp"

namespace skerry::http {
namespace {

// Lower-case digits only, as the field has them.
bool take_hex(std::string_view text, std::uint64_t& number) {
    number = 0;
    for (const char c : text) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        number = number << 4 | static_cast<std::uint64_t>(digit);
    }
    return true;
}

}  // namespace

Trace parse_traceparent(std::string_view value) {
    constexpr std::size_t kBytes = 55;
    Trace trace;
    std::uint64_t version, flags;
    if (value.size() < kBytes || value[2] != '-' || value[35] != '-' || value[52] != '-') return {};
    const bool good =
        take_hex(value.substr(0, 2), version) && version != 0xff &&
        take_hex(value.substr(3, 16), trace.id_hi) && take_hex(value.substr(19, 16), trace.id_lo) &&
        take_hex(value.substr(36, 16), trace.span_id) && take_hex(value.substr(53, 2), flags);
    if (!good || (trace.id_hi | trace.id_lo) == 0 || trace.span_id == 0) return {};
    if (version == 0 ? value.size() != kBytes : value.size() > kBytes && value[kBytes] != '-')
        return {};
    return trace;
}

Trace parse_amzn_trace_id(std::string_view value) {
    constexpr std::string_view kRoot = "Root=1-", kParent = "Parent=";
    constexpr std::size_t kRootBytes = 33;  // behind "1-"
    Trace trace;
    while (!value.empty()) {
        const std::size_t end = value.find(';');
        std::string_view part = value.substr(0, end);
        value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
        while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
        while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
        std::uint64_t time = 0, random_hi = 0;
        if (part.starts_with(kRoot)) {
            part.remove_prefix(kRoot.size());
            if (part.size() != kRootBytes || part[8] != '-' || !take_hex(part.substr(0, 8), time) ||
                !take_hex(part.substr(9, 8), random_hi) ||
                !take_hex(part.substr(17, 16), trace.id_lo))
                return {};
            trace.id_hi = time << 32 | random_hi;
        } else if (part.starts_with(kParent)) {
            part.remove_prefix(kParent.size());
            if (part.size() != 16 || !take_hex(part, trace.span_id)) trace.span_id = 0;
        }
    }
    if ((trace.id_hi | trace.id_lo) == 0) return {};
    return trace;
}

Trace trace_of(const TraceFields& fields, std::uint64_t unix_s, std::uint64_t request_id_hi,
               std::uint64_t request_id_lo) {
    Trace trace = parse_traceparent(fields.traceparent);
    if ((trace.id_hi | trace.id_lo) == 0) trace = parse_amzn_trace_id(fields.amzn);
    if ((trace.id_hi | trace.id_lo) != 0) return trace;
    // Of the UUID the bits that say its variant are left out.
    return {.id_hi = (unix_s & 0xffff'ffff) << 32 | request_id_hi >> 32,
            .id_lo = request_id_lo << 2 | (request_id_hi & 3),
            .span_id = 0};
}

}  // namespace skerry::http
