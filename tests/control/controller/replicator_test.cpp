// A replicator with a real management server at the other end, and a controller that the test
// plays.
#include "control/controller/replicator.hpp"

#include <gtest/gtest.h>

#include "tests/control/controller/played_region.hpp"

namespace skerry::control {
namespace {

constexpr std::uint32_t kTimeout_ms = 20000;

class PlayedController : public RegionSync {
  public:
    RegionWork on_held(std::uint32_t, const admin::HeldVersions& held) override {
        const std::lock_guard lock(mutex);
        ++looks;
        RegionWork work;
        for (const auto& [name, request] : wanted) {
            const bool there =
                std::any_of(held.functions.begin(), held.functions.end(),
                            [&, &name = name, &request = request](const auto& f) {
                                return f.function == name && f.current == request.digest;
                            });
            if (!there) work.push.push_back(request);
        }
        for (const std::string& name : tombstones) work.erase.push_back(name);
        return work;
    }
    bool wants(std::uint32_t, const admin::DeployRequest& request) override {
        const std::lock_guard lock(mutex);
        const auto at = wanted.find(request.name);
        return at != wanted.end() && at->second.digest == request.digest && !deploying;
    }
    bool buried(std::uint32_t, const std::string& name) override {
        const std::lock_guard lock(mutex);
        return tombstones.count(name) != 0;
    }
    std::shared_ptr<std::atomic<std::uint64_t>> on_pushing(std::uint32_t,
                                                           const admin::DeployRequest&,
                                                           std::uint64_t) override {
        return sent;
    }
    void on_push_failed(std::uint32_t, const admin::DeployRequest&, const Error& why) override {
        const std::lock_guard lock(mutex);
        failures.push_back(why.text);
    }
    void on_pushed(std::uint32_t, const admin::DeployRequest& request) override {
        const std::lock_guard lock(mutex);
        pushed.push_back(request.digest);
    }
    void on_erased(std::uint32_t, const std::set<std::string>& names) override {
        const std::lock_guard lock(mutex);
        for (const std::string& name : names) tombstones.erase(name);
    }
    Result<std::string> archive(const std::string& digest) override {
        const std::lock_guard lock(mutex);
        ++reads;
        const auto at = archives.find(digest);
        if (at == archives.end()) return Error{EIO, "damaged"};
        return at->second;
    }

    admin::DeployRequest want(const std::string& name, const std::string& bytes) {
        const std::lock_guard lock(mutex);
        admin::DeployRequest request;
        request.name = name;
        request.digest = catalog::sha256_hex(bytes);
        wanted[name] = request;
        archives[request.digest] = bytes;
        return request;
    }
    template <typename T>
    T get(T PlayedController::*member) {
        const std::lock_guard lock(mutex);
        return this->*member;
    }

    std::mutex mutex;
    std::map<std::string, admin::DeployRequest> wanted;
    std::map<std::string, std::string> archives;
    std::set<std::string> tombstones;
    std::vector<std::string> pushed, failures;
    const std::shared_ptr<std::atomic<std::uint64_t>> sent =
        std::make_shared<std::atomic<std::uint64_t>>(0);
    bool deploying = false;
    int looks = 0, reads = 0;
};

class ReplicatorTest : public testing::Test {
  protected:
    std::unique_ptr<Replicator> make() {
        return std::make_unique<Replicator>(
            sync_, 0, admin::ManagementClient(region_.address(), fleet_.tls("pop"), kTimeout_ms));
    }
    Fleet fleet_;
    PlayedRegion region_{fleet_};
    PlayedController sync_;
};

TEST_F(ReplicatorTest, BringsWhatIsMissingAndErasesWhatIsBuried) {
    const auto request = sync_.want("f", "bytes");
    sync_.tombstones = {"gone", "never-there"};
    (void)region_.backend.deploy({.name = "gone", .limits = {}, .policy = {}, .digest = {}}, "x");
    const auto replicator = make();
    EXPECT_TRUE(eventually([&] { return region_.current("f") == request.digest; }));
    EXPECT_TRUE(eventually([&] { return sync_.get(&PlayedController::tombstones).empty(); }));
    EXPECT_EQ(region_.current("gone"), "");
}

TEST_F(ReplicatorTest, ARegionThatWasDownIsServedWhenItIsBack) {
    region_.stop();
    const auto request = sync_.want("f", "bytes");
    const auto replicator = make();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    region_.start();
    EXPECT_TRUE(eventually([&] { return region_.current("f") == request.digest; }));
}

// What an earlier look at the catalog asked for must not arrive after a deploy's own push.
TEST_F(ReplicatorTest, AsksAgainRightBeforeAPush) {
    region_.backend.slow = true;
    const auto first = sync_.want("a", "first");
    const auto old = sync_.want("f", "old");
    const auto replicator = make();
    ASSERT_TRUE(eventually([&] { return sync_.get(&PlayedController::reads) == 1; }))
        << "the push of `a` keeps the region busy; that of `f` is decided";
    std::thread deploy([&] {
        const auto request = sync_.want("f", "new");
        const Status pushed = replicator->push(request, "new");
        EXPECT_TRUE(pushed) << pushed.error().text;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    region_.backend.slow = false;
    deploy.join();
    EXPECT_TRUE(eventually([&] { return region_.current("a") == first.digest; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(region_.current("f"), catalog::sha256_hex("new"));
    for (const std::string& digest : sync_.get(&PlayedController::pushed))
        EXPECT_NE(digest, old.digest);
}

TEST_F(ReplicatorTest, ADamagedArtifactIsTriedAgain) {
    const auto request = sync_.want("f", "bytes");
    {
        const std::lock_guard lock(sync_.mutex);
        sync_.archives.clear();
    }
    const auto replicator = make();
    ASSERT_TRUE(eventually([&] { return sync_.get(&PlayedController::reads) == 2; }));
    sync_.want("f", "bytes");  // somebody deployed it again
    EXPECT_TRUE(eventually([&] { return region_.current("f") == request.digest; }));
}

// Two POPs that never agree must not keep a region busy.
TEST_F(ReplicatorTest, TheSamePushAgainAndAgainSlowsDown) {
    const auto mine = sync_.want("f", "mine");
    const auto replicator = make();
    int taken = 0;
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(2500);
    while (std::chrono::steady_clock::now() < until) {
        if (region_.current("f") == mine.digest) {
            ++taken;
            (void)region_.backend.deploy({.name = "f", .limits = {}, .policy = {}, .digest = {}},
                                         "theirs");
            replicator->wake();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_GE(taken, 2) << "it goes on";
    EXPECT_LE(taken, 4) << "after 0, 0.5 and 1.5 s";
    EXPECT_LE(sync_.get(&PlayedController::looks), 20);
}

TEST_F(ReplicatorTest, EndsInTheMiddleOfACall) {
    region_.backend.slow = true;
    sync_.want("f", "bytes");
    auto replicator = make();
    ASSERT_TRUE(eventually([&] { return sync_.get(&PlayedController::reads) == 1; }));
    const auto begin = std::chrono::steady_clock::now();
    replicator.reset();
    EXPECT_LT(seconds_since(begin), 3);
    region_.backend.slow = false;
}

}  // namespace
}  // namespace skerry::control
