// Capacity entries: there are kMaxEntries, and more versions than that may be kept.
#include <set>

#include "tests/control/controller/rig.hpp"

namespace skerry::control {
namespace {

class Entries : public ControllerTest {
  protected:
    static catalog::Function function(const std::string& name, std::size_t versions) {
        catalog::Function made;
        made.name = name;
        for (std::size_t i = 0; i < versions; ++i)
            made.versions.push_back(catalog::sha256_hex(name + std::to_string(i)));
        made.current = made.versions.back();
        return made;
    }
    // Functions with so many versions in all.
    static std::vector<catalog::Function> functions(std::size_t versions) {
        std::vector<catalog::Function> all;
        while (versions != 0) {
            const std::size_t some = std::min(versions, catalog::kMaxVersionsKept);
            all.push_back(function("f" + std::to_string(all.size()), some));
            versions -= some;
        }
        return all;
    }
};

TEST_F(Entries, MoreVersionsThanEntriesAreNoReasonNotToStart) {
    const auto all = functions(kMaxEntries + 100);
    fill(all);
    open();
    std::set<std::uint32_t> taken;
    for (const catalog::Function& each : all) {
        EXPECT_NE(entry(each.name), kNoEntry) << each.name;
        for (const std::string& digest : each.versions) taken.insert(entry(each.name, digest));
    }
    taken.erase(kNoEntry);
    EXPECT_EQ(taken.size(), kMaxEntries);
}

TEST_F(Entries, AnOldVersionGivesItsEntryToACurrentOne) {
    const auto all = functions(kMaxEntries);
    fill(all);
    open();
    ASSERT_EQ(entry("new"), kNoEntry);
    const auto deployed = deploy("new", echo_archive("1"));
    ASSERT_TRUE(deployed.ok) << deployed.error.message;
    const std::uint32_t given = entry("new");
    ASSERT_NE(given, kNoEntry);
    std::size_t without = 0;
    for (const catalog::Function& each : all) {
        EXPECT_NE(entry(each.name), kNoEntry) << each.name;
        for (const std::string& digest : each.versions) {
            without += entry(each.name, digest) == kNoEntry;
            EXPECT_NE(entry(each.name, digest), given);
        }
    }
    EXPECT_EQ(without, 1u);
}

// One free entry, and a function that needs three: the refusal came when the first was taken, and
// left that one in the catalog's hands and in the pool's.
TEST_F(Entries, OldVersionsDoWithoutWhenThereAreNotEnough) {
    auto all = functions(kMaxEntries - 1);
    catalog::Function moved = function("moved", 2);
    moved.policy.place = Place::region;
    all.push_back(moved);
    fill(all);
    open();
    ASSERT_EQ(entry("moved"), kNoEntry);
    const auto deployed = deploy("moved", echo_archive("3"));
    ASSERT_TRUE(deployed.ok) << deployed.error.message;
    EXPECT_NE(entry("moved"), kNoEntry);
    for (const std::string& digest : moved.versions) EXPECT_EQ(entry("moved", digest), kNoEntry);
}

TEST_F(Entries, AFailedDeployLeavesNothingBehind) {
    open();
    const std::string first = echo_archive("1"), second = echo_archive("2");
    ASSERT_TRUE(deploy("f", first).ok);
    const std::uint32_t mine = entry("f");
    ASSERT_NE(mine, kNoEntry);
    break_catalog();
    admin::DeployRequest larger = request("f");
    larger.limits.memory_mib = 64;  // of another shape: needs an entry of its own
    const auto refused = controller_->deploy(larger, second);
    ASSERT_FALSE(refused.ok);
    EXPECT_EQ(refused.error.http_status, 507) << refused.error.message;
    EXPECT_EQ(refused.error.code, "catalog");
    EXPECT_FALSE(controller_->deploy(request("new"), second).ok);
    EXPECT_EQ(controller_->alias("f", "stable", catalog::sha256_hex(first)).error.code, "catalog");
    mend_catalog();
    const auto view = controller_->function("f");
    ASSERT_TRUE(view.ok);
    EXPECT_EQ(view.value.function.current, catalog::sha256_hex(first));
    EXPECT_EQ(view.value.function.limits.memory_mib, 128u);
    EXPECT_EQ(entry("f"), mine);
    EXPECT_FALSE(controller_->function("new").ok);
    // Whoever comes next gets an entry of its own.
    std::set<std::uint32_t> entries{mine};
    for (const char* name : {"g", "h", "i"}) {
        ASSERT_TRUE(deploy(name, second).ok);
        EXPECT_TRUE(entries.insert(entry(name)).second) << name;
    }
    EXPECT_EQ(entry("f"), mine);
}

TEST_F(Entries, AFunctionThatMovesToRegionsGivesThemBack) {
    add_region("north");
    open();
    ASSERT_TRUE(deploy("f", echo_archive("1")).ok);
    ASSERT_NE(entry("f"), kNoEntry);
    admin::DeployRequest there = request("f");
    there.policy.place = Place::region;
    ASSERT_TRUE(controller_->deploy(there, echo_archive("2")).ok);
    EXPECT_EQ(entry("f"), kNoEntry);
    EXPECT_EQ(entry("f", catalog::sha256_hex(echo_archive("1"))), kNoEntry);
}

}  // namespace
}  // namespace skerry::control
