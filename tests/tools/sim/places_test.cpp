#include "tools/sim/places.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace skerry::sim {
namespace {

const Place& city(std::string_view name) {
    for (const Place& place : cities())
        if (place.name == name) return place;
    ADD_FAILURE() << name;
    return cities()[0];
}

TEST(Places, AreEnoughAndDistinct) {
    EXPECT_GE(cities().size(), 200u);
    EXPECT_GE(regions().size(), 30u);
    std::set<std::string_view> names;
    for (const Place& place : cities()) EXPECT_TRUE(names.insert(place.name).second) << place.name;
    for (const Place& place : regions()) EXPECT_TRUE(names.insert(place.name).second) << place.name;
    EXPECT_EQ(region_by_name("us-east-1"), 0);
    EXPECT_EQ(region_by_name("atlantis-1"), -1);
    EXPECT_EQ(pop_places(500).size(), 500u);
}

TEST(Places, DistancesAreThoseOfTheGlobe) {
    EXPECT_NEAR(great_circle_km(city("london"), city("new-york")), 5570, 30);
    EXPECT_NEAR(great_circle_km(city("tokyo"), city("sydney")), 7820, 40);
    EXPECT_NEAR(great_circle_km(city("auckland"), city("madrid")), 19'600, 200);
    EXPECT_EQ(great_circle_km(city("paris"), city("paris")), 0);
    // 5570 km there and back at 204 km/ms, × 2.1, and a millisecond.
    EXPECT_NEAR(static_cast<double>(round_trip_us(city("london"), city("new-york"), 2.1, 1000)),
                115'600, 1000);
}

// The tz database has the coordinates of many of these cities, from another source.
TEST(Places, AgreeWithTheTimeZoneDatabase) {
    std::ifstream file("/usr/share/zoneinfo/zone1970.tab");
    if (!file) GTEST_SKIP() << "no tz database here";
    std::map<std::string, std::pair<double, double>> known;
    for (std::string line; std::getline(file, line);) {
        std::istringstream in(line);
        std::string countries, at, zone;
        if (line[0] == '#' || !(in >> countries >> at >> zone)) continue;
        const std::size_t second = at.find_first_of("+-", 1);
        const auto degrees = [](const std::string& text, std::size_t digits) {
            const double whole = std::stod(text.substr(1, digits));
            const double minutes = std::stod(text.substr(1 + digits, 2));
            return (text[0] == '-' ? -1 : 1) * (whole + minutes / 60);
        };
        std::string name = zone.substr(zone.rfind('/') + 1);
        for (char& c : name) c = c == '_' ? '-' : static_cast<char>(std::tolower(c));
        known[name] = {degrees(at.substr(0, second), 2), degrees(at.substr(second), 3)};
    }
    known.erase("san-juan");  // Argentina's
    int compared = 0;
    for (const Place& place : cities()) {
        const auto found = known.find(std::string(place.name));
        if (found == known.end()) continue;
        ++compared;
        EXPECT_NEAR(place.latitude, found->second.first, 0.35) << place.name;
        EXPECT_NEAR(place.longitude, found->second.second, 0.35) << place.name;
    }
    EXPECT_GT(compared, 50);
}

}  // namespace
}  // namespace skerry::sim
