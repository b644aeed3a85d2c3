#include "control/catalog/runtime.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog.hpp"
#include "control/catalog/catalog_file.hpp"
#include "tests/control/catalog/archive_builder.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;
using runtime::Kind;

const std::string kArchive = sha256_hex("an archive");

TEST(RuntimeRules, ANativeArchiveWithoutMoreIsItsOwnVersion) {
    EXPECT_EQ(version_of(kArchive, {}), kArchive);
    const Runtime all[] = {{Kind::native, "", std::string("A=1\0", 4)},
                           {Kind::native, "", std::string("A=2\0", 4)},
                           {Kind::provided, "", ""},
                           {Kind::provided, "a.b", ""},
                           {Kind::python3, "a.b", ""},
                           {Kind::nodejs, "a.b", ""},
                           {Kind::nodejs, "a.c", ""}};
    std::set<std::string> versions{kArchive};
    for (const Runtime& one : all) {
        EXPECT_TRUE(validate(one));
        EXPECT_TRUE(versions.insert(version_of(kArchive, one)).second);
        EXPECT_TRUE(is_digest(version_of(kArchive, one)));
    }
}

TEST(RuntimeRules, SayWhereTheHandlerIsLookedFor) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(entry_files({}), Names{"bootstrap"});
    EXPECT_EQ(entry_files({Kind::provided, "x.y", ""}), Names{"bootstrap"});
    EXPECT_EQ(entry_files({Kind::python3, "app.main", ""}), (Names{"app.py", "app/__init__.py"}));
    EXPECT_EQ(entry_files({Kind::python3, "src/pkg.app.main", ""}),
              (Names{"src/pkg/app.py", "src/pkg/app/__init__.py"}));
    EXPECT_EQ(entry_files({Kind::nodejs, "src/index.api.get", ""}),
              (Names{"src/index.js", "src/index.mjs", "src/index.cjs"}));
    for (const char* bad :
         {"", "app", ".main", "app.", "a/.b", "/a.b", "a/../b.c", "a b.c", "a\n.b"})
        for (const Kind kind : {Kind::python3, Kind::nodejs})
            EXPECT_FALSE(validate(Runtime{kind, bad, ""})) << bad;
    EXPECT_FALSE(validate(Runtime{Kind::native, "a.b", ""}));
    EXPECT_FALSE(validate(Runtime{Kind::python3, "a." + std::string(126, 'x'), ""}));
}

TEST(RuntimeRules, EnvironmentsAreInOneOrder) {
    const auto packed = pack_environment({{"B", "2"}, {"A", "=\n\xe2\x82\xac"}, {"_9", ""}});
    ASSERT_TRUE(packed) << packed.error().text;
    EXPECT_EQ(*packed, std::string("A==\n\xe2\x82\xac\0B=2\0_9=\0", 16));
    EXPECT_EQ(variables_of(*packed), (Variables{{"A", "=\n\xe2\x82\xac"}, {"B", "2"}, {"_9", ""}}));
    EXPECT_TRUE(validate(Runtime{Kind::native, "", *packed}));
    for (const std::string& bad : {std::string("A=1"), std::string("B=1\0A=1\0", 8),
                                   std::string("A\0", 2), std::string("\0", 1)})
        EXPECT_FALSE(validate(Runtime{Kind::native, "", bad})) << bad;
    // Not UTF-8: a byte alone, overlong, a surrogate, beyond the last, cut off.
    for (const char* bad : {"\x80", "\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                            "\xf0\x8f\xbf\xbf", "\xe2\x82", "\xff"})
        EXPECT_FALSE(pack_environment({{"A", bad}})) << bad;
    for (const char* good : {"\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(pack_environment({{"A", good}})) << good;
    EXPECT_FALSE(pack_environment({{"A", std::string("\0", 1)}}));
}

class RuntimeFolders : public testing::Test {
  protected:
    void SetUp() override { ASSERT_NE(mkdtemp(folder_), nullptr); }
    void TearDown() override { fs::remove_all(folder_); }
    char folder_[32] = "/tmp/skerry-runtime-XXXXXX";
};

TEST_F(RuntimeFolders, TheArtifactMustHaveWhatStarts) {
    const auto store = ArtifactStore::open(folder_);
    ASSERT_TRUE(store);
    ArchiveBuilder builder(Format::zip);
    const std::string bytes =
        builder.file("app.py", "x").file("src/index.mjs", "x").file("empty.py", "").done();
    const Runtime good[] = {{Kind::python3, "app.main", ""}, {Kind::nodejs, "src/index.get", ""}};
    const Runtime bad[] = {{},
                           {Kind::provided, "", ""},
                           {Kind::python3, "src/index.get", ""},
                           {Kind::python3, "empty.main", ""},
                           {Kind::nodejs, "app.main", ""}};
    // The same whether it is there already or not.
    for (int round = 0; round < 2; ++round) {
        for (const Runtime& one : bad) {
            const auto refused = store->install(bytes, one);
            ASSERT_FALSE(refused);
            EXPECT_TRUE(is_archives_fault(refused.error())) << refused.error().text;
        }
        for (const Runtime& one : good) EXPECT_TRUE(store->install(bytes, one));
    }
    EXPECT_NE(store->install(bytes, bad[2]).error().text.find("`src/index.py`"), std::string::npos);
}

Function made_of(const std::string& name, std::vector<Build> builds) {
    Function f;
    f.name = name;
    for (const Build& build : builds) f.versions.push_back(f.current = f.set_build(build));
    return f;
}

TEST_F(RuntimeFolders, TheCatalogKeepsWhatVersionsAreMadeOf) {
    const Build native{kArchive, {}};
    const Build python{kArchive, {Kind::python3, "a.b", std::string("A=\"\n\0", 5)}};
    Function f = made_of("f", {native, python});
    f.limits.cpu_percent = 50;
    f.limits.cpu_weight = 10;
    f.limits.latency_weight = 20;
    f.limits.cpu_ms = 40;
    f.limits.max_per_s = 100;
    f.limits.max_burst = 7;
    f.limits.tmp_mib = 17;
    f.limits.pids_max = 3;
    f.limits.log_kib = 5;
    f.limits.single_use = true;
    f.limits.egress = "internet";
    f.limits.tenant = "gold";
    {
        auto catalog = Catalog::open(folder_);
        ASSERT_TRUE(catalog);
        const Status put = catalog->put(f);
        ASSERT_TRUE(put) << put.error().text;
    }
    const auto catalog = Catalog::open(folder_);
    ASSERT_TRUE(catalog) << catalog.error().text;
    const Function& kept = *catalog->find("f");
    EXPECT_EQ(kept.limits, f.limits);
    EXPECT_EQ(kept.build_of(kept.versions[0]), native);
    EXPECT_EQ(kept.build_of(kept.current), python);
    EXPECT_EQ(kept.builds.size(), 1u);
}

TEST_F(RuntimeFolders, VersionsThatAreForgottenTakeTheirBuildsAlong) {
    const State none;
    Draft state(none);
    Function f;
    f.name = "f";
    for (int i = 0; i < 20; ++i) {
        f.current = f.set_build({sha256_hex(std::to_string(i)), {Kind::provided, "", ""}});
        f.versions.push_back(f.current);
        forget_oldest(f);
    }
    EXPECT_EQ(f.builds.size(), kMaxVersionsKept);
    ASSERT_TRUE(state.put(f));
    Function broken = f;
    broken.builds.begin()->second.runtime.handler = "other.handler";
    EXPECT_FALSE(state.put(broken)) << "not what the version's name says";
    broken = f;
    broken.limits.concurrency = 2;
    EXPECT_FALSE(state.put(broken)) << "a native worker's alone";
}

TEST_F(RuntimeFolders, AFileOfBeforeIsStillRead) {
    const std::string old = R"({"format":1,"epoch":3,"functions":[{"name":"f","limits":{)"
                            R"("memory_mib":128,"timeout_ms":3000,"concurrency":8,"warm_min":0,)"
                            R"("warm_max":4,"max_payload_bytes":65536,"cold_cost_ms":0},)"
                            R"("place":"auto","retry":"unstarted","regions":[],"current":")" +
                            kArchive + R"(","versions":[")" + kArchive + R"("]}]})";
    const auto state = parse(old);
    ASSERT_TRUE(state) << state.error().text;
    Limits expected;
    expected.concurrency = 8;
    EXPECT_EQ(state->functions.at("f").limits, expected);
    EXPECT_EQ(state->functions.at("f").build_of(kArchive), (Build{kArchive, {}}));
}

}  // namespace
}  // namespace skerry::catalog
