#include "dataplane/select/load.hpp"

#include <gtest/gtest.h>

namespace skerry::select {
namespace {

TEST(Load, NobodyWaitsWhereThereIsRoom) {
    EXPECT_EQ(expected_wait_us({.in_flight = 0, .waiting = 0, .slots = 100, .service_us = 20'000}),
              0);
    EXPECT_LT(expected_wait_us({.in_flight = 50, .waiting = 0, .slots = 100, .service_us = 20'000}),
              10);
    EXPECT_EQ(expected_wait_us({.in_flight = 50, .waiting = 9, .slots = 0, .service_us = 20'000}),
              0);
}

TEST(Load, GrowsWithLoadAndQueue) {
    std::int32_t last = -1;
    for (std::uint32_t busy = 0; busy <= 100; ++busy) {
        const auto wait =
            expected_wait_us({.in_flight = busy, .waiting = 0, .slots = 100, .service_us = 20'000});
        EXPECT_GE(wait, last);
        last = wait;
    }
    const auto queued =
        expected_wait_us({.in_flight = 150, .waiting = 50, .slots = 100, .service_us = 20'000});
    EXPECT_NEAR(queued, last + 10'000, 2);
}

TEST(Load, SlownessIsReportedWhenItIsPlain) {
    EXPECT_EQ(slow_permille(0.2), 1000);
    EXPECT_EQ(slow_permille(1.3), 1000);
    EXPECT_EQ(slow_permille(2.0), 2000);
    EXPECT_EQ(slow_permille(1e9), 100'000);
    EXPECT_EQ(slow_permille(0.0 / 0.0), 1000);
}

TEST(Load, NeverMoreThanAMinute) {
    EXPECT_EQ(expected_wait_us({.in_flight = ~0u, .waiting = ~0u, .slots = 1, .service_us = ~0u}),
              60'000'000);
}

}  // namespace
}  // namespace skerry::select
