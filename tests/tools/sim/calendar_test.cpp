#include "tools/sim/calendar.hpp"

#include <gtest/gtest.h>

#include "tools/sim/random.hpp"

namespace skerry::sim {
namespace {

// Whatever is pushed comes out in the order of time, near and far, and never before its limit.
TEST(Calendar, KeepsTheOrderOfTime) {
    for (const std::int64_t width_us : {1, 100, 1'000'000}) {
        Calendar calendar(width_us);
        Random random(static_cast<std::uint64_t>(width_us));
        std::int64_t now = 0;
        std::uint32_t pushed = 0, popped = 0;
        for (int round = 0; round < 3000; ++round) {
            for (std::uint64_t i = random.next() % 5; i > 0; --i) {
                const auto ahead =
                    random.next() % (random.next() % 50 == 0 ? 40'000'000'000 : 20'000);
                calendar.push({now + static_cast<std::int64_t>(ahead), pushed++, 0});
            }
            const std::int64_t limit = now + static_cast<std::int64_t>(random.next() % 30'000);
            Event event;
            while (calendar.pop(limit, event)) {
                ASSERT_GE(event.at_us, now);
                ASSERT_LT(event.at_us, limit);
                now = event.at_us;
                ++popped;
            }
            now = limit;
        }
        Event event;
        std::int64_t last = 0;
        while (calendar.pop(std::int64_t{1} << 60, event)) {
            ASSERT_GE(event.at_us, last);
            last = event.at_us;
            ++popped;
        }
        EXPECT_EQ(popped, pushed);
    }
}

}  // namespace
}  // namespace skerry::sim
