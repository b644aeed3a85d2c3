// What is in flight: SACK, RACK-TLP, NewReno without SACK, and hostile acknowledgements.
#include "dataplane/net/tcp/flight.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace skerry::net::tcp {
namespace {

constexpr std::uint32_t kMss = 1000;
constexpr std::uint32_t kRttUs = 100'000;
constexpr std::uint32_t kStart = 0xfffff000;  // wraps in the middle of everything

class TcpFlight : public testing::Test {
  protected:
    FlightPool pool{256};
    Flight flight;
    std::uint64_t now_us = 10'000'000;
    std::uint32_t una = kStart;
    std::uint32_t nxt = kStart;
    bool sack = true;
    bool in_recovery = false;
    std::uint32_t reorder_us = 0;

    ~TcpFlight() override {
        flight.clear(pool);
        EXPECT_EQ(pool.free_count(), pool.capacity()) << "a record was lost";
    }
    void send(int segments, std::uint64_t apart_us = 1000) {
        for (int i = 0; i < segments; ++i) {
            ASSERT_TRUE(flight.sent(pool, nxt, nxt + kMss, 1, now_us));
            nxt += kMss;
            now_us += apart_us;
        }
    }
    std::uint32_t at(int segment) const {
        return kStart + static_cast<std::uint32_t>(segment) * kMss;
    }
    SackBlock block(int first, int end) const { return {at(first), at(end)}; }
    Acked ack(std::uint32_t number, std::vector<SackBlock> sacks = {}, bool duplicate = false,
              std::uint64_t echo_us = 0) {
        const Acked out = flight.acked(pool, {.ack = number,
                                              .snd_nxt = nxt,
                                              .sacks = sacks,
                                              .now_us = now_us,
                                              .echo_us = echo_us,
                                              .min_rtt_us = kRttUs,
                                              .mss = kMss,
                                              .sack_permitted = sack,
                                              .duplicate = duplicate,
                                              .in_recovery = in_recovery});
        una = number;
        check();
        return out;
    }
    std::uint32_t detect() {
        const std::uint32_t lost = flight.detect_loss(pool, input(), reorder_us);
        check();
        return lost;
    }
    LossInput input() const {
        return {
            .now_us = now_us, .srtt_us = kRttUs, .min_rtt_us = kRttUs, .in_recovery = in_recovery};
    }
    // Sends again what is lost, up to `most` segments; their numbers.
    std::vector<int> resend(int most = 100) {
        std::vector<int> sent;
        while (most-- > 0) {
            const std::uint32_t id = flight.next_lost(pool);
            if (id == FlightPool::kNone) break;
            sent.push_back(static_cast<int>((pool[id].seq - kStart) / kMss));
            flight.retransmitted(pool, id, std::min(kMss, pool[id].bytes()), now_us);
            check();
        }
        return sent;
    }
    // The list is whole, and the counts are what it says.
    void check() {
        std::uint32_t bytes = 0, sacked = 0, lost = 0, records = 0, seq = una;
        for (std::uint32_t id = flight.first(); id != FlightPool::kNone; id = pool[id].next) {
            const FlightRecord& record = pool[id];
            ASSERT_EQ(record.seq, seq);
            ASSERT_TRUE(before(record.seq, record.end));
            ASSERT_FALSE(record.is(kSacked) && record.is(kLost));
            bytes += record.bytes();
            if (record.is(kSacked)) sacked += record.bytes();
            if (record.is(kLost)) lost += record.bytes();
            seq = record.end;
            ++records;
            ASSERT_LE(records, pool.capacity());
        }
        ASSERT_EQ(seq, nxt);
        ASSERT_EQ(flight.bytes(), bytes);
        ASSERT_EQ(flight.sacked_bytes(), sacked);
        ASSERT_EQ(flight.lost_bytes(), lost);
        ASSERT_EQ(flight.records(), records);
        ASSERT_EQ(pool.free_count() + records, pool.capacity());
    }
};

TEST_F(TcpFlight, AcknowledgementsFreeWhatTheyCover) {
    send(5);
    EXPECT_EQ(flight.bytes(), 5 * kMss);
    now_us += kRttUs;
    const Acked out = ack(at(3));
    EXPECT_EQ(out.acked_bytes, 3 * kMss);
    EXPECT_EQ(out.delivered_bytes, 3 * kMss);
    EXPECT_EQ(flight.records(), 2u);
    EXPECT_EQ(out.rtt_us, kRttUs + 3000) << "of the newest";
    EXPECT_EQ(detect(), 0u);
    EXPECT_EQ(reorder_us, 0u);
}

TEST_F(TcpFlight, APartOfASegmentMayBeAcknowledged) {
    send(2);
    const Acked out = ack(at(0) + 400);
    EXPECT_EQ(out.acked_bytes, 400u);
    EXPECT_EQ(flight.bytes(), 2 * kMss - 400);
    EXPECT_EQ(ack(at(2)).acked_bytes, 2 * kMss - 400);
    EXPECT_TRUE(flight.empty());
}

TEST_F(TcpFlight, SacksAreTakenOnceAndMerge) {
    send(6);
    EXPECT_EQ(ack(at(0), {block(1, 2)}).sacked_bytes, kMss);
    EXPECT_EQ(ack(at(0), {block(1, 2)}).sacked_bytes, 0u);
    EXPECT_EQ(ack(at(0), {block(1, 4)}).sacked_bytes, 2 * kMss);
    EXPECT_EQ(flight.records(), 4u) << "three became one";
    EXPECT_EQ(ack(at(0), {block(5, 6), block(1, 4)}).sacked_bytes, kMss);
    EXPECT_EQ(flight.pipe_bytes(), 2 * kMss);
    const Acked all = ack(at(6));
    EXPECT_EQ(all.acked_bytes, 6 * kMss);
    EXPECT_EQ(all.delivered_bytes, 2 * kMss) << "the others were counted when they were SACKed";
}

TEST_F(TcpFlight, SacksOutsideWhatIsInFlightAreIgnored) {
    send(3);
    EXPECT_EQ(ack(at(1), {block(3, 4)}).sacked_bytes, 0u) << "never sent";
    EXPECT_EQ(ack(at(1), {{at(3), at(2)}}).sacked_bytes, 0u) << "backwards";
    EXPECT_EQ(ack(at(1), {{at(2), at(2)}}).sacked_bytes, 0u) << "empty";
    EXPECT_EQ(ack(at(1), {{at(2), at(3) + 1}}).sacked_bytes, 0u) << "too long";
    EXPECT_EQ(ack(at(1), {{at(0) - 5000, at(0)}}).sacked_bytes, 0u) << "long ago";
}

TEST_F(TcpFlight, HalfASegmentIsNotWorthARecord) {
    send(3);
    EXPECT_EQ(ack(at(0), {{at(1) + 1, at(2)}}).sacked_bytes, 0u);
    EXPECT_EQ(ack(at(0), {{at(1), at(2) - 1}}).sacked_bytes, 0u);
    EXPECT_EQ(flight.records(), 3u);
}

TEST_F(TcpFlight, ABurstIsSplitWhereASackSaysSo) {
    ASSERT_TRUE(flight.sent(pool, nxt, nxt + 10 * kMss, 10, now_us));
    nxt += 10 * kMss;
    EXPECT_EQ(ack(at(0), {block(4, 6)}).sacked_bytes, 2 * kMss);
    EXPECT_EQ(flight.records(), 3u);
    EXPECT_EQ(pool[flight.first()].segments, 4);
}

TEST_F(TcpFlight, ThreeSackedSegmentsMakeWhatIsBeforeThemLost) {
    send(5);
    now_us += kRttUs;
    ack(at(0), {block(1, 2)});
    EXPECT_EQ(detect(), 0u) << "may be reordering";
    EXPECT_GT(reorder_us, 0u);
    ack(at(0), {block(1, 3)});
    EXPECT_EQ(detect(), 0u);
    ack(at(0), {block(1, 4)});
    EXPECT_EQ(detect(), kMss);
    EXPECT_EQ(reorder_us, 0u);
    EXPECT_EQ(flight.pipe_bytes(), kMss) << "five, less three that arrived, less one lost";
    EXPECT_EQ(resend(), std::vector<int>{0});
    EXPECT_EQ(flight.pipe_bytes(), 2 * kMss);
}

TEST_F(TcpFlight, TimeAloneMakesItLostToo) {
    send(2, 0);
    now_us += kRttUs;
    ack(at(0), {block(1, 2)});
    EXPECT_EQ(detect(), 0u);
    EXPECT_EQ(reorder_us, kRttUs / 4) << "a quarter of the least round trip";
    now_us += kRttUs / 4 - 1;
    EXPECT_EQ(detect(), 0u);
    now_us += 1;
    EXPECT_EQ(detect(), kMss);
}

TEST_F(TcpFlight, WhatWasSentLaterIsNotLost) {
    send(4);
    now_us += kRttUs;
    ack(at(0), {block(1, 2)});
    now_us += 10 * kRttUs;
    EXPECT_EQ(detect(), kMss);
    EXPECT_EQ(resend(), std::vector<int>{0});
    EXPECT_EQ(flight.lost_bytes(), 0u) << "2 and 3 came after 1: nothing is known of them";
}

TEST_F(TcpFlight, ALostRetransmissionIsFoundByWhatWasSentAfterIt) {
    send(5);
    now_us += kRttUs;
    ack(at(0), {block(1, 4)});
    in_recovery = true;
    EXPECT_EQ(detect(), kMss);
    EXPECT_EQ(resend(), std::vector<int>{0});
    now_us += 1000;
    send(1);
    now_us += kRttUs;
    ack(at(0), {block(1, 6)});
    EXPECT_EQ(detect(), kMss) << "5 was sent after the retransmission of 0, and is here";
    EXPECT_EQ(resend(), std::vector<int>{0});
}

TEST_F(TcpFlight, ReorderingOnceSeenMakesItPatient) {
    send(5);
    now_us += kRttUs;
    ack(at(0), {block(1, 2)});
    EXPECT_TRUE(ack(at(2)).reordered) << "0 arrived behind 1";
    EXPECT_TRUE(flight.reordering_seen());
    ack(at(2), {block(3, 5)});
    send(2);
    now_us += kRttUs;
    ack(at(2), {block(3, 7)});
    now_us -= kRttUs;
    EXPECT_EQ(detect(), 0u) << "though four have been SACKed";
}

TEST_F(TcpFlight, DsacksWidenTheWindowOnceARound) {
    send(4);
    now_us += kRttUs;
    ack(at(0), {block(1, 2)});
    ack(at(2));
    EXPECT_TRUE(ack(at(2), {block(0, 1)}).dsack);
    EXPECT_TRUE(ack(at(2), {block(0, 1)}).dsack);
    ack(at(2), {block(3, 4)});
    EXPECT_EQ(detect(), 0u);
    const std::uint64_t sent_2 = 10'002'000;
    EXPECT_EQ(reorder_us, sent_2 + (now_us - 10'003'000) + kRttUs / 2 - now_us)
        << "two quarters, not three";
}

TEST_F(TcpFlight, ADsackInsideAnotherBlockIsOne) {
    send(4);
    EXPECT_TRUE(ack(at(0), {{at(2), at(3)}, {at(1), at(4)}}).dsack);
    EXPECT_FALSE(ack(at(0), {{at(1), at(4)}}).dsack);
}

TEST_F(TcpFlight, KarnTakesNoSampleOfWhatWasSentTwice) {
    send(3);
    now_us += kRttUs;
    flight.timeout(pool, input());
    resend();
    now_us += kRttUs;
    const Acked out = ack(at(3));
    EXPECT_EQ(out.rtt_us, 0u);
    EXPECT_TRUE(out.retransmission_acked);
    EXPECT_FALSE(out.spurious) << "without timestamps nobody knows";
}

TEST_F(TcpFlight, AnEchoFromBeforeTheRetransmissionShowsThatItWasNotNeeded) {
    send(1);
    const std::uint64_t first_us = now_us;
    now_us += 3 * kRttUs;
    flight.timeout(pool, input());
    resend();
    now_us += 1000;
    EXPECT_TRUE(ack(at(1), {}, false, first_us).spurious);
}

TEST_F(TcpFlight, AnEchoOfTheRetransmissionShowsThatItWas) {
    send(1);
    now_us += 3 * kRttUs;
    flight.timeout(pool, input());
    resend();
    const std::uint64_t again_us = now_us;
    now_us += kRttUs;
    EXPECT_FALSE(ack(at(1), {}, false, again_us).spurious);
}

TEST_F(TcpFlight, TimeoutTakesTheFirstAndWhatIsOverdue) {
    send(3, 0);
    now_us += kRttUs;
    ack(at(1));
    now_us += 2 * kRttUs;
    send(1, 0);
    now_us += kRttUs / 10;
    flight.timeout(pool, input());
    check();
    EXPECT_EQ(resend(), (std::vector<int>{1, 2})) << "3 was sent a moment ago";
}

TEST_F(TcpFlight, APeerThatRenegesIsSentEverythingAgain) {
    send(4, 0);
    ack(at(0), {block(1, 3)});
    flight.timeout(pool, input());
    EXPECT_EQ(flight.sacked_bytes(), 2 * kMss) << "kept: nothing says that it was thrown away";
    ack(at(1), {});
    flight.timeout(pool, input());
    check();
    EXPECT_EQ(flight.sacked_bytes(), 0u) << "SACKed in front of everything, and not acknowledged";
    EXPECT_EQ(resend(), (std::vector<int>{1, 2, 3}));
}

TEST_F(TcpFlight, RetransmittingInSmallerPiecesSplits) {
    send(2);
    flight.timeout(pool, input());
    const std::uint32_t id = flight.next_lost(pool);
    flight.retransmitted(pool, id, 600, now_us);
    check();
    EXPECT_EQ(flight.lost_bytes(),
              pool[flight.next_lost(pool)].is(kLost) ? flight.lost_bytes() : 0);
    EXPECT_EQ(pool[flight.next_lost(pool)].seq, at(0) + 600);
    EXPECT_EQ(pool[flight.next_lost(pool)].bytes(), 400u);
}

TEST_F(TcpFlight, AFullPoolRefusesNewDataAndStillSplits) {
    while (flight.sent(pool, nxt, nxt + 2 * kMss, 2, now_us)) nxt += 2 * kMss;
    EXPECT_EQ(pool.free_count(), pool.capacity() / 16);
    EXPECT_EQ(ack(at(0), {block(3, 4)}).sacked_bytes, kMss);
    std::vector<SackBlock> sacks(1);
    for (int i = 5; i < 2 * 200; i += 4) {
        sacks[0] = block(i, i + 1);
        ack(at(0), sacks);
    }
    EXPECT_EQ(pool.free_count(), 0u);
    flight.timeout(pool, input());
    flight.retransmitted(pool, flight.next_lost(pool), kMss, now_us);
    check();
    ack(nxt);
    EXPECT_TRUE(flight.empty());
}

TEST_F(TcpFlight, WithoutSackTheThirdDuplicateMakesTheFirstLost) {
    sack = false;
    send(5);
    EXPECT_EQ(flight.pipe_bytes(), 5 * kMss);
    ack(at(0), {}, true);
    ack(at(0), {}, true);
    EXPECT_EQ(flight.pipe_bytes(), 3 * kMss) << "limited transmit has room (RFC 3042)";
    EXPECT_EQ(flight.lost_bytes(), 0u);
    ack(at(0), {}, true);
    EXPECT_EQ(flight.lost_bytes(), kMss);
    EXPECT_EQ(resend(), std::vector<int>{0});
}

TEST_F(TcpFlight, WithoutSackAPartialAcknowledgementMakesTheNextLost) {
    sack = false;
    send(5);
    for (int i = 0; i < 3; ++i) ack(at(0), {}, true);
    resend();
    in_recovery = true;
    ack(at(3));
    EXPECT_EQ(resend(), std::vector<int>{3});
    ack(at(5));
    flight.left_recovery();
    EXPECT_EQ(flight.duplicate_acks(), 0);
    EXPECT_TRUE(flight.empty());
}

TEST_F(TcpFlight, WithoutSackDuplicatesAreNoMoreThanTheOtherSegments) {
    sack = false;
    send(3);
    for (int i = 0; i < 50; ++i) ack(at(0), {}, true);
    EXPECT_EQ(flight.pipe_bytes(), kMss);
    EXPECT_EQ(flight.duplicate_acks(), 2);
}

TEST_F(TcpFlight, ProbeTimerIsTwoRoundTripsAndMoreForALoneSegment) {
    send(1);
    EXPECT_TRUE(flight.may_probe());
    EXPECT_EQ(flight.probe_timeout_us(pool, 0, 200'000), 1'000'000u);
    EXPECT_EQ(flight.probe_timeout_us(pool, kRttUs, 200'000), 400'000u);
    send(1);
    EXPECT_EQ(flight.probe_timeout_us(pool, kRttUs, 200'000), 200'000u);
    ack(at(0), {block(1, 2)});
    EXPECT_FALSE(flight.may_probe()) << "RACK's business then";
}

TEST_F(TcpFlight, AProbeThatMendsALossIsTold) {
    send(3);
    flight.retransmitted(pool, flight.probe_record(), kMss, now_us);
    flight.probe_sent(nxt, true);
    EXPECT_FALSE(flight.may_probe()) << "one at a time";
    send(1);
    EXPECT_FALSE(ack(at(3)).probe_repaired);
    EXPECT_TRUE(ack(at(4)).probe_repaired) << "and no duplicate was reported";
    EXPECT_TRUE(flight.may_probe() || flight.empty());
}

TEST_F(TcpFlight, AProbeThatWasNotNeededIsNotALoss) {
    send(3);
    flight.retransmitted(pool, flight.probe_record(), kMss, now_us);
    flight.probe_sent(nxt, true);
    EXPECT_FALSE(ack(at(3), {block(2, 3)}).probe_repaired) << "DSACK: it got both";
    send(1);
    EXPECT_FALSE(ack(at(4)).probe_repaired);
}

TEST_F(TcpFlight, AProbeOfNewDataIsNoSignOfLoss) {
    send(3);
    send(1);
    flight.probe_sent(nxt, false);
    EXPECT_FALSE(ack(at(4)).probe_repaired);
    send(1);
    EXPECT_TRUE(flight.may_probe());
}

// A peer and a network that do anything at all: the list stays whole, and ends.
TEST_F(TcpFlight, SurvivesAnything) {
    std::mt19937 random(99);
    for (int step = 0; step < 200'000; ++step) {
        now_us += random() % 5000;
        const std::uint32_t out = nxt - una;
        switch (random() % 6) {
            case 0:
            case 1: {
                const std::uint32_t bytes = 1 + random() % 4000;
                if (out < 100'000 &&
                    flight.sent(pool, nxt, nxt + bytes,
                                static_cast<std::uint16_t>(bytes / 1000 + 1), now_us))
                    nxt += bytes;
                break;
            }
            case 2:
                resend(static_cast<int>(random() % 5));
                break;
            case 3:
                if (random() % 10 == 0) flight.timeout(pool, input());
                break;
            case 4: {
                in_recovery = random() % 2 != 0;
                detect();
                if (random() % 20 == 0) flight.left_recovery();
                if (flight.may_probe()) flight.probe_sent(nxt, random() % 2 != 0);
                break;
            }
            default: {
                std::vector<SackBlock> sacks(random() % 5);
                for (SackBlock& each : sacks) {
                    each.left = una - 500 + random() % (out + 1000);
                    each.right = each.left + random() % 3000;
                    if (random() % 30 == 0)
                        each = {static_cast<std::uint32_t>(random()),
                                static_cast<std::uint32_t>(random())};
                }
                sack = step / 20'000 % 2 == 0;
                if (!sack) sacks.clear();
                ack(random() % 3 == 0 ? una + random() % (out + 1) : una, sacks, random() % 2 != 0,
                    random() % 2 != 0 ? now_us - random() % 200'000 : 0);
            }
        }
        check();
        if (HasFatalFailure()) FAIL() << "step " << step;
    }
}

}  // namespace
}  // namespace skerry::net::tcp
