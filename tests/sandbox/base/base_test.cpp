#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <string>

#include "sandbox/base/check.hpp"
#include "sandbox/base/records.hpp"
#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry {
namespace {

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}
int open_null() {
    return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

TEST(UniqueFd, ClosesWhatItOwns) {
    const int fd = open_null();
    {
        const UniqueFd owner(fd);
        EXPECT_TRUE(owner);
        EXPECT_EQ(owner.get(), fd);
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(UniqueFd, OwnsNothingByDefault) {
    const UniqueFd none;
    EXPECT_FALSE(none);
    EXPECT_EQ(none.get(), -1);
}

TEST(UniqueFd, MovingHandsOver) {
    const int fd = open_null();
    UniqueFd first(fd);
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT: what a moved-from one is
    EXPECT_EQ(second.get(), fd);

    const int replaced = open_null();
    UniqueFd third(replaced);
    third = std::move(second);
    EXPECT_EQ(third.get(), fd);
    EXPECT_FALSE(is_open(replaced));
    EXPECT_TRUE(is_open(fd));
}

TEST(UniqueFd, AssigningToItselfKeepsIt) {
    const int fd = open_null();
    UniqueFd owner(fd);
    UniqueFd& same = owner;
    owner = std::move(same);
    EXPECT_EQ(owner.get(), fd);
    EXPECT_TRUE(is_open(fd));
}

TEST(UniqueFd, ReleaseAndReset) {
    const int fd = open_null();
    UniqueFd owner(fd);
    EXPECT_EQ(owner.release(), fd);
    EXPECT_FALSE(owner);
    EXPECT_TRUE(is_open(fd));
    owner.reset(fd);
    owner.reset();
    EXPECT_FALSE(is_open(fd));
}

TEST(Result, HoldsAValueOrAnError) {
    const Result<int> value = 7;
    ASSERT_TRUE(value);
    EXPECT_EQ(*value, 7);
    const Result<int> error = Error{EINVAL, "no"};
    ASSERT_FALSE(error);
    EXPECT_EQ(error.error().code, EINVAL);
    EXPECT_EQ(error.error().text, "no");
}

TEST(Result, MovesOutWhatCannotBeCopied) {
    Result<std::unique_ptr<int>> made = std::make_unique<int>(3);
    ASSERT_TRUE(made);
    const std::unique_ptr<int> taken = std::move(made).value();
    EXPECT_EQ(*taken, 3);
}

TEST(Result, StatusIsOkOrAnError) {
    EXPECT_TRUE(ok());
    const Status failed = errno_error("open /x", ENOENT);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ENOENT);
    EXPECT_EQ(failed.error().text, "open /x: No such file or directory");
}

TEST(CheckDeathTest, SaysWhatIsBroken) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(SKERRY_CHECK(1 + 1 == 3), "broken invariant: 1 \\+ 1 == 3 .*base_test");
    SKERRY_CHECK(1 + 1 == 2);
}

class Records : public ::testing::Test {
  protected:
    void SetUp() override {
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        ours_ = UniqueFd(ends[0]);
        theirs_ = UniqueFd(ends[1]);
    }
    ReceivedRecord receive() {
        return take_record(theirs_.get(), text_, sizeof text_, fds_, MSG_DONTWAIT);
    }
    int send(std::size_t bytes, std::size_t fds) {
        return send_record(ours_.get(), std::string(bytes, 'x').data(), bytes,
                           std::vector<int>(fds, STDIN_FILENO));
    }

    UniqueFd ours_, theirs_;
    char text_[8] = {};
    std::vector<UniqueFd> fds_;
};

TEST_F(Records, ComeWholeWithTheirDescriptors) {
    ASSERT_EQ(send(5, kRecordFdsMax), 0);
    ASSERT_EQ(send(8, 0), 0);
    auto got = receive();
    EXPECT_EQ(got.bytes, 5u);
    EXPECT_EQ(got.error, 0);
    ASSERT_EQ(fds_.size(), kRecordFdsMax);
    EXPECT_EQ(::fcntl(fds_[0].get(), F_GETFD), FD_CLOEXEC);
    got = receive();
    EXPECT_EQ(got.bytes, 8u);
    EXPECT_TRUE(fds_.empty());
    EXPECT_EQ(receive().error, EAGAIN);
    ours_.reset();
    got = receive();
    EXPECT_EQ(got.bytes, 0u);
    EXPECT_EQ(got.error, 0);
}

TEST_F(Records, TooLongIsSaid) {
    ASSERT_EQ(send(9, 1), 0);
    EXPECT_EQ(receive().error, EMSGSIZE);
}

TEST_F(Records, DescriptorsThatThereIsNoRoomForAreSaid) {
    ASSERT_EQ(send(5, 3), 0);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int next = ::dup(0);
    ::close(next);
    const rlimit one_more{static_cast<rlim_t>(next) + 1, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
    const auto got = receive();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_EQ(got.bytes, 5u);
    EXPECT_EQ(got.error, EMFILE);
    EXPECT_EQ(fds_.size(), 1u);
}

}  // namespace
}  // namespace skerry
