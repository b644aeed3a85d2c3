#include "dataplane/select/policies.hpp"

#include <algorithm>

namespace skerry::select {
namespace {

std::int32_t clamped(float score) {
    score = score < 0.0f ? 0.0f : score;
    return static_cast<std::int32_t>(score > 1.0e9f ? 1.0e9f : score);
}

}  // namespace

void score_peak_ewma(const Candidates& c, Scores& out) {
    const std::uint32_t n = lanes(c.count);
    for (std::uint32_t r = 0; r < n; ++r) {
        // Nothing seen yet, or all of it long ago: no faster than the way allows.
        const std::int32_t response = std::max(c.rtt_us[r], c.response_us[r]);
        out[r] = clamped(static_cast<float>(response) * static_cast<float>(c.outstanding[r] + 1));
    }
}

void score_two_choices(const Candidates& c, const Now& now, const Scores& eligible, Scores& out) {
    const std::uint32_t n = lanes(c.count);
    const std::uint32_t salt = fold(now.random);
    Scores draw;
    for (std::uint32_t r = 0; r < n; ++r) {
        const auto drawn = static_cast<std::int32_t>(mix(c.id[r] ^ salt) >> 1);
        draw[r] = (drawn & eligible[r]) | (kNever & ~eligible[r]);
    }
    std::int32_t first = kNever;
    for (std::uint32_t r = 0; r < n; ++r) first = std::min(first, draw[r]);
    std::int32_t second = kNever;
    for (std::uint32_t r = 0; r < n; ++r)
        second = std::min(second, draw[r] == first ? kNever : draw[r]);
    for (std::uint32_t r = 0; r < n; ++r) {
        // Of equals the first drawn, so that ties fall to neither side.
        const std::int32_t load = 2 * std::min(c.outstanding[r], kWorst / 4) + (draw[r] != first);
        out[r] = draw[r] == first || draw[r] == second ? load : kNever;
    }
}

void score_c3(const Candidates& c, Scores& out) {
    const std::uint32_t n = lanes(c.count);
    const auto clients = static_cast<float>(c.peers);
    for (std::uint32_t r = 0; r < n; ++r) {
        const auto response = static_cast<float>(std::max(c.rtt_us[r], c.response_us[r]));
        const auto service = static_cast<float>(c.service_us[r]);
        const float queue = 1.0f + static_cast<float>(c.outstanding[r]) * clients +
                            static_cast<float>(c.waiting[r]);
        out[r] = clamped(response - service + queue * queue * queue * service);
    }
}

void score_prequal(const Candidates& c, Scores& out) {
    const std::uint32_t n = lanes(c.count);
    const auto limit = static_cast<std::int32_t>(c.hot_in_flight);
    for (std::uint32_t r = 0; r < n; ++r) {
        const bool hot = c.in_flight[r] > limit;
        const std::int32_t latency =
            std::min(kWorst / 2 - 1,
                     std::min(c.rtt_us[r], kWorst / 2) + std::min(c.region_us[r], kWorst / 2));
        const std::int32_t load = kWorst / 2 + std::min(kWorst / 2, c.in_flight[r]);
        out[r] = hot ? load : latency;
    }
}

void score_rendezvous(const Settings& settings, const Candidates& c, const Function& function,
                      const Scores& eligible, Scores& out) {
    const std::uint32_t n = lanes(c.count);
    std::int32_t nearest = kNever;
    std::int32_t present = 0, load = 0;
    for (std::uint32_t r = 0; r < n; ++r) {
        nearest = std::min(nearest, (c.rtt_us[r] & eligible[r]) | (kNever & ~eligible[r]));
        present -= eligible[r];
        load += std::min(c.outstanding[r], 1 << 20) & eligible[r];
    }
    const std::int32_t band =
        settings.band_us == 0 ? kWorst : std::min(nearest, kWorst / 2) + settings.band_us;
    // The request itself counts, so that the bound is never below one.
    const std::int64_t total = std::int64_t{load} + 1;
    const std::int64_t shared = std::int64_t{present} * 1000;
    const auto most = static_cast<std::int32_t>((total * settings.bound_permille + shared - 1) /
                                                std::max<std::int64_t>(1000, shared));
    const std::uint32_t salt = fold(function.key);
    for (std::uint32_t r = 0; r < n; ++r) {
        // Exponential draws, scaled by the weight: the least wins in proportion to its weight.
        const float unit = (static_cast<float>(mix(c.id[r] ^ salt) >> 8) + 1.0f) / 16777217.0f;
        const auto weight = static_cast<float>(std::max(1, c.weight_permille[r]));
        const std::int32_t drawn =
            clamped(log2_rough(unit) * -4.0e9f / weight) >> 2;  // < kWorst / 4
        const std::int32_t full = c.outstanding[r] + 1 > most ? kWorst / 4 : 0;
        const std::int32_t far = c.rtt_us[r] > band ? kWorst / 2 : 0;
        out[r] = drawn + full + far;
    }
}

}  // namespace skerry::select
