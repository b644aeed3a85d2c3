#include "dataplane/select/warmth.hpp"

#include "dataplane/select/lanes.hpp"

namespace skerry::select {
namespace {

// A worker that is believed to be idle may have been taken or ended since it was reported; one that
// is busy may be done before the request is there.
constexpr float kColdThoughIdle = 0.03f;
constexpr float kColdThoughBusy = 0.4f;
constexpr float kTie = 0.1f;  // of the cold cost, where it is likely to be cold

}  // namespace

void expected_cold_us(Warmth model, const WarmthView& v, const std::uint32_t* ids,
                      std::int32_t* out) {
    const std::uint32_t n = lanes(v.count);
    Scores busy;
    spread_mask(v.busy, n, busy.data());
    const std::uint32_t salt = fold(v.key);
    const float by_stream = model == Warmth::stream ? 1.0f : 0.0f;
    for (std::uint32_t r = 0; r < n; ++r) {
        const float keep = v.keep_s[r];
        const float rate = (v.rate[r] + v.own_rate) * by_stream;
        const float lost = exp_minus(rate * keep);
        const float warm = busy[r] != 0 ? kColdThoughBusy : kColdThoughIdle;
        const float state = v.idle_s[r] < keep ? warm : 1.0f + v.crowding[r] * by_stream;
        const float tie = static_cast<float>(mix(ids[r] ^ salt) >> 22) * (kTie / 1024.0f);
        const float cost = v.cold_cost_us * lost * state * (1.0f + tie);
        out[r] = static_cast<std::int32_t>(cost < 3.0e8f ? cost : 3.0e8f);
    }
}

}  // namespace skerry::select
