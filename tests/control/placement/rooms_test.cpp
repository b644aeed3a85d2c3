// Tenants in the pool: whose workers make room for whose, and who starts none.
#include "tests/control/placement/rig.hpp"

namespace skerry::placement {
namespace {

constexpr std::uint64_t kLongIdle_us = 1'000'000;

class Rooms : public PoolTest {
  protected:
    // A pool that is full of workers of tenant 1, all idle for long.
    void fill(std::uint32_t places) {
        pool_.reset();
        make_pool(places);
        rich_ = open(1, 8, "rich");
        poor_ = open(1, 8, "poor");
        pool_->set_tenant(rich_, 1);
        pool_->set_tenant(poor_, 2);
        for (std::uint32_t i = 0; i < places; ++i) ready_worker(rich_);
        pool_->set_target(rich_, 0, true);
        step(kLongIdle_us);
        ASSERT_EQ(pool_->workers_of(1), places);
    }
    std::uint32_t rich_ = 0, poor_ = 0;
};

TEST_F(Rooms, ATenantsOwnPlacesAreNotForOthers) {
    fill(4);
    pool_->set_room(1, {.places = 4});
    table(poor_).wanted = 2;
    step();
    take_orders();
    EXPECT_TRUE(killed_.empty());
    EXPECT_TRUE(pool_->unplaced(poor_)) << "who shares the places out is told";
    EXPECT_FALSE(pool_->unplaced(rich_));
}

TEST_F(Rooms, WhatIsLentComesBackOneByOne) {
    fill(4);
    pool_->set_room(1, {.places = 2});
    table(poor_).wanted = 4;
    for (int i = 0; i < 4; ++i) {
        step();
        take_orders();
        if (i < 2) {
            ASSERT_EQ(killed_.size(), static_cast<std::size_t>(i) + 1);
            exited(killed_.back(), 9);
        }
        step();
        take_orders();
    }
    EXPECT_EQ(killed_.size(), 2u);
    EXPECT_EQ(pool_->workers_of(1), 2u);
    EXPECT_EQ(pool_->workers_of(2), 2u);
}

TEST_F(Rooms, WhatIsKeptWarmBeyondItsTenantsPlacesIsLentToo) {
    fill(4);
    pool_->set_target(rich_, 4, true);
    pool_->set_room(1, {.places = 3});
    pool_->set_room(2, {.places = 1});
    table(poor_).wanted = 4;
    step();
    take_orders();
    ASSERT_EQ(killed_.size(), 1u);
    exited(killed_.back(), 9);
    step();
    take_orders();
    step();
    take_orders();
    EXPECT_EQ(killed_.size(), 1u) << "the other three are its own";
    EXPECT_EQ(pool_->workers_of(1), 3u);
}

TEST_F(Rooms, WithoutTenantsTheOneIdleLongestMakesRoom) {
    fill(2);
    pool_->set_tenant(rich_, 0);
    pool_->set_tenant(poor_, 0);
    table(poor_).wanted = 1;
    step();
    take_orders();
    EXPECT_EQ(killed_.size(), 1u);
}

TEST_F(Rooms, WhoHasAllItMayStartsNoMoreForThoseWhoWait) {
    pool_.reset();
    make_pool(8);
    const auto entry = open(1, 8);
    pool_->set_tenant(entry, 3);
    pool_->set_room(3, {.places = 8, .full = true});
    table(entry).wanted = 5;
    step();
    EXPECT_EQ(take_orders(), 0u);
    pool_->set_room(3, {.places = 8, .full = false});
    step();
    EXPECT_EQ(take_orders(), 5u);
}

}  // namespace
}  // namespace skerry::placement
