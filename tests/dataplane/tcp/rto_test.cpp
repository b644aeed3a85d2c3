// The retransmission timeout, number by number as RFC 6298 computes it.
#include "dataplane/net/tcp/rto.hpp"

#include <gtest/gtest.h>

namespace skerry::net::tcp {
namespace {

constexpr std::uint32_t kMinUs = 200'000;

TEST(TcpRto, OneSecondUntilThereIsASample) {
    const Rto rto;
    EXPECT_EQ(rto.rto_us(kMinUs), 1'000'000u);
}

TEST(TcpRto, ThreeSecondsAfterALostSynUntilThereIsASample) {
    Rto rto;
    rto.syn_was_lost = true;
    EXPECT_EQ(rto.rto_us(kMinUs), 3'000'000u);
    rto.sample(400'000);
    EXPECT_EQ(rto.rto_us(kMinUs), 1'200'000u);
}

TEST(TcpRto, FirstSampleSetsBoth) {
    Rto rto;
    rto.sample(100'000);
    EXPECT_EQ(rto.srtt_us, 100'000u);
    EXPECT_EQ(rto.rttvar_us, 50'000u);
    EXPECT_EQ(rto.rto_us(kMinUs), 300'000u) << "SRTT + 4 RTTVAR";
}

TEST(TcpRto, LaterSamplesAreSmoothed) {
    Rto rto;
    rto.sample(100'000);
    rto.sample(180'000);
    EXPECT_EQ(rto.rttvar_us, 57'500u) << "3/4 of 50 ms + 1/4 of 80 ms, with SRTT as it was before";
    EXPECT_EQ(rto.srtt_us, 110'000u) << "7/8 of 100 ms + 1/8 of 180 ms";
    rto.sample(30'000);
    EXPECT_EQ(rto.rttvar_us, 63'125u);
    EXPECT_EQ(rto.srtt_us, 100'000u);
    EXPECT_EQ(rto.min_rtt_us, 30'000u);
}

TEST(TcpRto, NeverLessThanTheMinimum) {
    Rto rto;
    for (int i = 0; i < 50; ++i) rto.sample(50);
    EXPECT_EQ(rto.rto_us(kMinUs), kMinUs);
    EXPECT_EQ(rto.rto_us(0), 50u + 1000u) << "the clock's grain is the least spread";
}

TEST(TcpRto, BacksOffByDoublingUpToTheMaximum) {
    Rto rto;
    rto.sample(100'000);
    std::uint32_t expected = 300'000;
    for (int i = 0; i < 40; ++i) {
        EXPECT_EQ(rto.rto_us(kMinUs), expected) << "after " << i << " timeouts";
        rto.back_off();
        expected = expected * 2 > kMaxRtoUs ? kMaxRtoUs : expected * 2;
    }
    rto.reset_backoff();
    EXPECT_EQ(rto.rto_us(kMinUs), 300'000u);
}

TEST(TcpRto, ASampleKeepsTheBackoff) {
    Rto rto;
    rto.sample(100'000);
    rto.back_off();
    rto.sample(100'000);
    EXPECT_EQ(rto.backoffs, 1)
        << "Karn: only new data acknowledged ends it, which the caller knows";
}

TEST(TcpRto, AbsurdSamplesDoNotOverflow) {
    Rto rto;
    for (int i = 0; i < 100; ++i) rto.sample(i % 2 == 0 ? ~0u : 0);
    EXPECT_LE(rto.srtt_us, 120'000'000u);
    EXPECT_EQ(rto.rto_us(kMinUs), kMaxRtoUs);
    EXPECT_EQ(rto.min_rtt_us, 1u);
}

}  // namespace
}  // namespace skerry::net::tcp
