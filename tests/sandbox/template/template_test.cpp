// Processes that are copied, outside of any jail and with address randomisation as it is.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <set>

#include "sandbox/template/check.hpp"
#include "tests/sandbox/template/copies.hpp"

namespace skerry::test {
namespace {

// Enough to see addresses that collide now and then.
constexpr int kCopies = 15;

void expect_copies_of(const std::vector<std::string>& command, const std::string& output,
                      int copies = kCopies, const std::vector<std::string>& environment = {},
                      Pids pids = Pids::ours) {
    const Template taken(command, environment, {}, pids);
    ASSERT_TRUE(taken.good()) << command.back() << ": " << taken.outcome().code << " signal "
                              << taken.outcome().signal << ": " << taken.outcome().output;
    EXPECT_EQ(taken.outcome().output, "");
    for (int i = 0; i < copies; ++i) {
        const Outcome copy = taken.copy();
        ASSERT_EQ(copy.code, 0) << command.back() << " in copy " << i << ", signal " << copy.signal
                                << ": " << copy.output;
        ASSERT_EQ(copy.output, output);
    }
}

void expect_copies(const std::string& scenario, const std::string& output, int copies = kCopies,
                   const std::vector<std::string>& environment = {}, Pids pids = Pids::ours) {
    expect_copies_of({subject(), scenario}, output, copies, environment, pids);
}

TEST(Template, KeepsTheStateOfTheProcess) {
    expect_copies("state", "buffered by the template, printed by the copy\ndone\n");
}

TEST(Template, CopiesWorkAsAnyProcess) {
    expect_copies("works", "done\n");
}

TEST(Template, CopiesWorkAsProcessOne) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    expect_copies("works", "done\n", 5, {}, Pids::own);
}

// With nothing that the restorer might have from root, and only what a jail's /proc shows.
TEST(Template, NeedsNoPrivileges) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    // Where anybody may execute it: the build may be in a folder of root's.
    std::string folder = std::filesystem::temp_directory_path() / "skerry-template-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    for (const auto& [from, name] : {std::pair{subject(), "/subject"}, {restorer(), "/restore"}})
        std::filesystem::copy_file(from, folder + name);
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
    for (const char* scenario : {"works", "clean", "wiped"}) {
        const Template taken({folder + "/subject", scenario}, {}, {}, Pids::unprivileged);
        EXPECT_TRUE(taken.good()) << taken.outcome().code << ": " << taken.outcome().output;
        for (int i = 0; i < 3; ++i) {
            const Outcome copy = taken.copy({}, folder + "/restore");
            EXPECT_EQ(copy.code, 0) << scenario << ": " << copy.output;
            EXPECT_EQ(copy.output, "done\n");
        }
    }
    std::filesystem::remove_all(folder);
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

// No libraries, and everything at fixed low addresses.
TEST(Template, CopiesOfAStaticProgramWork) {
    const std::string program = std::getenv("SKERRY_TEST_STATIC_SUBJECT");
    expect_copies_of({program, "works"}, "done\n", 5);
    expect_copies_of({program, "state"}, "buffered by the template, printed by the copy\ndone\n",
                     5);
}

TEST(Template, ForeignAllocatorsFindZerosWhereTheyCountOnThem) {
    expect_copies_of({std::getenv("SKERRY_TEST_JEMALLOC_SUBJECT")}, "done\n", 5);
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
    const auto bytes = [&taken] {
        std::string all(snapshot::kDataOffset + (16u << 20), '\0');
        EXPECT_GT(::pread(taken.memfd(), all.data(), all.size(), 0), 0);
        return all;
    };
    const std::string before = bytes();
    for (int round = 0; round < 10; ++round) {
        Running one({restorer()}, taken.memfd());
        Running other({restorer()}, taken.memfd());
        for (Running* copy : {&one, &other}) {
            const Outcome outcome = copy->wait();
            EXPECT_EQ(outcome.code, 0) << outcome.output;
        }
    }
    EXPECT_TRUE(bytes() == before) << "a copy has written to the snapshot";
}

TEST(Template, CopiesHaveDifferentRandomNumbers) {
    const Template taken({subject(), "numbers"});
    ASSERT_TRUE(taken.good()) << taken.outcome().output;
    std::set<std::string> seen;
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(seen.insert(taken.copy().output).second);
}

// Process ids tell OpenSSL nothing here: in jails template and copies are all number 1.
TEST(Template, OpensslIsSeededAgain) {
    const Template taken({std::getenv("SKERRY_TEST_OPENSSL_SUBJECT")});
    ASSERT_TRUE(taken.good()) << taken.outcome().output;
    std::set<std::string> seen;
    for (int i = 0; i < 20; ++i) {
        const Outcome copy = taken.copy();
        ASSERT_EQ(copy.code, 0) << copy.output;
        EXPECT_EQ(copy.output.size(), 65u);  // 16 bytes of each of its two generators
        EXPECT_TRUE(seen.insert(copy.output.substr(0, 32)).second);
        EXPECT_TRUE(seen.insert(copy.output.substr(32)).second);
    }
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

// Mutations of a real one. The restorer refuses exactly what check.hpp says is wrong; of the rest
// nothing is expected but that it comes to an end like any process that may be killed.
TEST(Restorer, HostileTablesEndInAMessageOrAProcess) {
    const Template taken({subject(), "plain"});
    ASSERT_TRUE(taken.good());
    struct stat found;
    ASSERT_EQ(::fstat(taken.memfd(), &found), 0);
    std::vector<char> original(snapshot::kDataOffset + (4u << 20));
    ASSERT_GT(::pread(taken.memfd(), original.data(), original.size(), 0), 0);
    std::mt19937 random(3);
    int refused = 0;
    for (int round = 0; round < 200; ++round) {
        std::vector<char> bytes = original;
        auto* header = reinterpret_cast<snapshot::Header*>(bytes.data());
        const auto* files =
            reinterpret_cast<snapshot::File*>(bytes.data() + snapshot::kFilesOffset);
        const auto* areas =
            reinterpret_cast<snapshot::Area*>(bytes.data() + snapshot::kAreasOffset);
        const std::size_t table_bytes = header->area_count * sizeof(snapshot::Area);
        for (int change = 0; change < 2; ++change) {
            const bool in_header = random() % 3 == 0;
            const std::size_t at = in_header ? random() % sizeof(snapshot::Header)
                                             : snapshot::kAreasOffset + random() % table_bytes;
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        }
        const UniqueFd file = empty_snapshot();
        ASSERT_EQ(::ftruncate(file.get(), found.st_size), 0);
        ASSERT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
        const char* wrong =
            snapshot::flaw({header, files, areas}, static_cast<uint64_t>(found.st_size));
        Running process({restorer()}, file.get(), {}, {}, 2);
        const Outcome outcome = process.wait();
        if (wrong == nullptr) continue;
        ++refused;
        EXPECT_EQ(outcome.code, snapshot::kRestoreFailedExit) << wrong;
        EXPECT_EQ(outcome.output, std::string("skerry-restore: ") + wrong + "\n");
    }
    EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace skerry::test
