// Tenants: limits, permits to execute here, and what becomes of who gets none.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/forwarding.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

// Function 0 belongs to tenant 0, and function 1 (the key below) to tenant 1; two workers of four
// slots each.
constexpr std::uint64_t kSecondKey = 0x2222;

class TenantsInTheLoop : public Forward {
  protected:
    void SetUp() override {
        Forward::SetUp();
        targets[0].entry = 0;
        targets[0].holders = 0;
        Target second = targets[0];
        second.function_key = kSecondKey;
        second.entry = second.function = 1;
        targets.push_back(second);
        extras.tenants = {0, 1};
        region_count = 1;
        info.tenants = {{.name = "default", .queue_limit = 16, .pending_limit = 64},
                        {.name = "second", .queue_limit = 16, .pending_limit = 64}};
        info.common_permits = 4;
    }
    void begin() {
        start();
        first_.emplace(shared, 0, 4, 0);
        second_.emplace(shared, 1, 4, 1);
    }
    void ask(std::uint64_t key, int times = 1) {
        for (int i = 0; i < times; ++i) {
            wire::Header header = request_header(shared, client(), ++id_);
            header.function_key.set(key);
            header.deadline_us.set(5'000'000);
            send(client(), header, "x");
        }
        turn();
    }
    void first(int times = 1) { ask(kFunctionKey, times); }
    void second(int times = 1) { ask(kSecondKey, times); }
    std::uint64_t free_slots(std::uint32_t entry) const {
        return shared.capacity->entries[entry].free_slots.load();
    }
    std::uint32_t executing(std::uint32_t tenant) const {
        const TenantLine& line = shared.tenants->line(tenant);
        return line.own.count.load() + line.common.count.load();
    }
    std::uint32_t in_hand(std::uint32_t tenant) const {
        return shared.tenants->line(tenant).in_hand.count.load();
    }
    const TenantCounters& counted(std::uint32_t tenant) const {
        return shared.counters[0]->tenants[tenant];
    }
    static void answer_all(PlayedWorker& worker, std::uint64_t slots) {
        for (std::uint32_t slot = 0; slots != 0; ++slot, slots >>= 1)
            if (slots & 1) worker.respond(slot, "done");
    }
    void TearDown() override {
        // All that is in hand is answered, and then nothing is left counted.
        if (first_ && second_) {
            answer_all(*first_, ~free_slots(0) & 15);
            answer_all(*second_, ~free_slots(1) >> 4 & 15);
            turn_until([&] {
                answer_all(*first_, first_->take());
                answer_all(*second_, second_->take());
                return executing(0) + executing(1) + shared.counters[0]->waiting.get() == 0;
            });
            EXPECT_EQ(shared.tenants->common(), 0u);
        }
        Forward::TearDown();
    }

    std::optional<PlayedWorker> first_, second_;
    std::uint64_t id_ = 0;
};

TEST_F(TenantsInTheLoop, WaitForAPermitAsForASlot) {
    begin();
    shared.tenants->set_cap(0, 2);
    first(4);
    EXPECT_EQ(first_->take(), 3u);  // a cap of two
    EXPECT_EQ(executing(0), 2u);
    EXPECT_EQ(in_hand(0), 4u);
    EXPECT_EQ(free_slots(0), 12u);
    second(3);
    EXPECT_EQ(second_->take(), 3u);  // two are left
    EXPECT_EQ(shared.tenants->common(), 4u);
    // What comes free is not for who has as much as he may.
    shared.tenants->set_cap(0, 1);
    first_->respond(0, "done");
    turn();
    EXPECT_EQ(first_->take(), 0u);
    EXPECT_EQ(second_->take(), 4u);
    EXPECT_EQ(executing(1), 3u);
    // And a cap that is lifted is seen in the next turn.
    second_->respond(0, "done");
    turn();
    EXPECT_EQ(first_->take(), 0u);
    shared.tenants->set_cap(0, 4);
    turn();
    EXPECT_EQ(first_->take(), 1u);
    EXPECT_EQ(counted(0).executed.get(), 3u);
    EXPECT_EQ(counted(1).executed.get(), 3u);
    EXPECT_EQ(counted(0).spilled.get(), 0u);
}

TEST_F(TenantsInTheLoop, WhatIsReservedIsKeptFree) {
    info.tenants[1].reserved = 2;
    info.common_permits = 2;
    begin();
    first(4);
    EXPECT_EQ(first_->take(), 3u);
    second(3);
    EXPECT_EQ(second_->take(), 3u);
    EXPECT_EQ(executing(1), 2u);
    EXPECT_EQ(shared.tenants->line(1).own.count.load(), 2u);
}

TEST_F(TenantsInTheLoop, OverItsLimitItIsRefused) {
    info.tenants[0].limit = 3;
    begin();
    first(5);
    EXPECT_EQ(first_->take(), 7u);
    EXPECT_EQ(count(Reason::refused_tenant_limit), 2u);
    EXPECT_EQ(counted(0).over_limit.get(), 2u);
    EXPECT_EQ(in_hand(0), 3u);
    EXPECT_EQ(free_slots(0), 8u);
    EXPECT_EQ(shared.tenants->common(), 3u);
    while (!sent.empty()) EXPECT_EQ(next().status(), ReplyStatus::overloaded);
    first_->respond(1, "done");
    turn();
    first();
    EXPECT_EQ(first_->take(), 2u);
    second();
    EXPECT_EQ(second_->take(), 1u);  // the other has none
}

TEST_F(TenantsInTheLoop, WhoGetsNoPermitGoesToARegionThatHasTheFunction) {
    targets[0].holders = 1;
    begin();
    set_region(0, 1000);
    shared.tenants->set_cap(0, 1);
    first(3);
    EXPECT_EQ(first_->take(), 1u);
    EXPECT_EQ(counted(0).spilled.get(), 2u);
    EXPECT_EQ(shared.tenants->line(0).away.load(), 2u);
    EXPECT_EQ(in_hand(0), 3u);
    EXPECT_EQ(core->context().forwarded_of[0], 2u);
    const auto request = wait_for(0);
    ASSERT_TRUE(request);
    answer(0, *request, wire::Kind::reply, ReplyStatus::ok, "far");
    EXPECT_EQ(shared.tenants->line(0).away.load(), 1u);
    // Refused there, it is executed here if there is a permit by then.
    shared.tenants->set_cap(0, 4);
    const auto other = wait_for(0);
    ASSERT_TRUE(other);
    answer(0, *other, wire::Kind::reply, ReplyStatus::overloaded);
    EXPECT_EQ(first_->take(), 2u);
    EXPECT_EQ(shared.tenants->line(0).away.load(), 0u);
    EXPECT_EQ(core->context().forwarded_of[0], 0u);
}

TEST_F(TenantsInTheLoop, NoTenantFillsTheTableOfForwardedRequests) {
    targets[0].holders = targets[1].holders = 1;
    info.tenants[0].pending_limit = 2;
    begin();
    set_region(0, 1000);
    shared.tenants->set_cap(0, 0);
    shared.tenants->set_cap(1, 0);
    first(3);
    EXPECT_EQ(count(Reason::refused_pending_full), 1u);
    second(3);
    EXPECT_EQ(count(Reason::refused_pending_full), 1u);
    EXPECT_EQ(core->context().forwarded_of[1], 3u);
    // All of them come back.
    for (int i = 0; i < 5; ++i) {
        const auto request = wait_for(0);
        ASSERT_TRUE(request);
        answer(0, *request, wire::Kind::reply, ReplyStatus::ok, "far");
    }
}

TEST_F(TenantsInTheLoop, NoTenantFillsTheQueue) {
    info.tenants[0].queue_limit = 2;
    begin();
    shared.tenants->set_cap(0, 0);
    shared.tenants->set_cap(1, 0);
    first(4);
    EXPECT_EQ(count(Reason::refused_tenant_share), 2u);
    EXPECT_EQ(counted(0).over_share.get(), 2u);
    second(4);
    EXPECT_EQ(count(Reason::refused_tenant_share), 2u);
    EXPECT_EQ(in_hand(1), 4u);
    shared.tenants->set_cap(0, 4);
    shared.tenants->set_cap(1, 4);
}

TEST_F(TenantsInTheLoop, WithoutTenantsNothingIsCounted) {
    info.tenants.clear();
    info.common_permits = 0;
    begin();
    first(4);
    EXPECT_EQ(first_->take(), 15u);
    EXPECT_EQ(in_hand(0), 0u);
    EXPECT_EQ(executing(0), 0u);
    answer_all(*first_, 15);
    turn();
}

}  // namespace
}  // namespace skerry::test
