// What a cold start is expected to cost at each region (M6). Pure; rates are per second, times in
// seconds. Called where functions' rows are made: by the control thread, and by the simulator.
//
// Why this formula. Sending a request to region r costs cold_cost if the function is cold there. It
// also leaves a worker warm until keep_s later, from which the function's next requests profit.
// With Poisson arrivals at rate λ the next one comes in time with probability 1 − e^(−λ·keep), so
// the cost that remains is cold_cost × e^(−λ·keep): the chance that the investment is lost.
//
// λ is the rate of the stream that the region would get if we chose it: what it gets already and
// what we send; or what it would get if those POPs that are nearest to it thought as we do, which
// is its catchment's share of all requests for the function, whichever is more. Without the latter
// a far home that happens to be warm is never given up: each POP alone is too small to keep a
// nearer one warm.
#pragma once

#include <cstdint>

#include "dataplane/select/candidates.hpp"

namespace skerry::select {

enum class Warmth : std::uint8_t {
    stream,  // chance that the region is cold for the stream it would get, × its present state
    now,     // present state alone: the plain reading of "where it is warm"
};

// Half-life of the decayed rates below, as a part of the keep-alive. Found by simulation: a longer
// one keeps homes that nobody uses any more.
inline constexpr float kRateHalfLife = 0.25f;
inline constexpr float kNeverUsed_s = 1.0e9f;

// One function at all regions; lanes as in Candidates.
struct WarmthView {
    std::uint32_t count = 0;
    float own_rate = 0;  // arrivals at this POP
    float cold_cost_us = 0;
    std::uint64_t busy = 0;              // bit r: warm there, and all workers are taken
    alignas(32) Column<float> rate{};    // arrivals at the region, as reported, without ours
    alignas(32) Column<float> idle_s{};  // since it was used there last; kNeverUsed_s: not warm
    alignas(32) Column<float> keep_s{};  // how long an idle worker survives there at present
    // What a start there costs others: the chance that the worker that must go for it would have
    // been used again, 0 … 1. 0 while memory is ample.
    alignas(32) Column<float> crowding{};
    // Share of the world's requests that enter at POPs to which the region is the nearest; of all
    // functions, as one function alone is too rare to tell. 0: not known.
    alignas(32) Column<float> catchment{};
};

// Writes lanes 0 … count of `out`, whole groups; never negative, at most 300 s.
void expected_cold_us(Warmth model, const WarmthView& view, std::int32_t* out);

}  // namespace skerry::select
