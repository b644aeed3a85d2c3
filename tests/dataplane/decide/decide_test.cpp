// decide() as a table: every combination that leads to another answer, one row each.
#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <vector>

#include "tests/dataplane/decide/field.hpp"

namespace skerry {
namespace {

constexpr std::uint32_t kDeadlineUs = 100'000;

// What a row says about the function, this server and its regions. Regions: each costs `cost`, and
// is eligible unless a row says otherwise.
struct Row {
    const char* name;
    bool pop;
    Place place;
    bool has_entry;
    bool slot_free;
    bool may_queue;
    std::vector<std::uint32_t> regions;  // rtt_us; 0: not fresh
    std::uint64_t tried;
    Verdict verdict;
    std::uint8_t region;
    Reason reason;
};
std::ostream& operator<<(std::ostream& out, const Row& row) {
    return out << row.name;
}

Decision decide_row(const Row& row, bool draining = false,
                    std::uint32_t deadline_us = kDeadlineUs) {
    Target target;
    target.function_key = 1;
    target.entry = row.has_entry ? 5 : kNoEntry;
    target.place = row.place;
    target.holders = ~std::uint64_t{0};
    LocalView local;
    local.slot_free = row.slot_free;
    local.may_queue = row.may_queue;
    local.is_pop = row.pop;
    local.draining = draining;
    std::vector<RegionView> views;
    for (const std::uint32_t rtt_us : row.regions) {
        RegionView view;
        view.rtt_us = static_cast<std::int32_t>(rtt_us);
        view.fresh = rtt_us != 0;
        views.push_back(view);
    }
    Request request;
    request.deadline_us = deadline_us;
    request.tried = row.tried;
    return decide(target, local, Regions(views).field(), request);
}

constexpr bool kPop = true, kRegion = false;
constexpr bool kHere = true, kNotHere = false;
constexpr bool kFree = true, kBusy = false;
constexpr bool kRoom = true, kNoRoom = false;
constexpr Reason kLocal = Reason::served_local;
constexpr Reason kServedRegion = Reason::served_region;
constexpr Reason kNoCapacity = Reason::refused_no_capacity;
constexpr Reason kNoRegion = Reason::refused_no_region;
constexpr auto kAuto = Place::automatic;

const Row kRows[] = {
    // A POP, function may run anywhere.
    {"pop_free_slot", kPop, kAuto, kHere, kFree, kRoom, {10, 20}, 0, Verdict::local, 0, kLocal},
    {"pop_free_slot_no_region", kPop, kAuto, kHere, kFree, kRoom, {}, 0, Verdict::local, 0, kLocal},
    {"pop_busy", kPop, kAuto, kHere, kBusy, kRoom, {30, 20}, 0, Verdict::forward, 1, kServedRegion},
    {"pop_busy_tie",
     kPop,
     kAuto,
     kHere,
     kBusy,
     kRoom,
     {20, 20},
     0,
     Verdict::forward,
     0,
     kServedRegion},
    {"pop_busy_no_region", kPop, kAuto, kHere, kBusy, kRoom, {}, 0, Verdict::queue, 0, kLocal},
    {"pop_busy_stale", kPop, kAuto, kHere, kBusy, kRoom, {0, 0}, 0, Verdict::queue, 0, kLocal},
    {"pop_full", kPop, kAuto, kHere, kBusy, kNoRoom, {}, 0, Verdict::refuse, 0, kNoCapacity},
    {"pop_cannot_run",
     kPop,
     kAuto,
     kNotHere,
     kBusy,
     kNoRoom,
     {9},
     0,
     Verdict::forward,
     0,
     kServedRegion},
    {"pop_cannot_run_no_region",
     kPop,
     kAuto,
     kNotHere,
     kBusy,
     kNoRoom,
     {},
     0,
     Verdict::refuse,
     0,
     kNoRegion},
    // What is said about a slot or the queue counts only if the function may run here at all.
    {"pop_cannot_run_says_free",
     kPop,
     kAuto,
     kNotHere,
     kFree,
     kRoom,
     {},
     0,
     Verdict::refuse,
     0,
     kNoRegion},
    // Only at the POP.
    {"only_pop_free", kPop, Place::pop, kHere, kFree, kRoom, {10}, 0, Verdict::local, 0, kLocal},
    {"only_pop_busy", kPop, Place::pop, kHere, kBusy, kRoom, {10}, 0, Verdict::queue, 0, kLocal},
    {"only_pop_full",
     kPop,
     Place::pop,
     kHere,
     kBusy,
     kNoRoom,
     {10},
     0,
     Verdict::refuse,
     0,
     kNoCapacity},
    {"only_pop_cannot_run",
     kPop,
     Place::pop,
     kNotHere,
     kBusy,
     kNoRoom,
     {10},
     0,
     Verdict::refuse,
     0,
     kNoCapacity},
    // Never at a POP.
    {"only_region",
     kPop,
     Place::region,
     kHere,
     kFree,
     kRoom,
     {10},
     0,
     Verdict::forward,
     0,
     kServedRegion},
    {"only_region_none",
     kPop,
     Place::region,
     kHere,
     kFree,
     kRoom,
     {},
     0,
     Verdict::refuse,
     0,
     kNoRegion},
    {"only_region_stale",
     kPop,
     Place::region,
     kHere,
     kFree,
     kRoom,
     {0},
     0,
     Verdict::refuse,
     0,
     kNoRegion},
    // After a region refused or fell silent.
    {"second_region",
     kPop,
     kAuto,
     kHere,
     kBusy,
     kRoom,
     {10, 20},
     1,
     Verdict::forward,
     1,
     kServedRegion},
    {"all_tried_may_queue",
     kPop,
     kAuto,
     kHere,
     kBusy,
     kRoom,
     {10, 20},
     3,
     Verdict::queue,
     0,
     kLocal},
    {"all_tried_full",
     kPop,
     kAuto,
     kHere,
     kBusy,
     kNoRoom,
     {10, 20},
     3,
     Verdict::refuse,
     0,
     kNoCapacity},
    {"all_tried_only_region",
     kPop,
     Place::region,
     kHere,
     kBusy,
     kRoom,
     {10},
     1,
     Verdict::refuse,
     0,
     kNoCapacity},
    {"all_tried_slot_came_free",
     kPop,
     kAuto,
     kHere,
     kFree,
     kRoom,
     {10},
     1,
     Verdict::local,
     0,
     kLocal},
    // A region never forwards, whatever the function prefers.
    {"region_free", kRegion, kAuto, kHere, kFree, kRoom, {10}, 0, Verdict::local, 0, kLocal},
    {"region_free_place_region",
     kRegion,
     Place::region,
     kHere,
     kFree,
     kRoom,
     {},
     0,
     Verdict::local,
     0,
     kLocal},
    {"region_busy",
     kRegion,
     Place::region,
     kHere,
     kBusy,
     kRoom,
     {10},
     0,
     Verdict::queue,
     0,
     kLocal},
    {"region_full",
     kRegion,
     kAuto,
     kHere,
     kBusy,
     kNoRoom,
     {10},
     0,
     Verdict::refuse,
     0,
     kNoCapacity},
    {"region_cannot_run",
     kRegion,
     kAuto,
     kNotHere,
     kFree,
     kRoom,
     {10},
     0,
     Verdict::refuse,
     0,
     kNoCapacity},
};

class DecideTable : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Rows, DecideTable, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(DecideTable, Decides) {
    const Decision decision = decide_row(GetParam());
    EXPECT_EQ(decision.verdict, GetParam().verdict);
    EXPECT_EQ(decision.region, GetParam().region);
    EXPECT_EQ(decision.reason, GetParam().reason) << info(decision.reason).name;
}

TEST_P(DecideTable, DrainingRefusesAll) {
    const Decision decision = decide_row(GetParam(), true);
    EXPECT_EQ(decision.verdict, Verdict::refuse);
    EXPECT_EQ(decision.reason, Reason::refused_draining);
}

TEST_P(DecideTable, NoTimeLeftRefusesAll) {
    const Decision decision = decide_row(GetParam(), false, 0);
    EXPECT_EQ(decision.verdict, Verdict::refuse);
    EXPECT_EQ(decision.reason, Reason::refused_deadline);
}

// The same input, the same answer: nothing is remembered between calls.
TEST_P(DecideTable, IsPure) {
    const Decision first = decide_row(GetParam());
    for (int i = 0; i < 3; ++i) {
        const Decision again = decide_row(GetParam());
        EXPECT_EQ(again.verdict, first.verdict);
        EXPECT_EQ(again.region, first.region);
    }
}

// A trunk may be up again soon: that is another answer than "too large for ever".
TEST(Decide, WhatOnlyATrunkCarriesIsNotTooLargeWhenThereAreTrunks) {
    Target target;
    target.function_key = 1;
    target.place = Place::region;
    target.holders = 1;
    LocalView local;
    local.is_pop = true;
    const Regions regions(std::vector<RegionView>{{.rtt_us = 10}});
    Request request;
    request.deadline_us = kDeadlineUs;
    request.payload_bytes = 5000;
    EXPECT_EQ(decide(target, local, regions.field(), request).reason, Reason::refused_too_large);
    local.trunk_payload_bytes = 8 << 20;
    EXPECT_EQ(decide(target, local, regions.field(), request).reason, Reason::refused_no_region);
    request.payload_bytes = 9 << 20;
    EXPECT_EQ(decide(target, local, regions.field(), request).reason, Reason::refused_too_large);
    request.payload_bytes = 1360;
    EXPECT_EQ(decide(target, local, regions.field(), request).verdict, Verdict::forward);
}

// What is configured for "nobody can have it now", for a function that may run here.
TEST(Decide, WhereNoRegionIsLeftItWaitsOrIsRefusedAsConfigured) {
    Target target;
    target.function_key = 1;
    target.entry = 3;
    target.holders = 1;
    LocalView local;
    local.is_pop = true;
    local.may_queue = true;
    const Regions dead(std::vector<RegionView>{{.fresh = false}});
    Request request;
    request.deadline_us = kDeadlineUs;
    Decision decision = decide(target, local, dead.field(), request);
    EXPECT_EQ(decision.verdict, Verdict::queue);
    EXPECT_TRUE(decision.no_region);
    local.no_region = NoRegion::refuse;
    decision = decide(target, local, dead.field(), request);
    EXPECT_EQ(decision.verdict, Verdict::refuse);
    EXPECT_EQ(decision.reason, Reason::refused_no_region);
    // A function that no region may have waits here whatever is configured.
    target.place = Place::pop;
    decision = decide(target, local, dead.field(), request);
    EXPECT_EQ(decision.verdict, Verdict::queue);
    EXPECT_FALSE(decision.no_region);
}

}  // namespace
}  // namespace skerry
