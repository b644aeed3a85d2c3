// The catalog as whoever uses it sees it. Its file: database_test.cpp.
#include <filesystem>

#include "tests/control/catalog/catalog_rig.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;

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
    Catalog catalog = open();
    Draft all = catalog.draft();
    for (std::size_t i = 0; i < kMaxFunctions; ++i)
        ASSERT_TRUE(all.put(make("name-" + std::to_string(i), 1)));
    EXPECT_EQ(all.put(make("one-more", 1)).error().code, ENOSPC);
    ASSERT_TRUE(all.erase("name-7"));
    ASSERT_TRUE(all.put(make("name-7", 1))) << "it has made room for itself";
    ASSERT_TRUE(catalog.write(all));
    catalog.take(all);
    Catalog full = open();
    ASSERT_EQ(full.functions().size(), kMaxFunctions);
    EXPECT_EQ(full.functions(), catalog.functions());
    const Status refused = full.put(make("one-more", 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ENOSPC);
    EXPECT_TRUE(full.put(make("name-5", 2))) << "an update needs no room";
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
    EXPECT_EQ(open().functions(), catalog.functions());
}

TEST_F(CatalogTest, ADraftIsSeenWhenItIsTaken) {
    Catalog catalog = open();
    Draft draft = catalog.draft();
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
        Draft draft = catalog.draft();
        ASSERT_TRUE(draft.put(make("f", 1)));
        ASSERT_TRUE(draft.bury("f", {"north", "south"}));
        ASSERT_TRUE(draft.bury("gone", {"north"}));
        ASSERT_TRUE(draft.bury("nowhere", {}));
        ASSERT_TRUE(catalog.write(draft));
    }
    Catalog catalog = open();
    const Tombstones expected{{"f", {"north", "south"}}, {"gone", {"north"}}};
    EXPECT_EQ(catalog.tombstones(), expected);
    {
        Draft draft = catalog.draft();
        draft.unbury("f", {"north", "unknown"});
        draft.unbury("gone", {"north"});
        draft.unbury("never", {"north"});
        EXPECT_EQ(draft.regions_to_forget("gone"), std::set<std::string>{});
        ASSERT_TRUE(catalog.write(draft));
        catalog.take(draft);
    }
    const Tombstones left{{"f", {"south"}}};
    EXPECT_EQ(catalog.tombstones(), left);
    EXPECT_EQ(open().tombstones(), left);
    Draft draft = catalog.draft();
    for (std::size_t i = 1; i < kMaxTombstones; ++i)
        ASSERT_TRUE(draft.bury("t" + std::to_string(i), {"north"}));
    EXPECT_FALSE(draft.bury("one-more", {"north"}));
    EXPECT_TRUE(draft.bury("f", {"north"})) << "is there already";
    draft.unbury("t1", {"north"});
    EXPECT_TRUE(draft.bury("one-more", {"north"})) << "in the place of another";
}

// What could not be written stands, and comes to the file with the next change that can be.
TEST_F(CatalogTest, ADraftThatIsTakenThoughItCouldNotBeWritten) {
    Catalog catalog = open();
    ASSERT_TRUE(catalog.put(make("f", 1)));
    ASSERT_TRUE(catalog.put(make("g", 1)));
    fs::rename(state_, state_ + ".away");
    {
        Draft draft = catalog.draft();
        ASSERT_TRUE(draft.put(make("f", 2)));
        ASSERT_TRUE(draft.erase("g"));
        ASSERT_TRUE(draft.bury("g", {"north"}));
        EXPECT_FALSE(catalog.write(draft));
        catalog.take(draft);
    }
    EXPECT_EQ(catalog.find("f")->current, digest(2));
    EXPECT_EQ(catalog.find("g"), nullptr);
    EXPECT_FALSE(catalog.put(make("h", 1))) << "that one is not taken";
    fs::rename(state_ + ".away", state_);
    EXPECT_EQ(open().find("f")->current, digest(1));
    ASSERT_TRUE(catalog.put(make("i", 1)));
    Catalog again = open();
    EXPECT_EQ(again.functions(), catalog.functions());
    EXPECT_EQ(again.tombstones(), catalog.tombstones());
    EXPECT_EQ(again.epoch(), catalog.epoch());
    EXPECT_EQ(again.find("h"), nullptr);
}

// Nor does what was written and never taken stay.
TEST_F(CatalogTest, ADraftThatIsWrittenAndNotTaken) {
    Catalog catalog = open();
    ASSERT_TRUE(catalog.put(make("f", 1)));
    {
        Draft draft = catalog.draft();
        ASSERT_TRUE(draft.put(make("f", 2)));
        ASSERT_TRUE(draft.put(make("new", 2)));
        ASSERT_TRUE(catalog.write(draft));
    }
    ASSERT_TRUE(catalog.put(make("g", 1)));
    EXPECT_EQ(open().functions(), catalog.functions());
}

TEST_F(CatalogTest, ADraftKnowsWhatItHasChanged) {
    State state;
    for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(state.add(make(name, 1)));
    EXPECT_EQ(state.add(make("a", 2)).error().code, EEXIST);
    Draft draft(state);
    ASSERT_TRUE(draft.erase("a"));
    EXPECT_EQ(draft.find("a"), nullptr);
    EXPECT_EQ(draft.erase("a").error().code, ENOENT);
    EXPECT_EQ(draft.replace(make("a", 2)).error().code, ENOENT);
    ASSERT_TRUE(draft.put(make("new", 1)));
    ASSERT_TRUE(draft.erase("new"));
    ASSERT_TRUE(draft.put(make("a", 3)));
    ASSERT_TRUE(draft.erase("b"));
    ASSERT_TRUE(draft.put(make("d", 1)));
    ASSERT_TRUE(draft.bury("b", {"north"}));
    ASSERT_TRUE(draft.bury("x", {"north"}));
    draft.unbury("x", {"north"});
    EXPECT_EQ(draft.changed().size(), 2u);
    EXPECT_EQ(draft.erased().size(), 1u);
    EXPECT_EQ(draft.find("c"), &state.functions.at("c")) << "not copied";
    const Function* kept = &state.functions.at("c");
    state.take(draft);
    EXPECT_EQ(&state.functions.at("c"), kept);
    State expected;
    for (const auto& [name, version] : {std::pair("c", 1), std::pair("d", 1)})
        ASSERT_TRUE(expected.add(make(name, version)));
    Function a = make("a", 3);
    ASSERT_TRUE(expected.add(a));
    EXPECT_EQ(state.functions, expected.functions);
    EXPECT_EQ(state.names, expected.names);
    EXPECT_EQ(state.tombstones, (Tombstones{{"b", {"north"}}}));
}

}  // namespace
}  // namespace skerry::catalog
