#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>

#include "sandbox/base/check.hpp"
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

}  // namespace
}  // namespace skerry
