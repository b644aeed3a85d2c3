// The seqlock with real threads: one writer, readers that must never see half of a value.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/snapshot/region_numbers.hpp"

namespace skerry {
namespace {

constexpr std::uint32_t kWrites = 100'000;
constexpr int kReaders = 3;

RegionNumbers numbers(std::uint32_t i) {
    return {.rtt_us = i,
            .rtt_variation_us = i + 1,
            .weight_permille = static_cast<std::uint16_t>(i),
            .reserved = static_cast<std::uint16_t>(i + 3),
            .slots = i + 2,
            .cookie = ~std::uint64_t{i},
            .fresh_until_tsc = std::uint64_t{i} << 32};
}

TEST(SeqlockStress, NeverTornNeverBackwards) {
    const auto lock = std::make_unique<Seqlock<RegionNumbers>>();
    lock->write(numbers(0));
    std::atomic<bool> finished{false};
    std::atomic<std::uint64_t> torn{0}, backwards{0}, read{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < kReaders; ++r)
        readers.emplace_back([&] {
            std::uint32_t last = 0;
            bool done = false;
            do {
                done = finished.load();
                RegionNumbers seen;
                if (!lock->read(seen)) continue;
                const RegionNumbers expected = numbers(seen.rtt_us);
                torn += std::memcmp(&seen, &expected, sizeof seen) != 0;
                backwards += seen.rtt_us < last;
                last = seen.rtt_us;
                ++read;
            } while (!done);
            EXPECT_EQ(last, kWrites) << "the last value is seen by whoever looks after the writer";
        });
    for (std::uint32_t i = 1; i <= kWrites; ++i) lock->write(numbers(i));
    finished = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(torn.load(), 0u);
    EXPECT_EQ(backwards.load(), 0u);
    EXPECT_GE(read.load(), static_cast<std::uint64_t>(kReaders));
}

}  // namespace
}  // namespace skerry
