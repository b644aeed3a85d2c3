// When probes have a digest, and to which region the POP says that it is the nearest.
#include "tests/control/regions/monitor_rig.hpp"

namespace skerry::regions {
namespace {

TEST_F(MonitorTest, AsksForADigestWhereOneIsGiven) {
    DigestBook digests(1, 30);
    const Tracked tracked[] = {{.function = 3, .key = 33}, {.function = 4, .key = 44}};
    digests.track(tracked, 2.0);
    Monitor monitor(shared_, 1, kLimits, 7, &digests);
    longer_ = 1;
    pass(monitor, 2'000'000);
    EXPECT_EQ(probe_bytes_, 64u) << "it knows longer probes, and no digest";
    EXPECT_EQ(digests.region(0).heard_us, 0u);
    digest_entries_ = 1;
    pass(monitor, 2'000'000);
    EXPECT_EQ(last_.payload_bytes, wire::probe_bytes(last_.key_count));
    EXPECT_LE(last_.key_count, 1u) << "as many as it answers";
    EXPECT_EQ(last_.rate_milli, 2000u);
    EXPECT_EQ(last_.nearest, 1u) << "there is no other";
    EXPECT_TRUE(digests.region(0).is_fresh(now_us_));
}

TEST_F(MonitorTest, AfterALostDigestThereIsNoneForAWhile) {
    DigestBook digests(1, 30);
    Monitor monitor(shared_, 1, kLimits, 7, &digests);
    longer_ = 1;
    digest_entries_ = 63;
    longest_ = 64;  // the way carries nothing longer
    pass(monitor, 60'000'000);
    EXPECT_EQ(look(monitor).ejections, 0u);
    EXPECT_TRUE(look(monitor).fresh || look(monitor).last_heard_us + 1'500'000 > now_us_);
    EXPECT_LE(too_long_, 12u) << "at last, one in eight seconds";
    EXPECT_GE(too_long_, 5u);
    longest_ = 2000;
    pass(monitor, 10'000'000);
    EXPECT_TRUE(digests.region(0).is_fresh(now_us_)) << "it does, now";
}

TEST_F(MonitorTest, OneRegionIsTheNearest) {
    DigestBook digests(2, 30);
    all_up_ = true;
    Monitor monitor(shared_, 2, kLimits, 7, &digests);
    longer_ = 1;
    digest_entries_ = 63;
    rtts_us_[1] = 5'000;
    pass(monitor, 3'000'000);
    EXPECT_EQ(last_.nearest, 0u);
    rtts_us_[1] = 90'000;
    pass(monitor, 10'000'000);
    EXPECT_EQ(last_.nearest, 1u);
}

}  // namespace
}  // namespace skerry::regions
