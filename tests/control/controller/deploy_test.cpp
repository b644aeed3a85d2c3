// Deploys and deletes: who waits for whom, what remains of them.
#include <sys/resource.h>

#include <fstream>

#include "control/catalog/sweep.hpp"
#include "tests/control/controller/rig.hpp"

namespace skerry::control {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

using Deploys = ControllerTest;

TEST_F(Deploys, ASlowDiskKeepsNobodyWaiting) {
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    fsync_ms = 700;
    std::atomic<bool> done = false;
    std::thread eraser([&] {
        EXPECT_TRUE(controller_->erase("f").ok);
        done = true;
    });
    int looks = 0;
    double longest = 0;
    while (!done) {
        const auto begin = Clock::now();
        (void)controller_->status();
        longest = std::max(longest, seconds_since(begin));
        ++looks;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    eraser.join();
    EXPECT_LT(longest, 0.5);
    EXPECT_GT(looks, 50);
}

TEST_F(Deploys, WhoComesTooLateIsToldThatItIsBusy) {
    add_region("north");
    open();
    regions_[0]->backend.slow = true;
    std::vector<std::thread> threads;
    std::atomic<int> good = 0, busy = 0;
    const auto begin = Clock::now();
    for (int i = 0; i < 7; ++i)
        threads.emplace_back([&, i] {
            const auto result = deploy("f" + std::to_string(i), echo_archive("1"));
            if (result.ok) {
                ++good;
            } else {
                EXPECT_EQ(result.error.http_status, 409);
                EXPECT_EQ(result.error.code, "busy");
                ++busy;
            }
        });
    EXPECT_TRUE(eventually([&] { return busy == 2; })) << "one deploys, four wait";
    EXPECT_LT(seconds_since(begin), 3);
    EXPECT_TRUE(eventually([&] { return busy == 6; })) << "and none waits for long";
    EXPECT_EQ(controller_->erase("f0").error.code, "busy");
    EXPECT_LT(seconds_since(begin), 15);
    regions_[0]->backend.slow = false;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 1);
}

TEST_F(Deploys, AnAliasThatIsSetMeanwhileStays) {
    add_region("north");
    open();
    const std::string first = echo_archive("1"), second = echo_archive("2");
    ASSERT_TRUE(deploy("f", first).ok);
    regions_[0]->backend.slow = true;
    std::thread deploying([&] { EXPECT_TRUE(deploy("f", second).ok); });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const auto set = controller_->alias("f", "stable", catalog::sha256_hex(first));
    EXPECT_TRUE(set.ok) << set.error.message;
    regions_[0]->backend.slow = false;
    deploying.join();
    const auto view = controller_->function("f").value.function;
    EXPECT_EQ(view.current, catalog::sha256_hex(second));
    ASSERT_EQ(view.aliases.count("stable"), 1u);
    EXPECT_EQ(view.aliases.at("stable"), catalog::sha256_hex(first));
}

TEST_F(Deploys, EndWhenTheServerDoes) {
    add_region("north");
    open();
    regions_[0]->backend.slow = true;
    std::vector<std::thread> threads;
    std::atomic<int> stopped = 0;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&, i] {
            const auto result = deploy("f" + std::to_string(i), echo_archive("1"));
            EXPECT_FALSE(result.ok);
            EXPECT_EQ(result.error.code, "stopping") << result.error.message;
            ++stopped;
        });
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_EQ(stopped, 0);
    const auto begin = Clock::now();
    controller_->stop();
    for (auto& thread : threads) thread.join();
    EXPECT_LT(seconds_since(begin), 3);
    EXPECT_EQ(controller_->erase("f0").error.code, "stopping");
    regions_[0]->backend.slow = false;
}

TEST_F(Deploys, WhatNobodyNamesIsRemoved) {
    const std::string log = state() + "/logs/f.1.log", gone = state() + "/logs/gone.7.log";
    for (const std::string& name : {log, gone}) std::ofstream(name) << "old";
    open();
    const std::string archive = echo_archive("1");
    const std::string digest = catalog::sha256_hex(archive);
    ASSERT_TRUE(deploy("f", archive).ok);
    ASSERT_TRUE(deploy("g", archive).ok) << "the same bytes";
    EXPECT_TRUE(fs::exists(artifact(digest) + ".blob"));
    EXPECT_TRUE(fs::exists(log));
    EXPECT_TRUE(eventually([&] { return !fs::exists(gone); }));
    ASSERT_TRUE(controller_->erase("f").ok);
    EXPECT_TRUE(eventually([&] { return !fs::exists(log); }));
    EXPECT_TRUE(fs::exists(artifact(digest))) << "g still has it";
    ASSERT_TRUE(controller_->erase("g").ok);
    EXPECT_TRUE(eventually(
        [&] { return !fs::exists(artifact(digest)) && !fs::exists(artifact(digest) + ".blob"); }));
    EXPECT_TRUE(deploy("f", archive).ok) << "and it can come back";
}

TEST_F(Deploys, UnreferencedArtifactsGoAtStartUnlessTheCatalogIsEmpty) {
    const std::string stray = catalog::sha256_hex("stray");
    fill({});
    fs::create_directory(artifact(stray));
    open();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_TRUE(fs::exists(artifact(stray))) << "somebody may be about to restore the catalog";
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    EXPECT_TRUE(eventually([&] { return !fs::exists(artifact(stray)); }));
    close();
    fs::create_directory(artifact(stray));
    open();
    EXPECT_TRUE(eventually([&] { return !fs::exists(artifact(stray)); }));
    EXPECT_NE(entry("f"), kNoEntry);
}

TEST_F(Deploys, AVersionThatDoesNotStartLeavesItsLogAlone) {
    open();
    const std::string archive = broken_archive("1");
    const std::string digest = catalog::sha256_hex(archive);
    const auto refused = deploy("f", archive);
    ASSERT_FALSE(refused.ok);
    EXPECT_EQ(refused.error.http_status, 422);
    EXPECT_EQ(refused.error.code, "start-failed");
    EXPECT_TRUE(eventually([&] { return !fs::exists(artifact(digest)); }));
    // What it says of its worker's end can still be read, though the function never was.
    EXPECT_TRUE(eventually([&] {
        const auto page = controller_->logs("f", {});
        return page.ok && !page.value.records.empty();
    }));
    EXPECT_EQ(controller_->logs("nobody", {}).error.http_status, 404);
}

TEST_F(Deploys, AFullMachineIsNoBadArtifact) {
    open();
    const auto bad = deploy("f", "no archive");
    EXPECT_EQ(bad.error.code, "bad-artifact");
    EXPECT_EQ(bad.error.http_status, 422);
    const std::string archive = echo_archive("1");
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int next = dup(0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto failed = deploy("f", archive);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_EQ(failed.error.code, "storage") << failed.error.message;
    EXPECT_EQ(failed.error.http_status, 507);
}

TEST_F(Deploys, AnotherEnvironmentIsAnotherVersionOfTheSameArchive) {
    open();
    const std::string archive = echo_archive("1"), digest = catalog::sha256_hex(archive);
    ASSERT_TRUE(deploy("f", archive).ok);
    admin::DeployRequest greeting = request("f");
    greeting.runtime.environment = std::string("GREETING=hello\0", 15);
    const auto outcome = controller_->deploy(greeting, archive);
    ASSERT_TRUE(outcome.ok) << outcome.error.message;
    EXPECT_EQ(outcome.value.previous, digest);
    const std::string version = outcome.value.version;
    EXPECT_EQ(version, catalog::version_of(digest, greeting.runtime));
    ASSERT_NE(entry("f"), kNoEntry);
    EXPECT_NE(entry("f", digest), entry("f")) << "workers of their own";
    close();
    open();
    EXPECT_NE(entry("f", digest), kNoEntry);
    EXPECT_NE(entry("f", version), kNoEntry);
    EXPECT_NE(entry("f", digest), entry("f", version));
    const auto held = controller_->held();
    EXPECT_EQ(held.versions.size(), 2u) << "both of the one archive";
    // The same once more is no news.
    const auto again = controller_->deploy(greeting, archive);
    ASSERT_TRUE(again.ok);
    EXPECT_EQ(again.value.version, version);
    EXPECT_EQ(again.value.previous, "");
    // What the newest one was made of is there as long as an older one needs it.
    ASSERT_TRUE(controller_->erase("f").ok);
    EXPECT_TRUE(eventually([&] { return !fs::exists(artifact(digest)); }));
}

TEST_F(Deploys, AMissingRuntimeIsNamed) {
    config_.workers.runtimes_dir = state() + "/runtimes";
    open();
    admin::DeployRequest bash = request("f");
    bash.runtime.kind = runtime::Kind::provided;
    const auto refused = controller_->deploy(bash, echo_archive("1"));
    EXPECT_EQ(refused.error.code, "no-runtime");
    EXPECT_EQ(refused.error.http_status, 422);
    EXPECT_NE(refused.error.message.find(state() + "/runtimes/provided"), std::string::npos);
    EXPECT_NE(refused.error.message.find("tools/runtime-images"), std::string::npos);
    bash.limits.concurrency = 2;
    EXPECT_EQ(controller_->deploy(bash, echo_archive("1")).error.code, "bad-limits");
    EXPECT_FALSE(fs::exists(artifact(catalog::sha256_hex(echo_archive("1")))));
}

// The entry serves meanwhile: its limit is the switch's to change.
TEST_F(Deploys, AFailedUpdateLeavesALivingVersionAsItWas) {
    open();
    const std::string archive = echo_archive("1");
    admin::DeployRequest several = request("f");
    several.limits.warm_min = several.limits.warm_max = 2;
    ASSERT_TRUE(controller_->deploy(several, archive).ok);
    const std::uint32_t mine = entry("f");
    break_catalog();
    EXPECT_EQ(deploy("f", archive).error.code, "catalog");
    mend_catalog();
    EXPECT_EQ(entry("f"), mine);
    const auto two = [&] { return controller_->function("f").value.versions[0].workers == 2; };
    EXPECT_TRUE(eventually(two));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_TRUE(two());
}

}  // namespace
}  // namespace skerry::control
