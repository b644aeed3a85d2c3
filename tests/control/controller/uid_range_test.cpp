// Ranges of uids: never two that overlap, and a range is free again when its holder is gone.
#include "control/controller/uid_range.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace skerry::control {
namespace {

class UidRange : public ::testing::Test {
  protected:
    UidRange() { EXPECT_NE(mkdtemp(root_.data()), nullptr); }
    ~UidRange() override { std::filesystem::remove_all(root_); }
    Result<UniqueFd> lock(std::uint32_t first, std::uint32_t count) const {
        return lock_uids(root_ + "/skerry", first, count);
    }
    std::string root_ = "/tmp/skerry-uids-XXXXXX";
};

TEST_F(UidRange, RangesBesideEachOther) {
    const auto a = lock(300'000, 100), b = lock(300'100, 100), c = lock(299'900, 100);
    EXPECT_TRUE(a) << a.error().text;
    EXPECT_TRUE(b) << b.error().text;
    EXPECT_TRUE(c) << c.error().text;
}

TEST_F(UidRange, OneThatOverlapsIsRefusedAndSaysWhere) {
    const auto a = lock(300'000, 100);
    ASSERT_TRUE(a) << a.error().text;
    struct Range {
        std::uint32_t first, count;
    };
    for (const Range& range : {Range{300'000, 100}, Range{300'099, 1}, Range{299'000, 1001},
                               Range{200'000, 200'000}, Range{300'050, 10}}) {
        const auto b = lock(range.first, range.count);
        ASSERT_FALSE(b) << range.first;
        EXPECT_EQ(b.error().code, EBUSY);
        EXPECT_NE(b.error().text.find("workers.first_uid"), std::string::npos) << b.error().text;
        EXPECT_NE(b.error().text.find("has uids 300000 to 300099"), std::string::npos)
            << b.error().text;
    }
}

TEST_F(UidRange, ItIsFreeWhenItsHolderIsGoneHoweverItWent) {
    { ASSERT_TRUE(lock(300'000, 100)); }
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        const auto held = lock(300'000, 100);
        const char well = held ? 'y' : 'n';
        if (write(ready[1], &well, 1) != 1) _exit(1);
        for (;;) pause();
    }
    char well = 0;
    ASSERT_EQ(read(ready[0], &well, 1), 1);
    EXPECT_EQ(well, 'y');
    EXPECT_FALSE(lock(300'050, 100));
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    const auto again = lock(300'050, 100);
    EXPECT_TRUE(again) << again.error().text;
    close(ready[0]);
    close(ready[1]);
}

TEST_F(UidRange, NotThroughALinkThatSomebodyPutThere) {
    ASSERT_EQ(mkdir((root_ + "/skerry").c_str(), 0755), 0);
    ASSERT_EQ(symlink("/etc/passwd", (root_ + "/skerry/uids").c_str()), 0);
    const auto held = lock(300'000, 100);
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().code, ELOOP);
}

}  // namespace
}  // namespace skerry::control
