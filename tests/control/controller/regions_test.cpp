// How regions come to have what the POP's catalog says, whatever went wrong before.
#include "control/catalog/sqlite.hpp"
#include "tests/control/controller/rig.hpp"

namespace skerry::control {
namespace {

using Names = std::vector<std::string>;

class Regions : public ControllerTest {
  protected:
    void SetUp() override {
        ControllerTest::SetUp();
        if (IsSkipped()) return;
        add_region("north");
        add_region("south");
    }
    admin::ApiResult<admin::DeployOutcome> deploy_to(const Names& names, const std::string& name,
                                                     const std::string& archive) {
        admin::DeployRequest made = request(name);
        made.policy.regions = names;
        return controller_->deploy(made, archive);
    }
    PlayedRegion& north() { return *regions_[0]; }
    PlayedRegion& south() { return *regions_[1]; }
    static std::string digest(const std::string& salt) {
        return catalog::sha256_hex(echo_archive(salt));
    }
    // As the packet path finds it.
    std::uint64_t barred(const std::string& name) {
        rte_rcu_qsbr_thread_online(shared_->qsbr, 0);
        const Target* target = shared_->snapshot.load()->find(catalog::function_key(name), 0);
        const std::uint64_t found = target == nullptr ? 0 : target->barred;
        rte_rcu_qsbr_thread_offline(shared_->qsbr, 0);
        return found;
    }
    // Something else was deployed: the replicators look.
    void look() { ASSERT_TRUE(deploy("look", echo_archive("look")).ok); }
    // On the disk.
    std::size_t tombstones() {
        sqlite3* opened = nullptr;
        EXPECT_EQ(sqlite3_open((state() + "/catalog.db").c_str(), &opened), SQLITE_OK);
        const catalog::sqlite::Connection database(opened);
        return catalog::sqlite::number_of(opened, "SELECT count(DISTINCT name) FROM tombstones")
            .value();
    }
};

TEST_F(Regions, TwoFunctionsWithTheSameBytesGoTheirOwnWays) {
    open();
    const std::string same = echo_archive("same");
    ASSERT_TRUE(deploy_to({"north"}, "a", same).ok);
    EXPECT_EQ(held_by("a"), Names{"north"});
    south().stop();
    const auto outcome = deploy_to({"south"}, "b", same);
    ASSERT_TRUE(outcome.ok);
    EXPECT_FALSE(outcome.value.regions[0].ok);
    EXPECT_EQ(held_by("b"), Names{}) << "of a, north has the very bytes";
    south().start();
    EXPECT_TRUE(eventually([&] { return south().current("b") == digest("same"); }));
    EXPECT_TRUE(eventually([&] { return held_by("b") == Names{"south"}; }));
    EXPECT_EQ(south().current("a"), "");
    // Another POP brings it there. That is not where this one's policy sends requests.
    (void)south().backend.deploy(request("a"), same);
    look();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(held_by("a"), Names{"north"});
}

// A tag stands for every region that has it; where the function must not go, the packet path is
// told so whatever is held there.
TEST_F(Regions, ATagConfinesAsANameDoes) {
    config_.regions[1].tags = {"eu", "green"};
    config_.selection.rules = {{.functions = {"pinned"}, .pin = {"north"}, .deny = {}}};
    open();
    ASSERT_TRUE(deploy_to({"eu"}, "resident", echo_archive("1")).ok);
    EXPECT_EQ(held_by("resident"), Names{"south"});
    EXPECT_EQ(north().current("resident"), "");
    EXPECT_EQ(barred("resident") & 3, 1u);
    ASSERT_TRUE(deploy("pinned", echo_archive("2")).ok);
    EXPECT_EQ(held_by("pinned"), (Names{"north", "south"}));
    EXPECT_EQ(barred("pinned") & 3, 2u);
    ASSERT_TRUE(deploy("free", echo_archive("3")).ok);
    EXPECT_EQ(barred("free"), 0u);
    const auto refused = deploy_to({"mars"}, "lost", echo_archive("4"));
    ASSERT_FALSE(refused.ok);
    EXPECT_EQ(refused.error.code, "no-such-region");
    const auto explained = controller_->explain("pinned");
    ASSERT_TRUE(explained.ok);
    EXPECT_EQ(explained.value.policy, "skerry");
    ASSERT_EQ(explained.value.candidates.size(), 2u);
    EXPECT_EQ(explained.value.candidates[0].region, "north");
    EXPECT_EQ(explained.value.candidates[1].candidate.eligibility, Eligibility::barred);
}

TEST_F(Regions, LimitsPolicyAndRuntimeConvergeToo) {
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    north().stop();
    admin::DeployRequest changed = request("f");
    changed.limits.timeout_ms = 1234;
    changed.policy.retry = RetryPolicy::never;
    changed.limits.cpu_percent = 50;
    changed.runtime.environment = std::string("A=1\0", 4);
    ASSERT_TRUE(controller_->deploy(changed, echo_archive("1")).ok);
    const auto there = [&] {
        const auto view = north().backend.function("f");
        return view.value.function.limits == changed.limits &&
               view.value.function.policy == changed.policy &&
               view.value.function.build_of(view.value.function.current).runtime == changed.runtime;
    };
    EXPECT_FALSE(there());
    north().start();
    EXPECT_TRUE(eventually(there));
}

TEST_F(Regions, AnOlderVersionThatIsCurrentAgainIsCurrentEverywhere) {
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    ASSERT_TRUE(deploy("f", echo_archive("2")).ok);
    north().stop();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    EXPECT_EQ(north().current("f"), digest("2"));
    north().start();
    EXPECT_TRUE(eventually([&] { return north().current("f") == digest("1"); }));
}

TEST_F(Regions, AfterAFailedDeployTheyAreAsBefore) {
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    ASSERT_TRUE(deploy_to({"north"}, "narrow", echo_archive("1")).ok);
    ASSERT_TRUE(eventually([&] { return held_by("narrow") == Names{"north"}; }));
    look();  // so that it is known what each of them has
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    break_catalog();
    EXPECT_EQ(deploy("f", echo_archive("2")).error.code, "catalog");
    EXPECT_EQ(deploy("new", echo_archive("2")).error.code, "catalog");
    EXPECT_EQ(deploy("narrow", echo_archive("2")).error.code, "catalog");
    EXPECT_TRUE(eventually([&] {
        return north().current("f") == digest("1") && south().current("f") == digest("1");
    }));
    EXPECT_TRUE(eventually([&] {
        return north().current("new").empty() && south().current("new").empty();
    })) << "though the tombstone can't be written";
    EXPECT_TRUE(eventually([&] {
        return north().current("narrow") == digest("1") && south().current("narrow").empty();
    }));
    mend_catalog();
    EXPECT_EQ(deploy("f", broken_archive("3")).error.code, "start-failed");
    EXPECT_TRUE(eventually([&] {
        return north().current("f") == digest("1") && south().current("f") == digest("1");
    }));
}

// Until the switch the regions are ahead of the catalog: who compares must not bring them back.
TEST_F(Regions, NothingIsComparedWithAFunctionThatIsBeingDeployed) {
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    admin::DeployRequest old = request("f");
    old.digest = digest("1");
    EXPECT_TRUE(controller_->wants(0, old));
    south().backend.slow = true;
    std::thread deploying([&] { EXPECT_TRUE(deploy("f", echo_archive("2")).ok); });
    EXPECT_TRUE(eventually([&] { return north().current("f") == digest("2"); }));
    EXPECT_EQ(controller_->function("f").value.function.current, digest("1"));
    EXPECT_TRUE(controller_->on_held(0, north().backend.held()).push.empty());
    EXPECT_FALSE(controller_->wants(0, old)) << "decided before, and asked again";
    south().backend.slow = false;
    deploying.join();
    EXPECT_EQ(north().current("f"), digest("2"));
    EXPECT_FALSE(controller_->wants(0, old));
    // Another POP, or somebody at the region: it comes back.
    (void)north().backend.deploy(request("f"), "theirs");
    EXPECT_EQ(controller_->on_held(0, north().backend.held()).push.size(), 1u);
}

TEST_F(Regions, ADeleteReachesARegionThatWasDown) {
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    ASSERT_TRUE(deploy("again", echo_archive("1")).ok);
    south().stop();
    const auto erased = controller_->erase("f");
    ASSERT_TRUE(erased.ok);
    ASSERT_EQ(erased.value.regions.size(), 2u);
    EXPECT_TRUE(erased.value.regions[0].ok);
    EXPECT_EQ(erased.value.regions[1].name, "south");
    EXPECT_FALSE(erased.value.regions[1].ok);
    EXPECT_NE(erased.value.regions[1].error, "");
    EXPECT_EQ(north().current("f"), "");
    ASSERT_TRUE(controller_->erase("again").ok);
    EXPECT_EQ(tombstones(), 2u);
    close();  // it is remembered
    open();
    ASSERT_TRUE(deploy("again", echo_archive("2")).ok) << "and then it is wanted again";
    EXPECT_EQ(tombstones(), 1u);
    south().start();
    EXPECT_TRUE(eventually([&] { return south().current("f").empty(); }));
    EXPECT_TRUE(eventually([&] { return tombstones() == 0; }));
    EXPECT_TRUE(eventually([&] { return south().current("again") == digest("2"); }));
}

TEST_F(Regions, WhatAnotherPopHasThereStays) {
    (void)north().backend.deploy(request("theirs"), "bytes");
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    ASSERT_TRUE(controller_->erase("f").ok);
    look();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_NE(north().current("theirs"), "");
}

TEST_F(Regions, FewerRegionsMeansThatTheOthersForget) {
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    south().stop();
    ASSERT_TRUE(deploy_to({"north"}, "f", echo_archive("2")).ok);
    EXPECT_EQ(tombstones(), 1u);
    EXPECT_EQ(held_by("f"), Names{"north"});
    south().start();
    EXPECT_TRUE(eventually([&] { return south().current("f").empty(); }));
    EXPECT_TRUE(eventually([&] { return tombstones() == 0; }));
    EXPECT_EQ(north().current("f"), digest("2"));
}

TEST_F(Regions, ARegionThatLeftTheConfigurationIsNotWaitedFor) {
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    south().stop();
    ASSERT_TRUE(controller_->erase("f").ok);
    EXPECT_EQ(tombstones(), 1u);
    close();
    config_.regions.pop_back();
    open();
    EXPECT_EQ(tombstones(), 0u);
}

}  // namespace
}  // namespace skerry::control
