// Two ends that mean well: streams, turns, credit, cancelling.
#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/trunk/ends.hpp"

namespace skerry::trunk::testing {
namespace {

std::string text(std::size_t bytes, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::string made(bytes, ' ');
    for (char& each : made) each = static_cast<char>(random());
    return made;
}

TEST(Trunk, HelloComesFirstAndNothingElseIsNeeded) {
    Pair pair;
    EXPECT_TRUE(pair.client.link.has_place());
    EXPECT_TRUE(pair.client.link.idle() && pair.server.link.idle());
    EXPECT_FALSE(pair.client.link.wants_output() || pair.server.link.wants_output());
}

TEST(Trunk, ARequestAndItsReply) {
    Pair pair;
    pair.server.echoes = true;
    const std::uint32_t place = pair.client.ask("hello", 77);
    EXPECT_FALSE(pair.client.link.request_gone(place));
    pair.client.pump();
    EXPECT_TRUE(pair.client.link.request_gone(place));
    pair.settle();
    EXPECT_TRUE(pair.client.streams[place].complete);
    EXPECT_EQ(pair.client.streams[place].heard, "hello");
    EXPECT_EQ(pair.client.streams[place].header.request_id_lo.get(), 77u);
    EXPECT_TRUE(pair.client.link.idle() && pair.server.link.idle());
}

TEST(Trunk, AcceptedGoesBeforeTheReplyOrIsLeftOut) {
    Pair pair;
    const std::uint32_t first = pair.client.ask("a");
    pair.settle();
    pair.server.say(0);
    pair.settle();
    EXPECT_EQ(pair.client.streams[first].accepted, 1u);
    pair.server.reply(0, "b");
    pair.settle();
    EXPECT_EQ(pair.client.streams[first].heard, "b");
    const std::uint32_t second = pair.client.ask("c");
    pair.settle();
    pair.server.say(0);
    pair.server.reply(0, "d");
    pair.settle();
    EXPECT_EQ(pair.client.streams[second].accepted, 0u);
    EXPECT_EQ(pair.client.streams[second].heard, "d");
}

TEST(Trunk, SixMebibytesBothWaysInPiecesOfAnySize) {
    for (const std::size_t piece : {1000u, 1460u, 65536u}) {
        Pair pair(256 * 1024);
        pair.server.echoes = true;
        const std::string body = text(6 << 20);
        const std::uint32_t place = pair.client.ask(body);
        pair.settle(piece);
        EXPECT_TRUE(pair.client.streams[place].complete);
        EXPECT_TRUE(pair.client.streams[place].heard == body);
    }
}

TEST(Trunk, SmallWindowsAndByteByByte) {
    Pair pair;
    pair.server.echoes = true;
    const std::string body = text(100'000);
    const std::uint32_t place = pair.client.ask(body);
    pair.settle(1);
    EXPECT_TRUE(pair.client.streams[place].heard == body);
}

TEST(Trunk, StreamsTakeTurns) {
    Pair pair(1 << 20);
    (void)pair.client.ask(text(900'000));
    const std::uint32_t small = pair.client.ask("small");
    pair.client.pump();
    // Behind one frame of the large one, not behind all of it.
    const std::size_t at = pair.client.output.find("small");
    EXPECT_LT(at, kDataBytesMax + 1000);
    EXPECT_GT(pair.client.output.size(), 200'000u);
    EXPECT_TRUE(pair.client.link.request_gone(small));
}

TEST(Trunk, OnePumpIsBounded) {
    Pair pair(16 << 20);
    pair.client.left = 1u << 30;
    (void)pair.client.ask(text(8 << 20));
    pair.client.pump();
    EXPECT_LE(pair.client.output.size(), Link::kPumpBytes + kDataBytesMax + 1000);
    EXPECT_TRUE(pair.client.link.wants_output());
}

TEST(Trunk, NoCreditNoBytes) {
    Pair pair;
    pair.server.grants = false;
    const std::string body = text(100'000);
    const std::uint32_t place = pair.client.ask(body);
    pair.settle();
    EXPECT_EQ(pair.server.streams[place].heard.size(), kWindowBytesMin);
    EXPECT_FALSE(pair.client.link.request_gone(place));
    // Others are not held up by it.
    pair.server.echoes = true;
    const std::uint32_t other = pair.client.ask("other");
    pair.settle();
    EXPECT_EQ(pair.client.streams[other].heard, "other");
    // All of the rest at once, and no more than that.
    pair.server.link.grant(place, 1u << 30);
    pair.settle();
    EXPECT_TRUE(pair.client.streams[place].heard == body);
}

TEST(Trunk, CreditGivenInTheMiddleOfAFrameIsTold) {
    Pair pair;
    pair.server.grants = false;
    const std::string body = text(kWindowBytesMin + 246);
    const std::uint32_t place = pair.client.ask(body);
    pair.client.pump();
    ASSERT_TRUE(carry(pair.client, pair.server, 5000));
    pair.server.link.grant(place, 246);
    pair.settle();
    EXPECT_TRUE(pair.server.streams[place].complete);
}

TEST(Trunk, WithoutRoomNothingIsWritten) {
    Pair pair;
    pair.client.left = 100;
    (void)pair.client.ask("x");
    pair.client.pump();
    EXPECT_TRUE(pair.client.output.empty());
    EXPECT_TRUE(pair.client.link.wants_output());
    pair.client.left = kFrameHeadBytes + wire::kHeaderBytes;
    pair.client.pump();
    EXPECT_EQ(pair.client.left, 0u);
    pair.client.left = 9;
    pair.client.pump();
    EXPECT_EQ(pair.client.left, 0u);
    EXPECT_FALSE(pair.client.link.wants_output());
}

TEST(Trunk, AllPlacesAreUsedAndUsedAgain) {
    Pair pair;
    pair.server.echoes = true;
    for (int round = 0; round < 3; ++round) {
        for (std::uint32_t i = 0; i < kStreams; ++i) {
            ASSERT_TRUE(pair.client.link.has_place());
            (void)pair.client.ask("n" + std::to_string(i));
        }
        EXPECT_FALSE(pair.client.link.has_place());
        pair.settle();
        for (std::uint32_t i = 0; i < kStreams; ++i)
            EXPECT_EQ(pair.client.streams[i].heard, "n" + std::to_string(i));
        EXPECT_TRUE(pair.client.link.idle() && pair.server.link.idle());
    }
}

TEST(Trunk, ARefusalStopsTheRequest) {
    Pair pair;
    pair.server.refuse_all = true;
    const std::uint32_t place = pair.client.ask(text(1 << 20));
    pair.client.pump();  // a window of it is under way
    pair.settle();
    EXPECT_TRUE(pair.client.streams[place].complete);
    EXPECT_LT(pair.client.streams[place].said, 2 * kWindowBytesMin);
    EXPECT_TRUE(pair.server.streams[place].over);
    pair.server.refuse_all = false;
    pair.server.echoes = true;
    const std::uint32_t next = pair.client.ask("next");
    pair.settle();
    EXPECT_EQ(pair.client.streams[next].heard, "next");
}

TEST(Trunk, CancelledBeforeItWasSentItIsNeverHeardOf) {
    Pair pair;
    pair.client.cancel(pair.client.ask("x"));
    pair.settle();
    EXPECT_EQ(pair.server.opened, 0u);
    EXPECT_TRUE(pair.client.link.idle());
}

TEST(Trunk, CancelledAtAnyMoment) {
    for (std::size_t moment = 0; moment < 200; ++moment) {
        Pair pair;
        pair.server.echoes = moment % 2 == 0;
        const std::uint32_t place = pair.client.ask(text(40'000));
        for (std::size_t i = 0; i < moment && pair.client.streams[place].open; ++i) {
            pair.client.pump();
            pair.server.pump();
            ASSERT_TRUE(carry(pair.client, pair.server, 701) &&
                        carry(pair.server, pair.client, 701));
        }
        if (pair.client.streams[place].open) pair.client.cancel(place);
        pair.settle();
        EXPECT_TRUE(pair.client.link.idle() && pair.server.link.idle()) << moment;
        pair.server.echoes = true;
        const std::uint32_t next = pair.client.ask("next");
        pair.settle();
        EXPECT_EQ(pair.client.streams[next].heard, "next");
    }
}

TEST(Trunk, PingsAreAnswered) {
    Pair pair;
    pair.client.link.ping(7);
    pair.client.pump();
    EXPECT_TRUE(carry(pair.client, pair.server));
    pair.server.pump();
    EXPECT_EQ(pair.server.output.size(), 16u);
    EXPECT_TRUE(carry(pair.server, pair.client));
}

TEST(Trunk, AfterResetItBeginsAnew) {
    Pair pair;
    (void)pair.client.ask("lost");
    EXPECT_EQ(pair.client.link.streams(), 1u);
    pair.client.link.reset();
    pair.server.link.reset();
    pair.client.output.clear();
    EXPECT_FALSE(pair.client.link.has_place());
    pair.client.streams = {};
    pair.server.streams = {};
    pair.server.echoes = true;
    pair.settle();
    const std::uint32_t place = pair.client.ask("new");
    pair.settle();
    EXPECT_EQ(pair.client.streams[place].heard, "new");
}

TEST(Trunk, ManyAtOnceOverABadlyCutWire) {
    std::mt19937 random(11);
    Pair pair(32 * 1024);
    pair.server.echoes = true;
    std::array<std::string, kStreams> asked;
    std::uint32_t answers = 0;
    for (int step = 0; step < 20'000; ++step) {
        if (random() % 8 == 0 && pair.client.link.has_place()) {
            const std::string body = text(random() % 3 == 0 ? random() % 200'000 : random() % 50,
                                          static_cast<unsigned>(step));
            asked[pair.client.ask(body)] = body;
        }
        pair.client.left = std::min<std::uint32_t>(pair.client.left, random() % 40'000);
        pair.server.left = std::min<std::uint32_t>(pair.server.left, random() % 40'000);
        pair.client.pump();
        pair.server.pump();
        ASSERT_TRUE(carry(pair.client, pair.server, random() % 20'000));
        ASSERT_TRUE(carry(pair.server, pair.client, random() % 20'000));
        for (std::uint32_t i = 0; i < kStreams; ++i) {
            if (!pair.client.streams[i].complete) continue;
            ASSERT_TRUE(pair.client.streams[i].heard == asked[i]);
            pair.client.streams[i].complete = false;
            ++answers;
        }
        pair.client.left = pair.server.left = 1 << 20;
    }
    EXPECT_GT(answers, 500u);
}

}  // namespace
}  // namespace skerry::trunk::testing
