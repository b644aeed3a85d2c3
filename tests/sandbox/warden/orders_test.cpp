// What the warden accepts as an order to start a worker. Needs no rights.
#include "sandbox/warden/orders.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

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
        put_text(order_.artifact_dir, "/srv/artifact");
        put_text(order_.function, "resize-image_v2.1");
        put_text(order_.version_hex, "0123456789abcdef");
        order_.host_uid = 100'000;
        order_.memory_mib = 128;
        order_.tmp_mib = 16;
        order_.core_count = 2;
    }
    // The complaint; empty: it was accepted.
    std::string refusal() {
        auto plan = plan_of(order_, fds_);
        if (plan) return "";
        EXPECT_NE(plan.error().text, "");
        return plan.error().text;
    }
    bool refused_for(const std::string& what) { return refusal().find(what) != std::string::npos; }

    Message order_;
    std::vector<UniqueFd> fds_;
};

TEST_F(Orders, GoodOneBecomesAPlan) {
    auto plan = plan_of(order_, fds_);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->artifact_dir, "/srv/artifact");
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
    put_text(order_.artifact_dir, "relative");
    EXPECT_TRUE(refused_for("absolute"));
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

}  // namespace
}  // namespace skerry::warden
