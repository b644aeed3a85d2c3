#include "control/routes/order.hpp"

#include <algorithm>

namespace skerry::routes {
namespace {

template <typename Value>
int less_first(Value a, Value b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

int compare_hosts(const HostPattern& a, const HostPattern& b) {
    const int by_kind = less_first(a.kind, b.kind);
    return by_kind != 0 ? by_kind : less_first(b.labels, a.labels);
}

int compare_segments(const Segment& a, const Segment& b) {
    const int by_kind = less_first(a.kind, b.kind);
    if (by_kind != 0 || a.kind != SegmentKind::glob) return by_kind;
    return less_first(b.literal_bytes, a.literal_bytes);
}

int compare_paths(const PathPattern& a, const PathPattern& b) {
    const int by_kind = less_first(a.kind, b.kind);
    if (by_kind != 0 || a.kind == PathKind::exact || a.kind == PathKind::expression) return by_kind;
    const std::size_t both = std::min(a.segments.size(), b.segments.size());
    for (std::size_t i = 0; i < both; ++i) {
        const int by_segment = compare_segments(a.segments[i], b.segments[i]);
        if (by_segment != 0) return by_segment;
    }
    return less_first(b.segments.size(), a.segments.size());
}

}  // namespace

int compare(const Parsed& a, const Parsed& b, Difference& by) {
    by = Difference::host;
    if (const int order = compare_hosts(a.host, b.host)) return order;
    by = Difference::path;
    if (const int order = compare_paths(a.path, b.path)) return order;
    by = Difference::methods;
    const auto any = [](const Parsed& route) { return route.methods == classify::method::any; };
    if (const int order = less_first(any(a), any(b))) return order;
    by = Difference::conditions;
    if (const int order = less_first(b.conditions.size(), a.conditions.size())) return order;
    by = Difference::none;
    return 0;
}

}  // namespace skerry::routes
