#include "tools/sim/places.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace skerry::sim {
namespace {

constexpr double kEarth_km = 6371.0;
constexpr double kLightInGlass_km_per_s = 299'792.458 / 1.468;

std::vector<Place> sorted_cities() {
    std::vector<Place> all = {
#define X(name, latitude, longitude, people) Place{name, latitude, longitude, people},
#define R(name, latitude, longitude)
#include "tools/sim/places.def"
#undef X
#undef R
    };
    std::stable_sort(all.begin(), all.end(),
                     [](const Place& a, const Place& b) { return a.people_m > b.people_m; });
    return all;
}

constexpr Place kRegions[] = {
#define X(name, latitude, longitude, people)
#define R(name, latitude, longitude) Place{name, latitude, longitude, 0},
#include "tools/sim/places.def"
#undef X
#undef R
};

double radians(double degrees) {
    return degrees * std::numbers::pi / 180.0;
}

}  // namespace

std::span<const Place> cities() {
    static const std::vector<Place> all = sorted_cities();
    return all;
}

std::span<const Place> regions() {
    return kRegions;
}

int region_by_name(std::string_view name) {
    for (std::size_t i = 0; i < std::size(kRegions); ++i)
        if (kRegions[i].name == name) return static_cast<int>(i);
    return -1;
}

double great_circle_km(const Place& a, const Place& b) {
    const double dlat = radians(b.latitude - a.latitude);
    const double dlon = radians(b.longitude - a.longitude);
    const double h = std::pow(std::sin(dlat / 2), 2) + std::cos(radians(a.latitude)) *
                                                           std::cos(radians(b.latitude)) *
                                                           std::pow(std::sin(dlon / 2), 2);
    return 2 * kEarth_km * std::asin(std::min(1.0, std::sqrt(h)));
}

std::int64_t round_trip_us(const Place& a, const Place& b, double inflation, double overhead_us) {
    const double way_km = 2 * great_circle_km(a, b) * inflation;
    return static_cast<std::int64_t>(way_km / kLightInGlass_km_per_s * 1e6 + overhead_us);
}

std::vector<Place> pop_places(std::uint32_t count) {
    const auto all = cities();
    std::vector<Place> made;
    for (std::uint32_t i = 0; i < count; ++i) {
        Place place = all[i % all.size()];
        const std::size_t round = i / all.size();
        const auto again = static_cast<double>(round);
        // A second POP of the same people, about 50 km away.
        place.latitude = std::clamp(place.latitude + 0.4 * again, -89.0, 89.0);
        place.longitude += 0.2 * again;
        made.push_back(place);
    }
    return made;
}

}  // namespace skerry::sim
