// Candidates for the tests of region selection: healthy regions, or arbitrary ones.
#pragma once

#include <random>
#include <vector>

#include "dataplane/select/select.hpp"

namespace skerry::select {

inline constexpr std::uint32_t kNow_ms = 5000;

struct World {
    Candidates regions;
    Column<std::int32_t> cold{};
    Function function;
    Now now{.now_ms = kNow_ms, .deadline_us = 1'000'000, .payload_bytes = 100, .random = 7};

    explicit World(std::uint32_t count) {
        regions.count = count;
        for (std::uint32_t r = 0; r < count; ++r) {
            regions.id[r] = 1000 + 17 * r;
            regions.rtt_us[r] = 10'000;
            regions.region_us[r] = 20'000;
            regions.service_us[r] = 20'000;
            regions.weight_permille[r] = 1000;
            regions.fresh_until_ms[r] = kNow_ms + 500;
            regions.max_payload_bytes[r] = 1400;
        }
        function.key = 0x1234;
        function.allowed = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
        function.cold_us = cold.data();
    }
    World(const World& other) { *this = other; }
    World& operator=(const World& other) {
        regions = other.regions;
        cold = other.cold;
        function = other.function;
        now = other.now;
        function.cold_us = cold.data();
        return *this;
    }
    Choice choose(Policy policy) {
        prepare(regions);
        return select_region({.policy = policy}, function, regions, now);
    }
    // Lane `to[r]` becomes what lane r was.
    World permuted(const std::vector<std::uint32_t>& to) const {
        World other = *this;
        const auto move = [&](auto& column, const auto& from) {
            for (std::uint32_t r = 0; r < regions.count; ++r) column[to[r]] = from[r];
        };
        move(other.regions.id, regions.id);
        move(other.regions.rtt_us, regions.rtt_us);
        move(other.regions.wait_us, regions.wait_us);
        move(other.regions.region_us, regions.region_us);
        move(other.regions.service_us, regions.service_us);
        move(other.regions.slow_permille, regions.slow_permille);
        move(other.regions.response_us, regions.response_us);
        move(other.regions.outstanding, regions.outstanding);
        move(other.regions.in_flight, regions.in_flight);
        move(other.regions.waiting, regions.waiting);
        move(other.regions.weight_permille, regions.weight_permille);
        move(other.regions.fresh_until_ms, regions.fresh_until_ms);
        move(other.regions.max_payload_bytes, regions.max_payload_bytes);
        move(other.cold, cold);
        const auto bits = [&](std::uint64_t mask) {
            std::uint64_t moved = 0;
            for (std::uint32_t r = 0; r < regions.count; ++r) moved |= (mask >> r & 1) << to[r];
            return moved;
        };
        other.function.allowed = bits(function.allowed);
        other.now.tried = bits(now.tried);
        return other;
    }
};

// Anything a region can be, hostile numbers included.
inline World arbitrary(std::mt19937_64& random) {
    const auto below = [&](std::uint64_t most) {
        return static_cast<std::int32_t>(random() % most);
    };
    World world(1 + static_cast<std::uint32_t>(random() % 64));
    Candidates& c = world.regions;
    for (std::uint32_t r = 0; r < c.count; ++r) {
        c.rtt_us[r] = random() % 20 == 0 ? 0x7fffffff : below(300'000);
        c.wait_us[r] = random() % 4 == 0 ? below(0x7fffffff) : 0;
        c.region_us[r] = below(400'000);
        c.service_us[r] = below(100'000);
        c.slow_permille[r] = random() % 4 == 0 ? below(0x7fffffff) : 1000;
        c.response_us[r] = random() % 3 == 0 ? 0 : below(0x7fffffff);
        c.outstanding[r] = below(random() % 2 == 0 ? 3 : 1'000'000);
        c.in_flight[r] = below(1000);
        c.waiting[r] = below(100);
        c.weight_permille[r] = random() % 4 == 0 ? below(1001) : 1000;
        c.fresh_until_ms[r] = random() % 5 == 0 ? kNow_ms - below(1000) : kNow_ms + 1 + below(1000);
        c.max_payload_bytes[r] = random() % 8 == 0 ? 50 : 1400;
        world.cold[r] = random() % 10 == 0 ? 300'000'000 : below(300'000);
    }
    world.function.key = random();
    world.function.run_us = below(0x7fffffff);
    world.function.allowed &= random() % 3 == 0 ? random() & random() : ~0ull;
    world.function.explore = random() % 2 == 0;
    world.function.reverted = random() % 8 == 0;
    world.now.tried = random() % 4 == 0 ? random() : 0;
    world.now.random = random();
    world.now.deadline_us = random() % 5 == 0 ? below(100'000) : 1'000'000;
    return world;
}

inline constexpr Policy kAll[] = {Policy::skerry,      Policy::nearest, Policy::peak_ewma,
                                  Policy::two_choices, Policy::c3,      Policy::prequal,
                                  Policy::rendezvous,  Policy::affinity};

}  // namespace skerry::select
