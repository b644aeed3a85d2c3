#include "control/controller/notify.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace skerry::control {
namespace {

// Plays the service manager.
class Notify : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        name_ = std::string(folder_) + "/socket";
        socket_ = UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, name_.data(), name_.size());
        ASSERT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    }
    void TearDown() override {
        unlink(name_.c_str());
        rmdir(folder_);
    }
    std::string heard() const {
        char text[64];
        const ssize_t bytes = recv(socket_.get(), text, sizeof text, 0);
        return std::string(text, bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    }

    char folder_[32] = "/tmp/skerry-notify-XXXXXX";
    std::string name_;
    UniqueFd socket_;
};

TEST_F(Notify, SaysWhatHappens) {
    Notifier notifier(name_, 0);
    EXPECT_EQ(notifier.period_us(), 0u);
    notifier.ready();
    EXPECT_EQ(heard(), "READY=1");
    notifier.stopping();
    EXPECT_EQ(heard(), "STOPPING=1");
    notifier.alive(1);
    EXPECT_EQ(heard(), "") << "nobody waits for it";
}

TEST_F(Notify, IsAliveTwiceInTheTimeThatItIsGiven) {
    Notifier notifier(name_, 1000);
    EXPECT_EQ(notifier.period_us(), 500u);
    notifier.alive(10'000);
    EXPECT_EQ(heard(), "WATCHDOG=1");
    notifier.alive(10'499);
    EXPECT_EQ(heard(), "");
    notifier.alive(10'500);
    EXPECT_EQ(heard(), "WATCHDOG=1");
}

TEST_F(Notify, ReadsTheEnvironment) {
    setenv("NOTIFY_SOCKET", name_.c_str(), 1);
    setenv("WATCHDOG_USEC", "3000000", 1);
    EXPECT_EQ(Notifier::from_environment().period_us(), 1'500'000u);
    setenv("WATCHDOG_PID", std::to_string(getpid() + 1).c_str(), 1);
    EXPECT_EQ(Notifier::from_environment().period_us(), 0u) << "meant for another process";
    setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
    EXPECT_EQ(Notifier::from_environment().period_us(), 1'500'000u);
    setenv("WATCHDOG_USEC", "3s", 1);
    EXPECT_EQ(Notifier::from_environment().period_us(), 0u) << "makes no sense";
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    Notifier nobody = Notifier::from_environment();
    nobody.ready();
    EXPECT_EQ(heard(), "");
}

// None of them may stop or hold up a server.
TEST_F(Notify, ManagersThatDoNotListen) {
    for (const std::string& name :
         {std::string("relative"), std::string("@"), std::string(200, '/'),
          std::string("/nonexistent/socket"), std::string("@skerry-test-nobody-is-here")}) {
        Notifier notifier(name, 1000);
        notifier.ready();
        notifier.alive(1);
    }
    Notifier notifier(name_, 0);
    for (int i = 0; i < 10'000; ++i) notifier.ready();  // more than fit into the socket
    EXPECT_EQ(heard(), "READY=1");
}

}  // namespace
}  // namespace skerry::control
