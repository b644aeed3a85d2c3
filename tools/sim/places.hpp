// Where POPs and regions are, and how long the way between them takes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace skerry::sim {

struct Place {
    std::string_view name;
    double latitude = 0, longitude = 0;  // degrees
    double people_m = 0;                 // millions; 0 for regions
};

std::span<const Place> cities();            // most people first
std::span<const Place> regions();           // spread over the world, the first few already
int region_by_name(std::string_view name);  // −1: none

double great_circle_km(const Place& a, const Place& b);

// Round trip in µs: there and back along the great circle × inflation, at the speed of light in
// glass, and `overhead_us` for the ends. The rule of thumb for the Internet is inflation 2.1
// (Bozkurt et al., "Dissecting Latency in the Internet's Fiber Infrastructure", arXiv:1811.10737;
// Singla et al., "The Internet at the Speed of Light", HotNets 2014, has 3.2 × light in vacuum).
std::int64_t round_trip_us(const Place& a, const Place& b, double inflation, double overhead_us);

// The first `count` cities; more than there are: again the same cities, beside themselves.
std::vector<Place> pop_places(std::uint32_t count);

}  // namespace skerry::sim
