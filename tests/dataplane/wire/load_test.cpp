#include "dataplane/wire/load.hpp"

#include <gtest/gtest.h>

#include <random>

namespace skerry::wire {
namespace {

TEST(Load, LiesInEightBytesAsSpecified) {
    const Load load{.executing = 0x0102, .waiting = 0x0304, .slots = 0x0506, .service_us = 1000};
    EXPECT_EQ(pack(load), 0x01020304050603e8u);
    EXPECT_EQ(unpack_load(pack(load)), load);
    EXPECT_EQ(pack({.service_us = 2047}), 2047u);
    EXPECT_EQ(pack({.service_us = 4096}), 2u << 11 | 1024u) << "1024 × 2²";
}

TEST(Load, AServiceTimeIsAtMostALittleTooSmall) {
    std::mt19937 random(1);
    for (int i = 0; i < 100'000; ++i) {
        const std::uint32_t us = static_cast<std::uint32_t>(random()) >> (random() % 32);
        if (us > 2047u << 20) continue;
        const std::uint32_t told = unpack_service(pack_service(us));
        EXPECT_LE(told, us);
        EXPECT_LE(us - told, us / 1024);
    }
    EXPECT_EQ(unpack_service(pack_service(~0u)), 2047u << 20) << "half an hour is long enough";
}

TEST(Load, AnyEightBytesAreOne) {
    std::mt19937_64 random(2);
    for (int i = 0; i < 100'000; ++i) {
        const Load load = unpack_load(random());
        EXPECT_LE(load.service_us, 2047u << 20);
        EXPECT_EQ(unpack_load(pack(load)), load);
    }
    EXPECT_EQ(saturated(70'000), 0xffff);
    EXPECT_EQ(saturated(0xffff), 0xffff);
}

}  // namespace
}  // namespace skerry::wire
