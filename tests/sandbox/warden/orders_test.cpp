// What the warden accepts as an order to start a worker. Needs no rights.
#include "sandbox/warden/orders.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "sandbox/channel/host.hpp"
#include "sandbox/warden/transport.hpp"

namespace skerry::warden {
namespace {

class Orders : public ::testing::Test {
  protected:
    void SetUp() override {
        auto channel = channel::create_channel({.core_count = 2});
        ASSERT_TRUE(channel);
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        fds_.push_back(std::move(channel->memfd));
        fds_.push_back(std::move(doorbells->fd));
        fds_.push_back(std::move(channel->wake));
        fds_.push_back(std::move(channel->ready));
        fds_.emplace_back(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        for (UniqueFd& fd : channel->done) fds_.push_back(std::move(fd));

        order_.kind = MessageKind::spawn;
        put_text(order_.artifact_dir, "/srv/artifacts/12ab");
        put_text(order_.function, "resize-image_v2.1");
        put_text(order_.version_hex, "0123456789abcdef");
        order_.host_uid = 100'000;
        order_.memory_mib = 128;
        order_.tmp_mib = 16;
        order_.core_count = 2;
        order_.cpu_weight = 100;
        order_.pids_max = 64;
    }
    // The complaint; empty: it was accepted.
    std::string refusal() {
        auto plan = plan_of(order_, fds_, fence_);
        if (plan) return "";
        EXPECT_NE(plan.error().text, "");
        return plan.error().text;
    }
    bool refused_for(const std::string& what) { return refusal().find(what) != std::string::npos; }

    // An order for a kind that speaks the Runtime API.
    void make_api(runtime::Kind kind) {
        order_.runtime = kind;
        order_.core_count = 0;
        UniqueFd log = std::move(fds_[4]);
        fds_.clear();
        fds_.push_back(std::move(log));
        if (runtime::needs_handler(kind)) put_text(order_.handler, "app.handler");
    }
    void set_environment(const std::string& text) {
        order_.environment_bytes = static_cast<std::uint32_t>(text.size());
        std::memcpy(order_.environment, text.data(), text.size());
    }

    Fence fence_{"/srv/artifacts", "/srv/runtimes", "pop-1"};
    Message order_;
    std::vector<UniqueFd> fds_;
};

TEST_F(Orders, GoodOneBecomesAPlan) {
    auto plan = plan_of(order_, fds_, fence_);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->artifacts_dir, "/srv/artifacts");
    EXPECT_EQ(plan->artifact, "12ab");
    EXPECT_EQ(plan->image_dir, "");
    EXPECT_EQ(plan->function, "resize-image_v2.1");
    EXPECT_EQ(plan->host_uid, 100'000u);
    EXPECT_EQ(plan->log_fd, fds_[4].get());
    EXPECT_EQ(plan->channel_bytes, 8192u);
    // In the order of the numbers that the worker finds them under.
    const std::vector<int> expected = {fds_[0].get(), fds_[1].get(), fds_[2].get(),
                                       fds_[3].get(), fds_[5].get(), fds_[6].get()};
    EXPECT_EQ(plan->channel_fds, expected);
}

TEST_F(Orders, TextsMustBeWhatTheySay) {
    const Message good = order_;
    std::memset(order_.artifact_dir, 'a', sizeof order_.artifact_dir);
    EXPECT_TRUE(refused_for("artifact_dir has no end"));
    order_ = good;
    order_ = good;
    put_text(order_.function, "");
    EXPECT_TRUE(refused_for("function is empty"));
    put_text(order_.function, "a=b");
    EXPECT_TRUE(refused_for("function"));
    order_ = good;
    std::memset(order_.version_hex, 'f', sizeof order_.version_hex);
    EXPECT_TRUE(refused_for("version_hex has no end"));
    put_text(order_.version_hex, "xyz");
    EXPECT_TRUE(refused_for("hexadecimal"));
}

TEST_F(Orders, ArtifactsAreFoldersOfOnePlace) {
    for (const char* path :
         {"relative", "/srv/artifacts", "/srv/artifacts/", "/srv/artifacts/..", "/srv/artifacts/.",
          "/srv/artifacts/a/b", "/srv/artifacts/../etc", "/srv/artifactsX/a", "/etc", "/"}) {
        put_text(order_.artifact_dir, path);
        EXPECT_TRUE(refused_for("artifact_dir")) << path;
    }
}

TEST_F(Orders, OfARuntimeApiKindHaveNoChannel) {
    make_api(runtime::Kind::provided);
    auto plan = plan_of(order_, fds_, fence_);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->image_dir, "/srv/runtimes/provided");
    EXPECT_EQ(plan->server_name, "pop-1");
    EXPECT_TRUE(plan->channel_fds.empty());
    EXPECT_EQ(plan->log_fd, fds_[0].get());
    order_.core_count = 1;
    EXPECT_TRUE(refused_for("core_count"));
    order_.core_count = 0;
    fds_.emplace_back(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    EXPECT_TRUE(refused_for("descriptors"));
    fds_.pop_back();
    fence_.runtimes_dir = "";
    EXPECT_TRUE(refused_for("runtime images"));
    order_.runtime = static_cast<runtime::Kind>(4);
    EXPECT_TRUE(refused_for("kind"));
}

TEST_F(Orders, HandlersAreThereWhereTheyAreNeeded) {
    make_api(runtime::Kind::python3);
    auto plan = plan_of(order_, fds_, fence_);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->handler, "app.handler");
    put_text(order_.handler, "");
    EXPECT_TRUE(refused_for("handler is empty"));
    put_text(order_.handler, "a\nb");
    EXPECT_TRUE(refused_for("control characters"));
    std::memset(order_.handler, 'a', sizeof order_.handler);
    EXPECT_TRUE(refused_for("handler has no end"));
}

TEST_F(Orders, EnvironmentsAreVariables) {
    using namespace std::string_literals;
    set_environment("A=1\0_b2=x=y\0C=\0"s);
    auto plan = plan_of(order_, fds_, fence_);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->environment, "A=1\0_b2=x=y\0C=\0"s);
    for (const std::string& wrong :
         {"A=1"s, "A\0"s, "=1\0"s, "2A=1\0"s, "A B=1\0"s, "\0"s, "A=1\0A=2\0"s}) {
        set_environment(wrong);
        EXPECT_TRUE(refused_for("environment")) << wrong;
    }
    for (const char* name : {"_HANDLER", "AWS_LAMBDA_RUNTIME_API", "SKERRY_FUNCTION", "AWS_REGION",
                             "LAMBDA_TASK_ROOT"}) {
        set_environment(name + "=1\0"s);
        EXPECT_TRUE(refused_for("told by the server")) << name;
    }
}

TEST_F(Orders, NumbersHaveBounds) {
    const Message good = order_;
    for (const std::uint32_t uid : {0u, 999u, ~0u}) {
        order_.host_uid = uid;
        EXPECT_TRUE(refused_for("host_uid")) << uid;
    }
    order_ = good;
    for (const std::uint32_t mib : {0u, kMemoryMibMax + 1}) {
        order_.memory_mib = mib;
        EXPECT_TRUE(refused_for("memory_mib")) << mib;
    }
    order_ = good;
    for (const std::uint32_t mib : {0u, kTmpMibMax + 1}) {
        order_.tmp_mib = mib;
        EXPECT_TRUE(refused_for("tmp_mib")) << mib;
    }
    order_ = good;
    order_.cpu_percent = kCpuPercentMax + 1;
    EXPECT_TRUE(refused_for("cpu_percent"));
    order_ = good;
    for (const std::uint32_t weight : {0u, kCpuWeightMax + 1}) {
        order_.cpu_weight = weight;
        EXPECT_TRUE(refused_for("cpu_weight")) << weight;
    }
    order_ = good;
    for (const std::uint32_t pids : {0u, kPidsMax + 1}) {
        order_.pids_max = pids;
        EXPECT_TRUE(refused_for("pids_max")) << pids;
    }
    order_ = good;
    for (const std::uint32_t cores : {0u, channel::kMaxCores + 1}) {
        order_.core_count = cores;
        EXPECT_TRUE(refused_for("core_count")) << cores;
    }
}

TEST_F(Orders, DescriptorsMustBeAllAndNoMore) {
    order_.core_count = 3;
    EXPECT_TRUE(refused_for("descriptors"));
    order_.core_count = 1;
    EXPECT_TRUE(refused_for("descriptors"));
    order_.core_count = 2;
    fds_.clear();
    EXPECT_TRUE(refused_for("descriptors"));
}

TEST_F(Orders, DescriptorsMustBeOfTheirKind) {
    fds_[4].reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(refused_for("log"));
    fds_[4].reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    std::swap(fds_[1], fds_[2]);
    EXPECT_TRUE(refused_for("doorbells"));
    std::swap(fds_[1], fds_[2]);
    std::swap(fds_[0], fds_[3]);
    EXPECT_TRUE(refused_for("channel"));
}

TEST_F(Orders, NameANetworkOfTheConfigurationOrNone) {
    fence_.networks = {{.name = "internet"}, {.name = "intranet"}};
    EXPECT_EQ(*network_of(order_, fence_), kNoNetwork);
    put_text(order_.egress, "intranet");
    EXPECT_EQ(*network_of(order_, fence_), 1u);
    for (const char* other : {"intra", "intranet2", "/run/netns/x", "INTRANET"}) {
        put_text(order_.egress, other);
        const auto found = network_of(order_, fence_);
        ASSERT_FALSE(found);
        EXPECT_NE(found.error().text.find("it has internet, intranet"), std::string::npos);
    }
    std::memset(order_.egress, 'i', sizeof order_.egress);
    EXPECT_FALSE(network_of(order_, fence_)) << "no end";
    fence_.networks.clear();
    put_text(order_.egress, "internet");
    EXPECT_NE(network_of(order_, fence_).error().text.find("it has none"), std::string::npos);
}

TEST_F(Orders, OneThatStandsByHasNoFunction) {
    make_api(runtime::Kind::nodejs);
    order_.start = jail::Start::standby;
    EXPECT_TRUE(refused_for("has an artifact"));
    order_.artifact_dir[0] = '\0';
    EXPECT_TRUE(refused_for("something to tell a function"));
    order_.function[0] = order_.version_hex[0] = '\0';
    EXPECT_TRUE(refused_for("something to tell a function"));
    order_.handler[0] = '\0';
    set_environment(std::string("A=b\0", 4));
    EXPECT_TRUE(refused_for("something to tell a function"));
    order_.environment_bytes = 0;
    auto plan = plan_of(order_, fds_, fence_);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->artifact, "");
    EXPECT_EQ(plan->image_dir, "/srv/runtimes/nodejs");
    EXPECT_EQ(plan->snapshot_fd, -1);
    fds_.emplace_back(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    EXPECT_TRUE(refused_for("came with 2 descriptors"));
    fds_.pop_back();
    for (const runtime::Kind kind : {runtime::Kind::provided, runtime::Kind::python3}) {
        order_.runtime = kind;
        EXPECT_TRUE(refused_for("can't stand by"));
    }
    order_.start = static_cast<jail::Start>(5);
    EXPECT_TRUE(refused_for("no such way to start"));
}

TEST_F(Orders, ABlankHasNoFunctionAndNoChannel) {
    order_.start = jail::Start::blank;
    EXPECT_TRUE(refused_for("has an artifact"));
    order_.artifact_dir[0] = order_.function[0] = order_.version_hex[0] = '\0';
    EXPECT_TRUE(refused_for("core_count"));
    order_.core_count = 0;
    EXPECT_TRUE(refused_for("descriptors, needed are 1"));
    fds_.resize(1);
    fds_[0] = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    auto plan = plan_of(order_, fds_, fence_);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->artifact, "");
    EXPECT_TRUE(plan->channel_fds.empty());
    EXPECT_EQ(plan->channel_bytes, kBlankChannelBytes);
    EXPECT_EQ(plan->snapshot_fd, -1);
    put_text(order_.egress, "internet");
    EXPECT_TRUE(refused_for("has a network"));
    order_.egress[0] = '\0';
    for (const runtime::Kind kind : {runtime::Kind::provided, runtime::Kind::nodejs}) {
        order_.runtime = kind;
        EXPECT_TRUE(refused_for("can't stand by"));
    }
}

TEST_F(Orders, AnAssignmentOfABlankComesWithItsDescriptors) {
    Message order;
    order.kind = MessageKind::assign;
    order.start = jail::Start::copy;
    put_text(order.artifact_dir, "/srv/artifacts/12ab");
    order.memory_mib = 256;
    order.tmp_mib = 16;
    order.cpu_weight = 100;
    order.pids_max = 64;
    order.core_count = order_.core_count;
    const auto refused = [&](const char* why) {
        const auto assignment = assignment_of(order, fds_, fence_);
        if (assignment) return ::testing::AssertionFailure() << "it was accepted";
        if (assignment.error().text.find(why) != std::string::npos)
            return ::testing::AssertionSuccess();
        return ::testing::AssertionFailure() << assignment.error().text;
    };
    fds_.erase(fds_.begin() + 4);  // the log
    EXPECT_TRUE(refused("descriptors, needed are"));
    fds_.emplace_back(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    auto assignment = assignment_of(order, fds_, fence_);
    ASSERT_TRUE(assignment) << assignment.error().text;
    EXPECT_EQ(assignment->fds.size(), fds_.size());
    EXPECT_GT(assignment->channel_bytes, 0u);
    fds_.back() = UniqueFd(::memfd_create("writable", MFD_CLOEXEC));
    EXPECT_TRUE(refused("not opened read-only"));
    fds_.back() = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(refused("not a memfd"));
    order.core_count = channel::kMaxCores + 1;
    EXPECT_TRUE(refused("core_count"));
    order.core_count = 0;
    order.runtime = runtime::Kind::nodejs;
    EXPECT_TRUE(refused("can become this"));
    fds_.clear();
    fds_.emplace_back(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    order.runtime = runtime::Kind::python3;
    assignment = assignment_of(order, fds_, fence_);
    ASSERT_TRUE(assignment) << assignment.error().text;
    EXPECT_EQ(assignment->channel_bytes, 0u);
}

TEST_F(Orders, AnAssignmentIsAnArtifactAndLimits) {
    const auto refusal_of = [this](auto&& change) {
        Message order;
        order.kind = MessageKind::assign;
        order.runtime = runtime::Kind::nodejs;
        put_text(order.artifact_dir, "/srv/artifacts/12ab");
        order.memory_mib = 256;
        order.tmp_mib = 16;
        order.cpu_weight = 100;
        order.pids_max = 64;
        change(order);
        auto assignment = assignment_of(order, {}, fence_);
        if (assignment) return assignment->artifacts_dir + ", " + assignment->artifact;
        return assignment.error().text;
    };
    const auto has = [&](const char* what, auto&& change) {
        const std::string text = refusal_of(change);
        EXPECT_NE(text.find(what), std::string::npos) << text;
    };
    EXPECT_EQ(refusal_of([](Message&) {}), "/srv/artifacts, 12ab");
    has("artifact_dir", [](Message& m) { m.artifact_dir[0] = '\0'; });
    has("artifact_dir", [](Message& m) { put_text(m.artifact_dir, "/srv/artifacts/a/b"); });
    has("artifact_dir", [](Message& m) { put_text(m.artifact_dir, "/srv/artifacts/.."); });
    has("artifact_dir", [](Message& m) { put_text(m.artifact_dir, "/etc"); });
    has("memory_mib", [](Message& m) { m.memory_mib = 0; });
    has("tmp_mib", [](Message& m) { m.tmp_mib = kTmpMibMax + 1; });
    has("cpu_percent", [](Message& m) { m.cpu_percent = kCpuPercentMax + 1; });
    has("cpu_weight", [](Message& m) { m.cpu_weight = 0; });
    has("pids_max", [](Message& m) { m.pids_max = kPidsMax + 1; });
    has("something to tell", [](Message& m) { put_text(m.function, "f"); });
    has("something to tell", [](Message& m) { put_text(m.handler, "f"); });
    has("something to tell", [](Message& m) { m.environment_bytes = 1; });
    has("already", [](Message& m) { m.host_uid = 1000; });
    has("already", [](Message& m) { put_text(m.egress, "internet"); });
    has("can become this", [](Message& m) { m.runtime = runtime::Kind::native; });
    has("can become this", [](Message& m) { m.start = jail::Start::standby; });
    has("can become this", [](Message& m) { m.start = jail::Start::copy; });
    has("core_count", [](Message& m) { m.core_count = 1; });
}

}  // namespace
}  // namespace skerry::warden
