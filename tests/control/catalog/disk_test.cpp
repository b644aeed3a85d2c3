// Disks that are full, or may not be written: in file systems of the test's own.
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <filesystem>

#include "tests/control/catalog/catalog_rig.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;

class CatalogDisk : public CatalogTest {
  protected:
    void SetUp() override {
        CatalogTest::SetUp();
        // What is mounted is this process's alone, and goes with it.
        ASSERT_EQ(unshare(CLONE_NEWNS), 0);
        ASSERT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        fs::create_directory(state_);
        ASSERT_EQ(mount("tmpfs", state_.c_str(), "tmpfs", 0, "size=1m"), 0);
    }
    void TearDown() override {
        umount2(state_.c_str(), MNT_DETACH);
        CatalogTest::TearDown();
    }
    // To the last byte.
    void fill_up() {
        std::ofstream out(state_ + "/others", std::ios::binary);
        while (out.write(std::string(4096, 'x').data(), 4096).flush()) {
        }
        struct statvfs disk {};
        ASSERT_EQ(statvfs(state_.c_str(), &disk), 0);
        ASSERT_EQ(disk.f_bavail, 0u);
    }
    void make_room() { fs::remove(state_ + "/others"); }
};

TEST_F(CatalogDisk, FullRefusesAChangeAndNothingElse) {
    Catalog catalog = open();
    ASSERT_TRUE(catalog.put(make("f", 1)));
    const auto before = catalog.functions();
    const auto epoch = catalog.epoch();
    fill_up();
    int kept = 0;
    Status refused = ok();
    // A few may still fit into what the log has already.
    while (refused && kept < 1000) {
        refused = catalog.put(make("g" + std::to_string(kept), 1));
        kept += refused ? 1 : 0;
    }
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, EIO);
    EXPECT_NE(refused.error().text.find(file_), std::string::npos);
    EXPECT_NE(refused.error().text.find("its disk is full"), std::string::npos)
        << refused.error().text;
    EXPECT_EQ(catalog.functions().size(), before.size() + static_cast<std::size_t>(kept));
    EXPECT_EQ(catalog.epoch(), epoch + static_cast<std::uint64_t>(kept));
    EXPECT_FALSE(catalog.erase("f"));
    EXPECT_EQ(open().functions(), catalog.functions());
    make_room();
    ASSERT_TRUE(catalog.erase("f"));
    EXPECT_EQ(open().functions(), catalog.functions());
}

// A server that can't be told anything serves what it has.
TEST_F(CatalogDisk, FullAtStart) {
    { ASSERT_TRUE(open().put(make("f", 1))); }
    fill_up();
    {
        Catalog catalog = open();
        EXPECT_EQ(catalog.functions().size(), 1u);
        EXPECT_FALSE(catalog.put(make("g", 1)));
        make_room();
        EXPECT_TRUE(catalog.put(make("g", 1)));
    }
    EXPECT_EQ(open().functions().size(), 2u);
}

TEST_F(CatalogDisk, FullWhenThereIsNoneYet) {
    fill_up();
    for (const bool with_json : {false, true}) {
        if (with_json) {
            make_room();
            State state;
            for (int n = 0; n < 100; ++n) ASSERT_TRUE(state.add(make("f" + std::to_string(n), n)));
            put_text(json_, catalog_json(state));
            fill_up();
        }
        EXPECT_FALSE(Catalog::open(state_));
        EXPECT_FALSE(fs::exists(file_));
        EXPECT_EQ(fs::exists(json_), with_json);
        EXPECT_EQ(std::distance(fs::directory_iterator(state_), {}), 1 + with_json)
            << "nothing half stays";
    }
    make_room();
    EXPECT_EQ(open().functions().size(), 100u);
}

TEST_F(CatalogDisk, ReadOnly) {
    { ASSERT_TRUE(open().put(make("f", 1))); }
    ASSERT_EQ(mount("none", state_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
    const auto refused = Catalog::open(state_);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find(file_ + " can't be written"), std::string::npos)
        << refused.error().text;
    ASSERT_EQ(mount("none", state_.c_str(), nullptr, MS_REMOUNT, nullptr), 0);
    Catalog catalog = open();
    EXPECT_EQ(catalog.functions().size(), 1u);
}

}  // namespace
}  // namespace skerry::catalog
