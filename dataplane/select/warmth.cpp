#include "dataplane/select/warmth.hpp"

#include <algorithm>

#include "dataplane/select/lanes.hpp"

namespace skerry::select {
namespace {

// A worker that is believed to be idle may have been taken or ended since it was reported; one that
// is busy may be done before the request is there.
constexpr float kColdThoughIdle = 0.03f;
constexpr float kColdThoughBusy = 0.4f;

float sum(const Column<float>& column, std::uint32_t n) {
    float part[kLaneGroup] = {};  // side by side, so that the additions don't wait for each other
    for (std::uint32_t r = 0; r < n; r += kLaneGroup)
        for (std::uint32_t i = 0; i < kLaneGroup; ++i) part[i] += column[r + i];
    float all = 0;
    for (const float each : part) all += each;
    return all;
}

}  // namespace

void expected_cold_us(Warmth model, const WarmthView& v, std::int32_t* out) {
    const std::uint32_t n = lanes(v.count);
    Scores busy;
    spread_mask(v.busy, n, busy.data());
    const float by_stream = model == Warmth::stream ? 1.0f : 0.0f;
    const float everywhere = sum(v.rate, n) + v.own_rate;
    for (std::uint32_t r = 0; r < n; ++r) {
        const float keep = v.keep_s[r];
        const float as_it_is = v.rate[r] + v.own_rate;
        const float if_all_did = everywhere * v.catchment[r];
        const float rate = (as_it_is > if_all_did ? as_it_is : if_all_did) * by_stream;
        const float lost = exp_minus(rate * keep);
        const float warm = busy[r] != 0 ? kColdThoughBusy : kColdThoughIdle;
        const float state = v.idle_s[r] < keep ? warm : 1.0f + v.crowding[r] * by_stream;
        const float cost = v.cold_cost_us * lost * state;
        out[r] = static_cast<std::int32_t>(cost < 3.0e8f ? cost : 3.0e8f);
    }
}

}  // namespace skerry::select
