// Workers that stand by: made when there is time, given to who needs one, and to nobody twice.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cerrno>
#include <functional>

#include "tests/control/placement/rig.hpp"

namespace skerry::placement {
namespace {

using warden::MessageKind;

class Standing : public PoolTest {
  protected:
    void SetUp() override {
        PoolTest::SetUp();
        make_standby_pool(2, 8);
    }
    void make_standby_pool(std::uint32_t wanted, std::uint32_t workers_max) {
        pool_ = std::make_unique<WorkerPool>(
            shared_, *client_, doorbells_,
            WorkerLimits{.max = workers_max, .standby = {.nodejs = wanted}, .server_name = "pop"});
    }
    std::uint32_t open_node(const std::function<void(VersionSpec&)>& change = {}) {
        VersionSpec spec;
        spec.function = "f";
        spec.version_hex = "00ff00ff00ff00ff00ff";
        spec.artifact_dir = "/a";
        spec.kind = runtime::Kind::nodejs;
        spec.handler = "h.f";
        spec.workers_max = 4;
        spec.payload_bytes_max = 1024;
        if (change) change(spec);
        auto entry = pool_->open_entry(std::move(spec));
        EXPECT_TRUE(entry);
        return *entry;
    }
    // The warden has built the jail of the worker that was ordered last, and it asks.
    void stands_by() {
        const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t bytes = sizeof address;
        ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), bytes), 0);
        ASSERT_EQ(::listen(listener.get(), 16), 0);
        ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &bytes), 0);
        warden::Message message;
        message.kind = MessageKind::spawned;
        message.worker_id = last_;
        ASSERT_EQ(warden::send_message(warden_.get(), message, {listener.get()}), 0);
        worker_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(worker_.get(), reinterpret_cast<sockaddr*>(&address), bytes), 0);
        say("GET /skerry/assignment HTTP/1.1\r\n\r\n");
        step();
    }
    void make_one() {
        step();
        ASSERT_EQ(take_orders(), 1u);
        ASSERT_EQ(ordered_[last_].message.start, jail::Start::standby);
        stands_by();
    }
    void say(const std::string& text) const {
        ASSERT_EQ(::send(worker_.get(), text.data(), text.size(), 0),
                  static_cast<ssize_t>(text.size()));
    }
    std::string hear() const {
        char text[8192];
        const ssize_t got = ::recv(worker_.get(), text, sizeof text, MSG_DONTWAIT);
        return {text, got > 0 ? static_cast<std::size_t>(got) : 0};
    }
    void assigned(std::uint64_t id, int error = 0) {
        warden::Message message;
        message.kind = MessageKind::assigned;
        message.worker_id = id;
        message.error_code = error;
        warden::put_text(message.text, error != 0 ? "no mount" : "");
        ASSERT_EQ(warden::send_message(warden_.get(), message, {}), 0);
    }

    UniqueFd worker_;
};

TEST_F(Standing, OneAtATimeAndOnlyForAFunctionThatCouldUseThem) {
    step();
    EXPECT_EQ(take_orders(), 0u) << "there is no function";
    (void)open_node([](VersionSpec& spec) { spec.kind = runtime::Kind::python3; });
    (void)open_node(
        [](VersionSpec& spec) { spec.environment = std::string("NODE_OPTIONS=--x\0", 17); });
    (void)open_node([](VersionSpec& spec) { spec.memory_mib = 64; });
    step();
    EXPECT_EQ(take_orders(), 0u) << "none could use it";
    (void)open_node();
    step();
    ASSERT_EQ(take_orders(), 1u);
    const warden::Message order = ordered_[last_].message;
    EXPECT_EQ(order.runtime, runtime::Kind::nodejs);
    EXPECT_STREQ(order.artifact_dir, "");
    EXPECT_STREQ(order.function, "");
    EXPECT_EQ(ordered_[last_].fds.size(), 1u);  // the log
    step();
    EXPECT_EQ(take_orders(), 0u) << "the first has not started";
    stands_by();
    EXPECT_EQ(take_orders(), 1u);
    stands_by();
    step();
    EXPECT_EQ(take_orders(), 0u);
    EXPECT_EQ(pool_->standbys(), 2u);
    EXPECT_EQ(pool_->workers(), 0u);
}

TEST_F(Standing, BecomesAWorkerOfTheFunctionThatNeedsOne) {
    const std::uint32_t entry = open_node([](VersionSpec& spec) {
        spec.environment = std::string("A=b\0", 4);
        spec.memory_mib = 300;
        spec.cpu_percent = 70;
        spec.tmp_mib = 9;
        spec.pids_max = 33;
    });
    make_one();
    const std::uint64_t id = last_;
    const std::uint32_t uid = ordered_[id].message.host_uid;
    (void)take_orders();
    pool_->set_target(entry, 1, true);
    step();
    (void)take_orders();
    ASSERT_EQ(assigned_.size(), 1u);
    const warden::Message& order = assigned_[0];
    EXPECT_EQ(order.worker_id, id);
    EXPECT_STREQ(order.artifact_dir, "/a");
    EXPECT_EQ(order.memory_mib, 300u);
    EXPECT_EQ(order.cpu_percent, 70u);
    EXPECT_EQ(order.tmp_mib, 9u);
    EXPECT_EQ(order.pids_max, 33u);
    EXPECT_EQ(hear(), "") << "not before its artifact is there";
    assigned(id);
    step();
    const std::string told = hear();
    for (const std::string variable : {"A=b", "_HANDLER=h.f", "AWS_LAMBDA_FUNCTION_NAME=f",
                                       "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=300", "AWS_REGION=pop",
                                       "HOME=/tmp", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"})
        EXPECT_NE(told.find(variable + std::string(1, '\0')), std::string::npos) << variable;
    EXPECT_EQ(told.find("SKERRY_STANDBY"), std::string::npos);
    EXPECT_EQ(pool_->ready(entry), 0u);
    say("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n");
    step();
    EXPECT_EQ(pool_->ready(entry), 1u);
    const SlotRef ref = shared_.capacity->refs[entry][0];
    ASSERT_NE(ref.channel->api, nullptr);
    EXPECT_EQ(ref.channel->api->function_arn,
              "arn:aws:lambda:pop:000000000000:function:f:00ff00ff00ff00ff");
    EXPECT_EQ(ref.channel->index, uid - 210000);
    EXPECT_EQ(pool_->history(entry).starts().ways[2], 1u);
    EXPECT_EQ(pool_->totals().stood_by, 1u);
}

TEST_F(Standing, AStartThatGoesWrongIsNotTheFunctionsFault) {
    const std::uint32_t entry = open_node();
    make_one();
    const std::uint64_t id = last_;
    (void)take_orders();  // the second is ordered
    pool_->set_target(entry, 1, true);
    step();
    (void)take_orders();
    ASSERT_EQ(assigned_.size(), 1u);
    assigned(id, ENOENT);
    exited(id, 9);
    step();
    EXPECT_EQ(pool_->failed_starts(entry), 0u);
    step();
    EXPECT_EQ(take_orders(), 1u);
    EXPECT_EQ(ordered_[last_].message.start, jail::Start::fresh);
    EXPECT_EQ(assigned_.size(), 1u);
}

TEST_F(Standing, IsTriedAgainAfterLongerAndLongerPauses) {
    (void)open_node();
    step();
    ASSERT_EQ(take_orders(), 1u);
    tell(MessageKind::failed, last_, 0, "no image");
    step();
    step(900'000);
    EXPECT_EQ(take_orders(), 0u);
    step(200'000);
    ASSERT_EQ(take_orders(), 1u);
    exited(last_);
    step();
    step(1'500'000);
    EXPECT_EQ(take_orders(), 0u);
    step(600'000);
    EXPECT_EQ(take_orders(), 1u);
}

TEST_F(Standing, OneThatDoesNotStartInTimeIsEnded) {
    (void)open_node();
    step();
    ASSERT_EQ(take_orders(), 1u);
    step(11'000'000);
    (void)take_orders();
    EXPECT_EQ(killed_.size(), 1u);
    EXPECT_EQ(pool_->standbys(), 0u);
}

TEST_F(Standing, TheyMakeRoomForWhoIsNeeded) {
    make_standby_pool(4, 4);
    const std::uint32_t entry = open_node();
    const std::uint32_t other = open(1, 4);
    make_one();
    const std::uint64_t id = last_;
    step();
    EXPECT_EQ(take_orders(), 0u) << "a quarter of four places";
    for (int i = 0; i < 3; ++i) (void)ready_worker(other);
    EXPECT_TRUE(killed_.empty());
    pool_->set_target(other, 4, true);
    step();
    (void)take_orders();
    EXPECT_EQ(killed_, std::vector<std::uint64_t>{id});
    exited(id, 9);
    step();
    EXPECT_EQ(take_orders(), 1u);
    EXPECT_EQ(ordered_[last_].message.start, jail::Start::fresh);
    (void)entry;
}

TEST_F(Standing, TheyEndWithTheLastFunctionThatCouldUseThem) {
    const std::uint32_t entry = open_node();
    make_one();
    (void)take_orders();
    pool_->close_entry(entry);
    step();
    (void)take_orders();
    EXPECT_EQ(killed_.size(), 2u);
    EXPECT_EQ(pool_->standbys(), 0u);
}

}  // namespace
}  // namespace skerry::placement
