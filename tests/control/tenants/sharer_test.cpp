// The Sharer with the real counts: a server that is full, played in steps of a period. In each step
// some invocations end, and whoever wants a permit asks for one.
#include "control/tenants/sharer.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace skerry::tenants {
namespace {

class SharerTest : public ::testing::Test {
  protected:
    // `clients`: of each tenant, that always want to have an invocation in hand.
    void start(std::uint32_t common, const std::vector<TenantRules>& rules,
               const std::vector<std::uint32_t>& clients) {
        shared_->server.tenants = rules;
        shared_->server.common_permits = common;
        clients_ = clients;
        running_.resize(rules.size());
        taken_.resize(rules.size());
    }
    // Each invocation ends in a step with this chance: a thousandth of it.
    void run(int steps, std::uint32_t ends_permille = 300) {
        for (int i = 0; i < steps; ++i) {
            for (std::size_t t = 0; t < running_.size(); ++t) end_some(t, ends_permille);
            ask();
            std::vector<std::uint32_t> wanting;
            for (std::size_t t = 0; t < running_.size(); ++t)
                wanting.push_back(clients_[t] - std::min<std::uint32_t>(clients_[t], out(t)));
            now_us_ += Sharer::kPeriod_us;
            sharer_->step(wanting, now_us_);
        }
    }
    std::uint32_t out(std::size_t t) const {
        return static_cast<std::uint32_t>(running_[t].size());
    }
    std::uint64_t taken(std::size_t t) const { return taken_[t]; }
    void set_clients(std::size_t t, std::uint32_t clients) { clients_[t] = clients; }
    void forget() { taken_.assign(taken_.size(), 0); }

    std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
    std::unique_ptr<Sharer> sharer_ = std::make_unique<Sharer>(*shared_);

  private:
    void end_some(std::size_t t, std::uint32_t permille) {
        std::erase_if(running_[t], [&](Permit permit) {
            if (random_() % 1000 >= permille) return false;
            shared_->tenants->give_back(static_cast<std::uint32_t>(t), permit);
            return true;
        });
    }
    // In a random order, as often as there are clients: who asks more has no more luck.
    void ask() {
        std::vector<std::size_t> asking;
        for (std::size_t t = 0; t < running_.size(); ++t)
            for (std::uint32_t n = out(t); n < clients_[t]; ++n) asking.push_back(t);
        std::shuffle(asking.begin(), asking.end(), random_);
        for (const std::size_t t : asking) {
            const Permit permit = shared_->tenants->take(static_cast<std::uint32_t>(t),
                                                         shared_->server.tenants[t].reserved,
                                                         shared_->server.common_permits);
            if (permit == Permit::none) continue;
            running_[t].push_back(permit);
            ++taken_[t];
        }
    }

    std::vector<std::uint32_t> clients_;
    std::vector<std::vector<Permit>> running_;
    std::vector<std::uint64_t> taken_;
    std::mt19937 random_{7};
    std::uint64_t now_us_ = 1'000'000;
};

TEST_F(SharerTest, OneAloneGetsAll) {
    start(8, {{.name = "default"}, {.name = "a"}}, {0, 20});
    run(10);
    EXPECT_EQ(out(1), 8u);
    EXPECT_EQ(sharer_->may_use(1), 8u);
    EXPECT_TRUE(sharer_->full(1));
    EXPECT_EQ(sharer_->share(1), 4);
}

TEST_F(SharerTest, SharesAreByWeightUnderSaturation) {
    start(8, {{.name = "a", .weight = 1}, {.name = "b", .weight = 3}}, {40, 40});
    run(50);
    forget();
    run(2000);
    const double all = static_cast<double>(taken(0) + taken(1));
    EXPECT_NEAR(static_cast<double>(taken(1)) / all, 0.75, 0.02);
}

TEST_F(SharerTest, SharesThatAreNoWholeNumbersAreRightOverTime) {
    start(5, {{.name = "a", .weight = 1}, {.name = "b", .weight = 1}, {.name = "c", .weight = 1}},
          {30, 30, 30});
    run(50);
    forget();
    run(4000);
    const double all = static_cast<double>(taken(0) + taken(1) + taken(2));
    for (std::size_t t = 0; t < 3; ++t)
        EXPECT_NEAR(static_cast<double>(taken(t)) / all, 1.0 / 3, 0.02) << t;
}

TEST_F(SharerTest, NobodyStarvesHoweverSmallItsWeight) {
    start(4, {{.name = "small", .weight = 1}, {.name = "large", .weight = 1000}}, {5, 500});
    run(5000);
    EXPECT_GT(taken(0), 0u);
    EXPECT_LT(taken(0) * 100, taken(1));
}

TEST_F(SharerTest, AnAttackerDoesNotMoveTheOtherBelowItsShare) {
    start(8, {{.name = "victim"}, {.name = "attacker"}}, {4, 4});
    run(50);
    forget();
    run(1000);
    const std::uint64_t before = taken(0);
    set_clients(1, 400);
    run(50);
    forget();
    run(1000);
    EXPECT_GE(taken(0), before * 95 / 100);
}

TEST_F(SharerTest, WhatIsNotUsedIsLentAndComesBack) {
    start(8, {{.name = "a", .weight = 1}, {.name = "b", .weight = 3}}, {40, 40});
    run(50);
    EXPECT_LE(out(0), 3u);
    set_clients(1, 0);
    run(static_cast<int>(2 * Sharer::kHold_us / Sharer::kPeriod_us));
    EXPECT_EQ(out(0), 8u);  // work conserving: all of it
    set_clients(1, 40);
    run(30);
    EXPECT_GE(out(1), 5u);
}

// A tenant that wants less than its share gets it while the others want all they can get.
TEST_F(SharerTest, WhoWantsLittleGetsItAndTheRestIsUsed) {
    start(8, {{.name = "a"}, {.name = "b"}}, {2, 100});
    run(50);
    std::uint64_t together = 0, of_a = 0;
    constexpr int kLooks = 300;
    for (int i = 0; i < kLooks; ++i) {
        run(1, 200);
        together += out(0) + out(1);
        of_a += out(0);
    }
    EXPECT_GE(together, kLooks * 8u * 95 / 100);
    EXPECT_GE(of_a, kLooks * 2u * 80 / 100);
}

TEST_F(SharerTest, WhatIsReservedIsThereAtOnceWhateverOthersDo) {
    start(6, {{.name = "a", .weight = 1}, {.name = "b", .weight = 1, .reserved = 2}}, {100, 0});
    run(100, 0);
    EXPECT_EQ(out(0), 6u);  // never what is reserved
    EXPECT_EQ(shared_->tenants->take(1, 2, 6), Permit::own);
    EXPECT_EQ(shared_->tenants->take(1, 2, 6), Permit::own);
    EXPECT_EQ(shared_->tenants->take(1, 2, 6), Permit::none);
    EXPECT_EQ(sharer_->share(1), 5);
}

TEST_F(SharerTest, WithoutTenantsThereIsNothingToDo) {
    sharer_->step({}, 1);
    EXPECT_FALSE(sharer_->due(~std::uint64_t{0} - 1));
}

}  // namespace
}  // namespace skerry::tenants
