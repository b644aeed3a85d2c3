// Windows as the RFCs compute them, acknowledgement by acknowledgement.
#include "dataplane/net/tcp/congestion.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace skerry::net::tcp {
namespace {

constexpr std::uint32_t kMss = 1000;

// A connection that always fills its window, over a path of `rtt_us`.
struct Path {
    Congestion congestion;
    std::uint64_t now_us = 1'000'000'000;
    std::uint32_t rtt_us = 50'000;
    std::uint32_t una = 0;

    explicit Path(CongestionControl kind) { congestion.start(kind, kMss); }
    CongestionAck ack(std::uint32_t bytes) {
        una += bytes;
        return {.now_us = now_us,
                .bytes = bytes,
                .flight_before = congestion.window(),
                .rtt_us = rtt_us,
                .srtt_us = rtt_us,
                .una = una,
                .nxt = una + congestion.window(),
                .app_limited = false};
    }
    // One round trip: each segment of the window is acknowledged, evenly spread.
    void round() {
        const std::uint32_t segments = congestion.window() / kMss;
        for (std::uint32_t i = 0; i < segments; ++i) {
            now_us += rtt_us / segments;
            congestion.acked(ack(kMss));
        }
    }
    void lose() {
        congestion.enter_recovery(congestion.window());
        congestion.leave_recovery();
    }
    double segments() const { return static_cast<double>(congestion.window()) / kMss; }
};

TEST(TcpWindow, InitialIsTenSegmentsOrLess) {
    EXPECT_EQ(initial_window(1460), 14600u);
    EXPECT_EQ(initial_window(536), 5360u);
    EXPECT_EQ(initial_window(4000), 14600u);
    EXPECT_EQ(initial_window(8940), 17880u) << "two segments at least";
}

class TcpBoth : public testing::TestWithParam<CongestionControl> {};
INSTANTIATE_TEST_SUITE_P(Kinds, TcpBoth,
                         testing::Values(CongestionControl::cubic, CongestionControl::new_reno));

TEST_P(TcpBoth, SlowStartDoublesEachRound) {
    Path path(GetParam());
    EXPECT_TRUE(path.congestion.slow_start());
    path.round();
    EXPECT_EQ(path.congestion.window(), 20 * kMss);
    path.round();
    EXPECT_EQ(path.congestion.window(), 40 * kMss);
}

TEST_P(TcpBoth, OneAcknowledgementGrowsSlowStartByEightSegmentsAtMost) {
    Path path(GetParam());
    path.congestion.acked(path.ack(64 * kMss));
    EXPECT_EQ(path.congestion.window(), 18 * kMss);
}

TEST_P(TcpBoth, SlowStartEndsAtSsthresh) {
    Path path(GetParam());
    path.congestion.timeout(30 * kMss, true);
    const std::uint32_t ssthresh = path.congestion.ssthresh();
    for (int i = 0; i < 10 && path.congestion.slow_start(); ++i) path.round();
    EXPECT_GE(path.congestion.window(), ssthresh);
    EXPECT_LT(path.congestion.window(), ssthresh + kMss);
}

TEST_P(TcpBoth, AnUnusedWindowDoesNotGrow) {
    Path path(GetParam());
    for (int i = 0; i < 100; ++i) {
        CongestionAck ack = path.ack(kMss);
        ack.app_limited = true;
        ack.flight_before = kMss;
        path.congestion.acked(ack);
    }
    EXPECT_EQ(path.congestion.window(), 10 * kMss);
}

TEST_P(TcpBoth, TimeoutGoesToOneSegmentAndKeepsSsthreshFromThenOn) {
    Path path(GetParam());
    path.round();
    path.congestion.timeout(20 * kMss, true);
    EXPECT_EQ(path.congestion.window(), kMss);
    const std::uint32_t ssthresh = path.congestion.ssthresh();
    EXPECT_EQ(ssthresh, GetParam() == CongestionControl::cubic ? 14 * kMss : 10 * kMss);
    path.congestion.timeout(kMss, false);
    EXPECT_EQ(path.congestion.ssthresh(), ssthresh) << "RFC 5681 §3.1: held constant";
}

TEST_P(TcpBoth, SsthreshIsTwoSegmentsAtLeast) {
    Path path(GetParam());
    path.congestion.enter_recovery(kMss);
    EXPECT_EQ(path.congestion.ssthresh(), 2 * kMss);
}

TEST_P(TcpBoth, UndoPutsBackWhatWasThere) {
    Path path(GetParam());
    path.round();
    path.congestion.enter_recovery(20 * kMss);
    path.congestion.undo();
    EXPECT_EQ(path.congestion.window(), 20 * kMss);
    EXPECT_TRUE(path.congestion.slow_start());
    path.congestion.timeout(20 * kMss, true);
    path.congestion.undo();
    EXPECT_EQ(path.congestion.window(), 20 * kMss);
    path.congestion.undo();
    EXPECT_EQ(path.congestion.window(), 20 * kMss) << "once";
}

TEST_P(TcpBoth, IdlenessGoesBackToTheInitialWindow) {
    Path path(GetParam());
    for (int i = 0; i < 3; ++i) path.round();
    path.lose();
    const std::uint32_t window = path.congestion.window();
    ASSERT_GT(window, 10 * kMss);
    path.congestion.idle_restart(100'000, 200'000);
    EXPECT_EQ(path.congestion.window(), window) << "not before one RTO";
    path.congestion.idle_restart(300'000, 200'000);
    EXPECT_EQ(path.congestion.window(), 10 * kMss);
    EXPECT_GE(path.congestion.ssthresh(), window * 3 / 4);
}

TEST_P(TcpBoth, ReductionIsInProportionToWhatArrives) {
    Path path(GetParam());
    for (int i = 0; i < 2; ++i) path.round();
    const std::uint32_t flight = path.congestion.window();
    path.congestion.enter_recovery(flight);
    const std::uint32_t ssthresh = path.congestion.ssthresh();
    std::uint32_t pipe = flight - kMss;
    std::uint32_t sent = 0;
    std::uint32_t delivered = 0;
    while (delivered < flight - kMss) {
        pipe -= kMss;
        delivered += kMss;
        path.congestion.recovery_acked(kMss, pipe, false);
        while (path.congestion.window() >= pipe + kMss) {
            path.congestion.recovery_sent(kMss);
            pipe += kMss;
            sent += kMss;
        }
    }
    EXPECT_NEAR(pipe, ssthresh, 2 * kMss) << "at its end, ssthresh is in flight";
    EXPECT_NEAR(sent, std::uint64_t{delivered} * ssthresh / flight, 2 * kMss);
    path.congestion.leave_recovery();
    EXPECT_EQ(path.congestion.window(), ssthresh);
}

TEST_P(TcpBoth, TheFirstRetransmissionGoesOutAtOnce) {
    Path path(GetParam());
    path.congestion.enter_recovery(10 * kMss);
    path.congestion.recovery_acked(0, 9 * kMss, false);
    EXPECT_GE(path.congestion.window(), 10 * kMss);
}

TEST_P(TcpBoth, NeverMoreThanTheLargestWindowThereIs) {
    Path path(GetParam());
    for (int i = 0; i < 200'000; ++i) {
        CongestionAck ack = path.ack(8 * kMss);
        ack.rtt_us = 0;
        path.congestion.acked(ack);
    }
    EXPECT_LE(path.congestion.window(), Congestion::kUnlimited);
}

TEST(TcpNewReno, HalvesAndThenGrowsByOneSegmentARound) {
    Path path(CongestionControl::new_reno);
    path.round();
    path.congestion.enter_recovery(20 * kMss);
    EXPECT_EQ(path.congestion.ssthresh(), 10 * kMss);
    path.congestion.leave_recovery();
    for (int round = 1; round <= 10; ++round) {
        path.round();
        EXPECT_NEAR(path.segments(), 10 + round, 0.8) << "round " << round;
    }
}

TEST(TcpCubic, FollowsItsCurve) {
    Path path(CongestionControl::cubic);
    path.rtt_us = 100'000;
    for (int i = 0; i < 5; ++i) path.round();  // 320 segments
    const double w_max = path.segments();
    path.lose();
    EXPECT_NEAR(path.segments(), 0.7 * w_max, 1);
    const std::uint64_t start = path.now_us;
    const double k = std::cbrt(0.3 * w_max / 0.4);
    while (path.now_us < start + static_cast<std::uint64_t>(2e6 * k)) {
        path.round();
        const double t = static_cast<double>(path.now_us - start) / 1e6;
        const double expected = 0.4 * std::pow(t - k, 3) + w_max;
        EXPECT_NEAR(path.segments(), expected, 0.05 * w_max) << "after " << t << " s of K = " << k;
    }
    EXPECT_GT(path.segments(), w_max) << "beyond K it probes for more";
}

TEST(TcpCubic, OnShortPathsIsAsFastAsReno) {
    Path path(CongestionControl::cubic);
    path.rtt_us = 1'000;
    path.congestion.timeout(20 * kMss, true);
    path.congestion.enter_recovery(20 * kMss);
    path.congestion.leave_recovery();
    const double before = path.segments();
    for (int round = 0; round < 20; ++round) path.round();
    EXPECT_GT(path.segments(), before + 20 * 0.5)
        << "0.53 segments a round, though the curve is flat";
}

TEST(TcpCubic, FastConvergenceGivesWayToNewcomers) {
    Path path(CongestionControl::cubic);
    path.rtt_us = 100'000;
    for (int i = 0; i < 4; ++i) path.round();
    path.lose();
    path.round();
    const double second = path.segments();
    path.lose();  // at less than the time before
    const std::uint64_t start = path.now_us;
    const double w_max = second * 0.85;
    const double k = std::cbrt((w_max - path.segments()) / 0.4);
    while (path.now_us < start + static_cast<std::uint64_t>(1e6 * k)) path.round();
    EXPECT_NEAR(path.segments(), w_max, 0.06 * w_max)
        << "the plateau lies lower than the last loss";
}

TEST(TcpCubic, ItsClockStandsStillWhileTheWindowIsNotUsed) {
    Path path(CongestionControl::cubic);
    for (int i = 0; i < 4; ++i) path.round();
    path.lose();
    path.round();
    const std::uint32_t window = path.congestion.window();
    for (int i = 0; i < 600; ++i) {  // a minute
        path.now_us += 100'000;
        CongestionAck ack = path.ack(kMss);
        ack.app_limited = true;
        ack.flight_before = kMss;
        path.congestion.acked(ack);
    }
    EXPECT_EQ(path.congestion.window(), window);
    path.round();
    EXPECT_LT(path.congestion.window(), window + 5 * kMss) << "no jump to where the curve would be";
}

TEST(TcpHyStart, GrowingDelayEndsSlowStartBeforeALoss) {
    Path path(CongestionControl::cubic);
    int rounds = 0;
    while (path.congestion.slow_start() && rounds < 30) {
        path.round();
        if (++rounds >= 3) path.rtt_us += 10'000;
    }
    EXPECT_FALSE(path.congestion.slow_start());
    EXPECT_GE(rounds, 8) << "five rounds of conservative slow start first";
}

TEST(TcpHyStart, ConservativeRoundsGrowByAQuarter) {
    Path path(CongestionControl::cubic);
    path.round();
    path.round();
    path.rtt_us += 20'000;
    path.round();  // sees it, somewhere in this round
    const double before = path.segments();
    path.round();
    EXPECT_NEAR(path.segments(), before * 1.25, before * 0.05);
}

TEST(TcpHyStart, ADelayThatGoesAwayWasNoise) {
    Path path(CongestionControl::cubic);
    path.round();
    path.round();
    path.rtt_us += 20'000;
    path.round();
    path.rtt_us -= 20'000;
    path.round();
    const double before = path.segments();
    path.round();
    EXPECT_NEAR(path.segments(), before * 2, before * 0.1);
    EXPECT_TRUE(path.congestion.slow_start());
}

TEST(TcpHyStart, SteadyDelayLeavesSlowStartAlone) {
    Path path(CongestionControl::cubic);
    for (int i = 0; i < 8; ++i) path.round();
    EXPECT_EQ(path.congestion.window(), 2560 * kMss);
}

}  // namespace
}  // namespace skerry::net::tcp
