// Workers that speak the Runtime API, until they are ready or have failed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "tests/control/placement/rig.hpp"

namespace skerry::placement {
namespace {

class ApiStarts : public PoolTest {
  protected:
    std::uint32_t open_api() {
        auto entry = pool_->open_entry({.function = "f",
                                        .version_hex = "00ff00ff00ff00ff00ff",
                                        .artifact_dir = "/a",
                                        .kind = runtime::Kind::provided,
                                        .handler = "h.f",
                                        .environment = std::string("A=b\0", 4),
                                        .workers_max = 2,
                                        .payload_bytes_max = 1024});
        EXPECT_TRUE(entry);
        return *entry;
    }
    // Ordered, and its jail is built: what it would connect to.
    void spawned(std::uint32_t entry) {
        pool_->set_target(entry, 1, true);
        step();
        ASSERT_EQ(take_orders(), 1u);
        const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t bytes = sizeof address_;
        ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address_), bytes), 0);
        ASSERT_EQ(::listen(listener.get(), 16), 0);
        ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address_), &bytes), 0);
        warden::Message message;
        message.kind = warden::MessageKind::spawned;
        message.worker_id = last_;
        ASSERT_EQ(warden::send_message(warden_.get(), message, {listener.get()}), 0);
        step();
    }
    void say(const std::string& text) {
        worker_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(worker_.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_),
                  0);
        ASSERT_EQ(::send(worker_.get(), text.data(), text.size(), 0),
                  static_cast<ssize_t>(text.size()));
    }

    // One step of a server that has as many files open as it may.
    void step_without_descriptors() {
        rlimit limit{};
        ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        const int next = dup(0);
        ::close(next);
        const rlimit none{static_cast<rlim_t>(next), limit.rlim_max};
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        step();
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    // Its start has failed, and nothing of it keeps the control thread awake.
    void expect_given_up(std::uint32_t entry) {
        EXPECT_NE(pool_->start_failure(entry).find("too many files"), std::string::npos)
            << pool_->start_failure(entry);
        take_orders();
        EXPECT_EQ(killed_.size(), 1u);
        std::vector<pollfd> watched;
        pool_->add_descriptors(watched);
        EXPECT_EQ(watched.size(), 1u);  // the warden
        exited(last_);
        step();
        EXPECT_EQ(pool_->workers(), 0u);
    }

    sockaddr_in address_{};
    UniqueFd worker_;
};

TEST_F(ApiStarts, AConnectionThatCannotBeAcceptedIsNotWaitedFor) {
    const std::uint32_t entry = open_api();
    spawned(entry);
    say("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n");
    step_without_descriptors();
    expect_given_up(entry);
}

TEST_F(ApiStarts, AListenerThatCannotBeTakenIsNotWaitedFor) {
    const std::uint32_t entry = open_api();
    pool_->set_target(entry, 1, true);
    step();
    ASSERT_EQ(take_orders(), 1u);
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    warden::Message message;
    message.kind = warden::MessageKind::spawned;
    message.worker_id = last_;
    ASSERT_EQ(warden::send_message(warden_.get(), message, {listener.get()}), 0);
    step_without_descriptors();
    EXPECT_FALSE(pool_->warden_gone());
    expect_given_up(entry);
}

TEST_F(ApiStarts, ReadyWhenItAsksForItsFirstInvocation) {
    const std::uint32_t entry = open_api();
    spawned(entry);
    const warden::Message& order = ordered_[last_].message;
    EXPECT_EQ(ordered_[last_].fds.size(), 1u);  // the log
    EXPECT_STREQ(order.handler, "h.f");
    EXPECT_EQ(pool_->ready(entry), 0u);
    std::vector<pollfd> watched;
    pool_->add_descriptors(watched);
    EXPECT_EQ(watched.size(), 2u);  // the warden, and its listener
    say("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n");
    step();
    EXPECT_EQ(pool_->ready(entry), 1u);
    EXPECT_EQ(table(entry).free_slots.load(), 1u);
    const SlotRef ref = shared_.capacity->refs[entry][0];
    ASSERT_NE(ref.channel->api, nullptr);
    EXPECT_EQ(ref.channel->api->function_arn,
              "arn:aws:lambda::000000000000:function:f:00ff00ff00ff00ff");
}

TEST_F(ApiStarts, ItsOwnWordsWhenItsInitialisationFails) {
    const std::uint32_t entry = open_api();
    spawned(entry);
    say("POST /2018-06-01/runtime/init/error HTTP/1.1\r\n"
        "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n"
        "Content-Length: 19\r\n\r\n{\"errorMessage\":\n1}");
    step();
    EXPECT_EQ(pool_->start_failure(entry),
              "its initialisation failed: Runtime.ImportModuleError: {\"errorMessage\": 1}");
    take_orders();
    ASSERT_EQ(killed_.size(), 1u);
    exited(last_);
    step();
    EXPECT_EQ(pool_->workers(), 0u);
    EXPECT_EQ(pool_->totals().failed, 1u);
}

TEST_F(ApiStarts, HowItEndedIsToldToTheCores) {
    const std::uint32_t entry = open_api();
    spawned(entry);
    say("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n");
    step();
    ASSERT_EQ(table(entry).claim(0), 0u);  // a core has it
    const Channel* channel = shared_.capacity->refs[entry][0].channel;
    pool_->set_target(entry, 0, true);
    exited(last_, 9);
    step();
    EXPECT_TRUE(channel->dead.load());
    EXPECT_EQ(channel->exit_signal, 9);
    EXPECT_EQ(channel->exit_code, -1);
    table(entry).retire(0);
    step();
    EXPECT_EQ(pool_->workers(), 0u);
}

TEST_F(ApiStarts, OneThatNeverAsksIsGivenUp) {
    const std::uint32_t entry = open_api();
    spawned(entry);
    say("GET /2018-06-01/ping HTTP/1.1\r\n\r\n");
    step(11'000'000);
    EXPECT_NE(pool_->start_failure(entry).find("did not become ready"), std::string::npos);
}

}  // namespace
}  // namespace skerry::placement
