#include "control/catalog/catalog.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "control/catalog/artifacts.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;

std::string digest(int n) {
    return sha256_hex("version " + std::to_string(n));
}

Function make(const std::string& name, int version) {
    Function f;
    f.name = name;
    f.current = digest(version);
    f.versions = {f.current};
    return f;
}

class CatalogTest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        state_ = std::string(folder_) + "/state";
        file_ = state_ + "/catalog.json";
    }
    void TearDown() override { fs::remove_all(folder_); }

    Catalog open() {
        auto catalog = Catalog::open(state_);
        EXPECT_TRUE(catalog) << catalog.error().text;
        return std::move(catalog).value();
    }
    std::string text() {
        std::ostringstream out;
        out << std::ifstream(file_).rdbuf();
        return out.str();
    }

    char folder_[32] = "/tmp/skerry-catalog-XXXXXX";
    std::string state_, file_;
};

TEST(CatalogKeys, AreTheFirstBytesOfTheDigest) {
    EXPECT_EQ(sha256_hex("hello"),
              "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    EXPECT_EQ(function_key("hello"), 0x2cf24dba5fb0a30eull);
    EXPECT_EQ(version_key(sha256_hex("hello")), 0x2cf24dba5fb0a30eull);
    EXPECT_EQ(version_key(std::string(64, '0')), 1u) << "0 means: the current version";
}

TEST(CatalogRules, NamesAndLimits) {
    for (const char* good : {"a", "Resize_image-2", "_"}) EXPECT_TRUE(validate_name(good)) << good;
    EXPECT_TRUE(validate_name(std::string(63, 'x')));
    for (const char* bad : {"", "a b", "a/b", "..", "a.b", "\xc3\xa4", "a\n"})
        EXPECT_FALSE(validate_name(bad)) << bad;
    EXPECT_FALSE(validate_name(std::string(64, 'x')));
    EXPECT_FALSE(validate_name(std::string("a\0b", 3)));

    EXPECT_TRUE(validate(Limits{}));
    const auto broken = [](auto change) {
        Limits l;
        change(l);
        return !validate(l);
    };
    EXPECT_TRUE(broken([](Limits& l) { l.memory_mib = 15; }));
    EXPECT_TRUE(broken([](Limits& l) { l.memory_mib = 4097; }));
    EXPECT_TRUE(broken([](Limits& l) { l.timeout_ms = 0; }));
    EXPECT_TRUE(broken([](Limits& l) { l.timeout_ms = 900001; }));
    EXPECT_TRUE(broken([](Limits& l) { l.concurrency = 65; }));
    EXPECT_TRUE(broken([](Limits& l) { l.warm_min = 65; }));
    EXPECT_TRUE(broken([](Limits& l) { l.warm_min = 5; })) << "over warm_max";
    EXPECT_TRUE(broken([](Limits& l) { l.warm_max = 0; }));
    EXPECT_TRUE(broken([](Limits& l) { l.max_payload_bytes = 6291457; }));
    EXPECT_TRUE(broken([](Limits& l) { l.cpu_percent = 6401; }));
    EXPECT_TRUE(broken([](Limits& l) { l.cpu_weight = 0; }));
    EXPECT_TRUE(broken([](Limits& l) { l.latency_weight = 0; }));
    EXPECT_TRUE(broken([](Limits& l) { l.cpu_ms = 900001; }));
    EXPECT_TRUE(broken([](Limits& l) { l.tmp_mib = 1025; }));
    EXPECT_TRUE(broken([](Limits& l) { l.pids_max = 0; }));
    EXPECT_TRUE(broken([](Limits& l) { l.log_kib = 1025; }));
    EXPECT_TRUE(broken([](Limits& l) { l.egress = "../internet"; }));
    EXPECT_TRUE(broken([](Limits& l) { l.egress = "sixteen-letters-"; }));
    EXPECT_FALSE(broken([](Limits& l) { l.egress = "internet"; }));
    EXPECT_TRUE(broken([](Limits& l) { l.tenant = "two words"; }));
    EXPECT_TRUE(broken([](Limits& l) { l.tenant = "default"; }));
    EXPECT_FALSE(broken([](Limits& l) { l.tenant = "Gold-1_a"; }));
}

TEST_F(CatalogTest, StartsEmptyAndKeepsWhatItIsTold) {
    std::uint64_t epoch = 0;
    {
        Catalog catalog = open();
        EXPECT_TRUE(catalog.functions().empty());
        epoch = catalog.epoch();
        Function f = make("hello", 1);
        f.limits.memory_mib = 256;
        f.limits.cold_cost_ms = 70;
        f.policy = {Place::region, RetryPolicy::idempotent, {"north", "south"}};
        ASSERT_TRUE(catalog.put(f));
        ASSERT_TRUE(catalog.put(make("gone", 1)));
        ASSERT_TRUE(catalog.erase("gone"));
        EXPECT_GT(catalog.epoch(), epoch + 2);
        epoch = catalog.epoch();
    }
    Catalog again = open();
    EXPECT_EQ(again.epoch(), epoch);
    ASSERT_EQ(again.functions().size(), 1u);
    const Function* f = again.find("hello");
    ASSERT_NE(f, nullptr);
    EXPECT_EQ(f->limits.memory_mib, 256u);
    EXPECT_EQ(f->limits.cold_cost_ms, 70u);
    EXPECT_EQ(f->policy, (Policy{Place::region, RetryPolicy::idempotent, {"north", "south"}}));
    EXPECT_EQ(f->current, digest(1));
    EXPECT_EQ(again.find("gone"), nullptr);
    EXPECT_EQ(again.erase("gone").error().code, ENOENT);
}

TEST_F(CatalogTest, OldVersionsAreForgottenAndTheCurrentOneNever) {
    Catalog catalog = open();
    Function f = make("f", 0);
    f.versions.clear();  // none given: those known before
    for (int v = 0; v < 20; ++v) {
        f.current = digest(v);
        ASSERT_TRUE(catalog.put(f));
    }
    EXPECT_EQ(catalog.find("f")->versions.size(), kMaxVersionsKept);
    EXPECT_EQ(catalog.find("f")->versions.front(), digest(4));
    EXPECT_EQ(catalog.find("f")->versions.back(), digest(19));
    f.current = digest(4);
    ASSERT_TRUE(catalog.put(f)) << "back to the oldest";
    EXPECT_EQ(catalog.find("f")->current, digest(4));
    EXPECT_EQ(catalog.find("f")->versions.size(), kMaxVersionsKept);
    f.versions = catalog.find("f")->versions;
    f.versions.push_back(digest(100));
    ASSERT_TRUE(catalog.put(f));
    EXPECT_EQ(catalog.find("f")->versions.front(), digest(4)) << "the oldest, yet it is current";
    EXPECT_EQ(catalog.find("f")->versions[1], digest(6));
    f.versions = {digest(50), digest(4)};
    ASSERT_TRUE(catalog.put(f));
    EXPECT_EQ(catalog.find("f")->versions, f.versions) << "a given list is kept as it is";
}

TEST_F(CatalogTest, RefusesWhatIsNotAFunction) {
    Catalog catalog = open();
    const auto epoch = catalog.epoch();
    Function f = make("f", 1);
    f.current = "abc";
    EXPECT_FALSE(catalog.put(f));
    f = make("../f", 1);
    EXPECT_FALSE(catalog.put(f));
    f = make("f", 1);
    f.policy.regions = {"a", "a"};
    EXPECT_FALSE(catalog.put(f));
    f.policy.regions = {"A"};
    EXPECT_FALSE(catalog.put(f));
    f = make("f", 1);
    f.limits.concurrency = 0;
    EXPECT_FALSE(catalog.put(f));
    EXPECT_EQ(catalog.epoch(), epoch);
    EXPECT_TRUE(catalog.functions().empty());
}

TEST_F(CatalogTest, HasALimit) {
    // Written at once: a thousand puts are a thousand syncs.
    Catalog catalog = open();
    ASSERT_TRUE(catalog.put(make("name-0", 1)));
    std::string all = text();
    const auto begin = all.find("  {"), end = all.find("\n ]");
    ASSERT_NE(begin, std::string::npos);
    ASSERT_NE(end, std::string::npos);
    const std::string one = all.substr(begin, end - begin);
    std::string list;
    for (std::size_t i = 0; i < kMaxFunctions; ++i) {
        std::string copy = one;
        copy.replace(copy.find("name-0"), 6, "name-" + std::to_string(i));
        list += (i == 0 ? "" : ",\n") + copy;
    }
    std::ofstream(file_) << all.replace(begin, end - begin, list);
    Catalog full = open();
    ASSERT_EQ(full.functions().size(), kMaxFunctions);
    const Status refused = full.put(make("one-more", 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ENOSPC);
    EXPECT_TRUE(full.put(make("name-5", 2))) << "an update needs no room";
}

TEST_F(CatalogTest, DamageIsAnErrorThatNamesTheFileAndChangesNothing) {
    {
        Catalog catalog = open();
        ASSERT_TRUE(catalog.put(make("f", 1)));
    }
    const std::string whole = text();
    const auto replaced = [&](const std::string& what, const std::string& by) {
        std::string copy = whole;
        const auto at = copy.find(what);
        EXPECT_NE(at, std::string::npos) << what;
        return at == std::string::npos ? copy : copy.replace(at, what.size(), by);
    };
    const std::string damaged[] = {
        "",
        "{}",
        "[1]",
        whole.substr(0, whole.size() / 2),
        replaced("\"format\": 1", "\"format\": 2"),
        replaced("\"epoch\": ", "\"epoch\": -"),
        replaced("\"memory_mib\": 128", "\"memory_mib\": 1e9"),
        replaced("\"memory_mib\": 128", "\"memory_mib\": 4294967424"),
        replaced("\"auto\"", "\"nowhere\""),
        replaced("\"f\"", "\"f/../g\""),
        replaced("\"current\": \"", "\"current\": \"0"),
        replaced("\"retry\"", "\"rtery\""),
        std::string(100000, '['),
    };
    for (const auto& bytes : damaged) {
        std::ofstream(file_) << bytes;
        auto catalog = Catalog::open(state_);
        ASSERT_FALSE(catalog) << bytes.substr(0, 200);
        EXPECT_NE(catalog.error().text.find(file_), std::string::npos) << catalog.error().text;
        EXPECT_EQ(text(), bytes) << "never overwritten silently";
    }
    fs::remove(file_);
    fs::create_directory(file_);
    EXPECT_FALSE(Catalog::open(state_));
}

TEST_F(CatalogTest, AFailedSaveChangesNothing) {
    Catalog catalog = open();
    ASSERT_TRUE(catalog.put(make("f", 1)));
    const auto epoch = catalog.epoch();
    fs::rename(state_, state_ + ".away");
    EXPECT_FALSE(catalog.put(make("g", 1)));
    EXPECT_FALSE(catalog.erase("f"));
    EXPECT_EQ(catalog.epoch(), epoch);
    EXPECT_NE(catalog.find("f"), nullptr);
    EXPECT_EQ(catalog.find("g"), nullptr);
    fs::rename(state_ + ".away", state_);
    EXPECT_TRUE(catalog.put(make("g", 1)));
    for (const auto& entry : fs::directory_iterator(state_))
        EXPECT_EQ(entry.path().filename(), "catalog.json") << "no temporary file stays";
}

TEST_F(CatalogTest, ADraftIsSeenWhenItIsTaken) {
    Catalog catalog = open();
    State draft = catalog.draft();
    ASSERT_TRUE(draft.put(make("f", 1)));
    EXPECT_EQ(catalog.find("f"), nullptr);
    ASSERT_TRUE(catalog.write(draft));
    EXPECT_EQ(catalog.find("f"), nullptr) << "written, not taken";
    EXPECT_NE(open().find("f"), nullptr);
    const auto epoch = catalog.epoch();
    catalog.take(draft);
    EXPECT_NE(catalog.find("f"), nullptr);
    EXPECT_EQ(catalog.epoch(), epoch + 1);
}

TEST_F(CatalogTest, TombstonesStayUntilEachRegionHasConfirmed) {
    {
        Catalog catalog = open();
        State draft = catalog.draft();
        ASSERT_TRUE(draft.put(make("f", 1)));
        ASSERT_TRUE(draft.bury("f", {"north", "south"}));
        ASSERT_TRUE(draft.bury("gone", {"north"}));
        ASSERT_TRUE(draft.bury("nowhere", {}));
        ASSERT_TRUE(catalog.write(draft));
    }
    Catalog catalog = open();
    const Tombstones expected{{"f", {"north", "south"}}, {"gone", {"north"}}};
    EXPECT_EQ(catalog.tombstones(), expected);
    State draft = catalog.draft();
    draft.unbury("f", {"north", "unknown"});
    draft.unbury("gone", {"north"});
    draft.unbury("never", {"north"});
    const Tombstones left{{"f", {"south"}}};
    EXPECT_EQ(draft.tombstones, left);
    for (std::size_t i = 0; draft.tombstones.size() < kMaxTombstones; ++i)
        ASSERT_TRUE(draft.bury("t" + std::to_string(i), {"north"}));
    EXPECT_FALSE(draft.bury("one-more", {"north"}));
    EXPECT_TRUE(draft.bury("f", {"north"})) << "is there already";
}

TEST_F(CatalogTest, FilesWithoutTombstonesAreRead) {
    open();
    std::string old = text();
    const auto at = old.find(",\n \"tombstones\"");
    ASSERT_NE(at, std::string::npos) << old;
    std::ofstream(file_) << old.substr(0, at) << "\n}\n";
    EXPECT_TRUE(open().tombstones().empty());
    std::ofstream(file_) << old.substr(0, at)
                         << ",\"tombstones\":[{\"name\":\"f\",\"regions\":[\"A\"]}]}";
    EXPECT_FALSE(Catalog::open(state_));
}

TEST_F(CatalogTest, LeftoversOfACrashAreRemoved) {
    open();
    std::ofstream(file_ + ".tmp-Ab12Cd") << "half";
    std::ofstream(state_ + "/other.tmp-x") << "of somebody else";
    open();
    EXPECT_FALSE(fs::exists(file_ + ".tmp-Ab12Cd"));
    EXPECT_TRUE(fs::exists(state_ + "/other.tmp-x"));
}

}  // namespace
}  // namespace skerry::catalog
