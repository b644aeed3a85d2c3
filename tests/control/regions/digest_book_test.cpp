// What a POP makes of regions' digests: the test plays the regions, and the clock.
#include "control/regions/digest_book.hpp"

#include <gtest/gtest.h>

#include <set>

namespace skerry::regions {
namespace {

using wire::WarmState;
using wire::Warmth;

class DigestBookTest : public ::testing::Test {
  protected:
    static constexpr std::uint32_t kRegions = 3;

    DigestBookTest() { view.count = kRegions; }

    void track(std::uint32_t functions) {
        tracked.clear();
        for (std::uint32_t f = 0; f < functions; ++f)
            tracked.push_back({.function = f, .key = 1000 + f, .cold_cost_us = 100'000});
        book.track(tracked, 12.5);
    }
    ProbeCommand ask(std::uint32_t region, std::uint32_t most = wire::kDigestEntriesMax) {
        ProbeCommand command;
        book.ask(region, most, now_us, command);
        return command;
    }
    // The region's answer to what it was asked.
    ProbeResult answer(const ProbeCommand& command, const Warmth& warmth) const {
        ProbeResult result;
        result.longer = 1;
        result.digest_entries = wire::kDigestEntriesMax;
        result.keep_ms = 4000;
        result.crowding_permille = 250;
        result.catchment_milli = 1000;
        result.entry_count = command.key_count;
        for (std::uint32_t i = 0; i < command.key_count; ++i) {
            result.entries[i].key.set(command.keys[i]);
            result.entries[i].warmth.set(wire::pack(warmth));
        }
        return result;
    }
    void tell(std::uint32_t region, const Warmth& warmth) {
        book.take(region, answer(ask(region), warmth), now_us);
    }
    const select::WarmthView& look(std::uint32_t function = 0) {
        book.read_regions(now_us, view);
        book.read_function(function, now_us, sent_per_s, sent_us, view);
        return view;
    }
    void pass(double s) { now_us += static_cast<std::uint64_t>(s * 1e6); }

    DigestBook book{kRegions, 30.0};
    std::vector<Tracked> tracked;
    select::WarmthView view;
    std::array<float, kRegions> sent_per_s{};
    std::array<std::uint64_t, kRegions> sent_us{};
    std::uint64_t now_us = 100'000'000;
};

TEST_F(DigestBookTest, WhoWasNeverToldAnythingKnowsItsOwnStreamOnly) {
    track(1);
    sent_us[1] = now_us - 2'000'000;
    look();
    for (std::uint32_t r = 0; r < kRegions; ++r) {
        EXPECT_EQ(view.rate[r], 0);
        EXPECT_EQ(view.keep_s[r], 30);
        EXPECT_EQ(view.crowding[r], 0);
        EXPECT_EQ(view.catchment[r], 0);
    }
    EXPECT_EQ(view.idle_s[0], select::kNeverUsed_s);
    EXPECT_FLOAT_EQ(view.idle_s[1], 2);
    EXPECT_EQ(view.busy, 0u);
}

TEST_F(DigestBookTest, WhatOthersDoThereIsKnown) {
    track(1);
    tell(1, {.state = WarmState::idle, .idle_ms = 500, .rate_milli = 3000});
    tell(2, {.state = WarmState::busy, .idle_ms = 100, .rate_milli = 9000});
    sent_per_s[2] = 4;
    look();
    EXPECT_FLOAT_EQ(view.rate[1], 3);
    EXPECT_NEAR(view.rate[2], 5, 0.3) << "without ours";
    EXPECT_NEAR(view.idle_s[1], 0.5, 1e-3);
    EXPECT_EQ(view.busy, 4u);
    EXPECT_FLOAT_EQ(view.keep_s[1], 4);
    EXPECT_FLOAT_EQ(view.crowding[1], 0.25);
}

TEST_F(DigestBookTest, WhatIsOnlyOursIsNotTakenForOthers) {
    track(1);
    tell(0, {.state = WarmState::idle, .idle_ms = 0, .rate_milli = 1030});
    sent_per_s[0] = 1;
    EXPECT_EQ(look().rate[0], 0);
}

TEST_F(DigestBookTest, ItAges) {
    track(1);
    tell(1, {.state = WarmState::busy, .idle_ms = 500, .rate_milli = 4000});
    look();
    pass(2);
    book.fade(0, 0.5f);
    look();
    EXPECT_FLOAT_EQ(view.rate[1], 2);
    EXPECT_NEAR(view.idle_s[1], 2.5, 1e-3);
    EXPECT_EQ(view.busy, 2u);
    pass(4);
    look();
    EXPECT_EQ(view.busy, 0u) << "that was too long ago";
    EXPECT_EQ(view.keep_s[1], 30);
    EXPECT_EQ(view.crowding[1], 0);
    EXPECT_EQ(view.catchment[1], 0);
}

TEST_F(DigestBookTest, ColdIsColdUntilSomethingIsSent) {
    track(1);
    sent_us[1] = now_us - 1'000'000;
    tell(1, {.state = WarmState::cold, .idle_ms = 1000});
    EXPECT_EQ(look().idle_s[1], select::kNeverUsed_s) << "its worker ended early";
    pass(1);
    sent_us[1] = now_us;
    EXPECT_EQ(look().idle_s[1], 0);
}

TEST_F(DigestBookTest, AWorkerThatIsKeptForAnotherReasonIsThere) {
    track(1);
    tell(1, {.state = WarmState::idle, .idle_ms = wire::kIdleMsMax});
    pass(1);
    EXPECT_NEAR(look().idle_s[1], 1, 1e-3);
}

TEST_F(DigestBookTest, CatchmentIsAShareOfWhatAllTell) {
    track(1);
    for (std::uint32_t r = 0; r < kRegions; ++r) tell(r, {});
    look();
    for (std::uint32_t r = 0; r < kRegions; ++r) EXPECT_NEAR(view.catchment[r], 1.0 / 3, 1e-6);
    ProbeResult older;  // knows no digest
    older.longer = 1;
    book.take(2, older, now_us);
    EXPECT_EQ(look().catchment[0], 0) << "nobody knows the whole";
    EXPECT_EQ(view.keep_s[2], 30);
    EXPECT_EQ(view.keep_s[0], 4);
    pass(4);
    tell(0, {});
    pass(2);
    EXPECT_EQ(look().catchment[0], 1) << "the others don't answer at all";
}

TEST_F(DigestBookTest, ARegionsNumbersAreBounded) {
    track(1);
    ProbeResult wild = answer(ask(0), {.state = WarmState::idle, .rate_milli = ~0u});
    wild.keep_ms = ~0u;
    wild.crowding_permille = 0xffff;
    wild.catchment_milli = ~std::uint64_t{0};
    wild.entry_count = ~std::uint64_t{0};
    book.take(0, wild, now_us);
    tell(1, {});
    look();
    EXPECT_LE(view.keep_s[0], 86'401);
    EXPECT_EQ(view.crowding[0], 1);
    EXPECT_LE(view.catchment[0], 1);
    EXPECT_GE(view.catchment[0], 0.99f);
    EXPECT_EQ(book.region(0).unasked, wire::kDigestEntriesMax - 1);
}

TEST_F(DigestBookTest, OnlyWhatWasAskedForIsBelieved) {
    track(2);
    const ProbeCommand command = ask(0);
    ASSERT_EQ(command.key_count, 2u);
    ProbeResult result = answer(command, {.state = WarmState::idle, .rate_milli = 1000});
    result.entries[0].key.set(4711);
    book.take(0, result, now_us);
    EXPECT_EQ(book.region(0).unasked, 1u);
    const auto told = [&](std::uint32_t f) { return book.heard(f, 0).heard_us != 0; };
    EXPECT_EQ(told(0) + told(1), 1);
    book.take(0, answer(command, {.state = WarmState::busy}), now_us);
    EXPECT_EQ(book.region(0).unasked, 3u) << "a second answer to one probe";
}

TEST_F(DigestBookTest, AnIndexThatIsReusedKnowsNothing) {
    track(1);
    const ProbeCommand command = ask(0);
    book.reset(0);
    tracked[0].key = 4711;
    book.track(tracked, 0);
    book.take(0, answer(command, {.state = WarmState::idle, .rate_milli = 1000}), now_us);
    EXPECT_EQ(book.heard(0, 0).heard_us, 0u) << "that was about another function";
}

TEST_F(DigestBookTest, ANewServerKnowsNothing) {
    track(1);
    tell(0, {.state = WarmState::idle, .idle_ms = 10, .rate_milli = 1000});
    look();
    book.forget(0);
    look();
    EXPECT_EQ(view.rate[0], 0);
    EXPECT_EQ(view.idle_s[0], select::kNeverUsed_s);
}

TEST_F(DigestBookTest, AllFunctionsHaveTheirTurnAndThoseInUseMoreOften) {
    track(400);
    tracked[399].goes_out = false;
    book.track(tracked, 0);
    for (std::uint32_t f = 0; f < 20; ++f) book.used(f, now_us);
    std::map<std::uint64_t, int> asked;
    for (int i = 0; i < 40; ++i) {  // ten seconds
        const ProbeCommand command = ask(1);
        EXPECT_LE(command.key_count, wire::kDigestEntriesMax);
        EXPECT_EQ(command.rate_milli, 0u);
        std::set<std::uint64_t> once;
        for (std::uint32_t n = 0; n < command.key_count; ++n) {
            ++asked[command.keys[n]];
            once.insert(command.keys[n]);
        }
        EXPECT_EQ(once.size(), command.key_count);
        pass(0.25);
    }
    EXPECT_EQ(asked.size(), 399u) << "but the one that never leaves";
    for (std::uint32_t f = 0; f < 20; ++f) EXPECT_GE(asked[1000 + f], 20) << f;
    for (std::uint32_t f = 20; f < 399; ++f) EXPECT_GE(asked[1000 + f], 3) << f;
}

TEST_F(DigestBookTest, ARegionMayAnswerFewer) {
    track(10);
    EXPECT_EQ(ask(0, 4).key_count, 4u);
    EXPECT_EQ(ask(0, 0).key_count, 0u);
    EXPECT_EQ(ask(0).rate_milli, 12'500u);
}

}  // namespace
}  // namespace skerry::regions
