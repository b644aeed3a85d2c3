// Processes that are copied, outside of any jail and with address randomisation as it is.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "tests/sandbox/template/copies.hpp"

namespace skerry::test {
namespace {

// Enough to see addresses that collide now and then.
constexpr int kCopies = 15;

void expect_copies(const std::string& scenario, const std::string& output, int copies = kCopies,
                   const std::vector<std::string>& environment = {}) {
    const Template taken({subject(), scenario}, environment);
    ASSERT_TRUE(taken.good()) << scenario << ": " << taken.outcome().code << " signal "
                              << taken.outcome().signal << ": " << taken.outcome().output;
    EXPECT_EQ(taken.outcome().output, "");
    for (int i = 0; i < copies; ++i) {
        const Outcome copy = taken.copy();
        ASSERT_EQ(copy.code, 0) << scenario << " in copy " << i << ", signal " << copy.signal
                                << ": " << copy.output;
        ASSERT_EQ(copy.output, output);
    }
}

TEST(Template, KeepsTheStateOfTheProcess) {
    expect_copies("state", "buffered by the template, printed by the copy\ndone\n");
}

TEST(Template, CopiesWorkAsAnyProcess) {
    expect_copies("works", "done\n");
}

// Each template has other addresses, and so has each copy before it becomes one.
TEST(Template, AddressesDoNotCollide) {
    for (int i = 0; i < 20; ++i) expect_copies("plain", "done\n", 10);
}

TEST(Template, CopiesWorkWithCopiedMemory) {
    expect_copies("works", "done\n", 5, {"SKERRY_SNAPSHOT_EXACT=1"});
    expect_copies("state", "buffered by the template, printed by the copy\ndone\n", 5,
                  {"SKERRY_SNAPSHOT_EXACT=1"});
}

TEST(Template, NothingOfTheRestorerStays) {
    expect_copies("clean", "done\n");
}

TEST(Template, HonoursWipeOnForkAndUnreadableMemory) {
    expect_copies("wiped", "done\n", 10);
    expect_copies("wiped", "done\n", 5, {"SKERRY_SNAPSHOT_EXACT=1"});
}

TEST(Template, CopiesDoNotSeeEachOthersWrites) {
    const Template taken({subject(), "writes"});
    ASSERT_TRUE(taken.good()) << taken.outcome().output;
    for (int round = 0; round < 10; ++round) {
        Running one({restorer()}, taken.memfd());
        Running other({restorer()}, taken.memfd());
        for (Running* copy : {&one, &other}) {
            const Outcome outcome = copy->wait();
            EXPECT_EQ(outcome.code, 0) << outcome.output;
        }
    }
}

TEST(Template, CopiesHaveDifferentRandomNumbers) {
    const Template taken({subject(), "numbers"});
    ASSERT_TRUE(taken.good()) << taken.outcome().output;
    std::set<std::string> seen;
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(seen.insert(taken.copy().output).second);
}

TEST(Template, RefusesWhatCannotBeCopied) {
    const std::pair<const char*, const char*> cases[] = {{"threads", "threads"},
                                                         {"descriptors", "descriptors"},
                                                         {"children", "children"},
                                                         {"zombie", "children"},
                                                         {"alarm", "timers"},
                                                         {"timer", "timers"},
                                                         {"shared_memory", "shared_memory"},
                                                         {"locked_memory", "locked_memory"},
                                                         {"low_memory", "low_memory"},
                                                         {"too_large", "too_large"},
                                                         {"too_many_areas", "too_many_areas"},
                                                         {"memfd", "memfd"},
                                                         {"no memfd", "memfd"}};
    for (const auto& [scenario, reason] : cases) {
        const Template taken({subject(), scenario});
        EXPECT_EQ(taken.outcome().output, std::string("refused: ") + reason + "\n") << scenario;
        EXPECT_GT(taken.outcome().code, snapshot::kRefusedExit) << scenario;
        EXPECT_EQ(taken.copy().code, snapshot::kRestoreFailedExit) << scenario;
    }
}

TEST(Restorer, SaysWhatIsWrongWithASnapshot) {
    const auto outcome = [](int fd) { return Running({restorer()}, fd).wait(); };
    const Outcome none = outcome(-1);
    EXPECT_EQ(none.code, snapshot::kRestoreFailedExit);
    EXPECT_EQ(none.output, "skerry-restore: there is no snapshot, errno 9\n");
    const UniqueFd file = empty_snapshot();
    EXPECT_EQ(outcome(file.get()).output, "skerry-restore: the snapshot is too short\n");
    ASSERT_EQ(::ftruncate(file.get(), 2 << 20), 0);
    EXPECT_EQ(outcome(file.get()).output, "skerry-restore: not a finished snapshot\n");
    EXPECT_EQ(outcome(file.get()).code, snapshot::kRestoreFailedExit);
}

}  // namespace
}  // namespace skerry::test
