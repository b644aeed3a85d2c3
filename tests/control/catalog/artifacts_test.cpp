#include "control/catalog/artifacts.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "control/catalog/unpack.hpp"
#include "tests/control/catalog/archive_builder.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;

class Artifacts : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        auto opened = ArtifactStore::open(folder_);
        ASSERT_TRUE(opened) << opened.error().text;
        store_ = *opened;
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string refusal(const std::string& archive) {
        auto result = store_.install(archive);
        EXPECT_TRUE(left_nothing());
        return result ? "(accepted)" : result.error().text;
    }
    bool left_nothing() const { return fs::is_empty(std::string(folder_) + "/artifacts"); }
    static mode_t mode(const std::string& path) {
        struct stat info {};
        EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
        return info.st_mode & 07777;
    }

    char folder_[32] = "/tmp/skerry-artifacts-XXXXXX";
    ArtifactStore store_;
};

ArchiveBuilder& good(ArchiveBuilder& builder) {
    return builder.file("bootstrap", "#!/bin/sh\n", 0600)
        .file("lib/deep/data.txt", "data", 0600)
        .file("bin/tool", "tool", 0700)
        .folder("empty")
        .link("lib/tool", "../bin/tool");
}

TEST_F(Artifacts, ZipTarAndTarGzAreInstalled) {
    const mode_t before = umask(077);  // a strict umask must not keep workers out
    for (const auto format : {Format::zip, Format::tar, Format::tar_gz}) {
        ArchiveBuilder builder(format);
        const std::string bytes = good(builder).done();
        auto digest = store_.install(bytes);
        ASSERT_TRUE(digest) << digest.error().text;
        EXPECT_EQ(*digest, sha256_hex(bytes));
        EXPECT_TRUE(store_.holds(*digest));
        const std::string at = store_.folder(*digest);
        EXPECT_EQ(mode(at), 0755u);
        EXPECT_EQ(mode(at + "/bootstrap"), 0755u);
        EXPECT_EQ(mode(at + "/lib/deep"), 0755u);
        EXPECT_EQ(mode(at + "/empty"), 0755u);
        EXPECT_EQ(mode(at + "/lib/deep/data.txt"), 0644u);
        EXPECT_EQ(mode(at + "/bin/tool"), 0755u);
        EXPECT_TRUE(fs::is_symlink(at + "/lib/tool"));
        auto kept = store_.archive_bytes(*digest);
        ASSERT_TRUE(kept);
        EXPECT_EQ(*kept, bytes);
        auto again = store_.install(bytes);
        ASSERT_TRUE(again);
        EXPECT_EQ(*again, *digest);
        EXPECT_TRUE(store_.erase(*digest));
        EXPECT_FALSE(store_.holds(*digest));
        EXPECT_TRUE(store_.erase(*digest)) << "erasing twice is fine";
        EXPECT_TRUE(left_nothing());
    }
    umask(before);
}

TEST_F(Artifacts, HardLinksWithinAreTaken) {
    ArchiveBuilder builder(Format::tar);
    const std::string bytes =
        builder.file("./bootstrap", "#!x", 0755).hard_link("b", "bootstrap").done();
    auto digest = store_.install(bytes);
    ASSERT_TRUE(digest) << digest.error().text;
    EXPECT_EQ(fs::file_size(store_.folder(*digest) + "/b"), 3u);
}

struct Hostile {
    const char* name;
    void (*build)(ArchiveBuilder&);
    const char* answer;
};

class HostileArchive : public Artifacts, public testing::WithParamInterface<Hostile> {};

TEST_P(HostileArchive, IsRefusedAndLeavesNothing) {
    ArchiveBuilder builder(Format::tar);
    builder.file("bootstrap", "#!x", 0755);
    GetParam().build(builder);
    const std::string text = refusal(builder.done());
    EXPECT_NE(text.find(GetParam().answer), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, HostileArchive,
    testing::Values(
        Hostile{"dot_dot", [](auto& b) { b.file("a/../../x", "x"); }, "\"a/../../x\": a path with"},
        Hostile{"absolute", [](auto& b) { b.file("/tmp/skerry-escape", "x"); }, "an absolute path"},
        Hostile{"backslash", [](auto& b) { b.file("a\\..\\b", "x"); }, "backslash"},
        Hostile{"control_character", [](auto& b) { b.file("a\nb", "x"); }, "control character"},
        Hostile{"absolute_link", [](auto& b) { b.link("l", "/etc/passwd"); }, "a link that could"},
        Hostile{"link_up", [](auto& b) { b.link("a/l", "../../x"); }, "a link that could leave"},
        Hostile{"link_chain", [](auto& b) { b.link("d/l", "..").link("m", "d/l/../../x"); },
                "a link that could leave"},
        Hostile{"through_link", [](auto& b) { b.folder("d").link("l", "d").file("l/x", "x"); },
                "\"l\" on its way is a link"},
        Hostile{"through_file", [](auto& b) { b.file("f", "x").file("f/x", "x"); },
                "\"f\" on its way is a link or a file"},
        Hostile{"link_twice", [](auto& b) { b.link("l", "a").file("l", "x"); }, "twice"},
        Hostile{"twice", [](auto& b) { b.file("f", "x").file("./f", "y"); }, "twice"},
        Hostile{"hard_link_out", [](auto& b) { b.hard_link("h", "../../etc/passwd"); },
                "a path with"},
        Hostile{"hard_link_absolute", [](auto& b) { b.hard_link("h", "/etc/passwd"); },
                "an absolute path"},
        Hostile{"hard_link_of_link", [](auto& b) { b.link("l", "bootstrap").hard_link("h", "l"); },
                "not an earlier file"},
        Hostile{"device", [](auto& b) { b.special("null", AE_IFCHR); }, "no devices"},
        Hostile{"block_device", [](auto& b) { b.special("sda", AE_IFBLK); }, "no devices"},
        Hostile{"fifo", [](auto& b) { b.special("pipe", AE_IFIFO); }, "no devices"},
        Hostile{"setuid", [](auto& b) { b.file("su", "x", 04755); }, "setuid"},
        Hostile{"setgid", [](auto& b) { b.file("sg", "x", 02755); }, "setgid"},
        Hostile{"deep",
                [](auto& b) {
                    std::string path = "x";
                    for (int i = 0; i < 40; ++i) path = "d/" + path;
                    b.file(path, "x");
                },
                "deeper than"},
        Hostile{"long_name", [](auto& b) { b.file(std::string(300, 'n'), "x"); }, "255 bytes"},
        Hostile{"many",
                [](auto& b) {
                    for (std::uint64_t i = 0; i < kMaxFiles; ++i)
                        b.file("f" + std::to_string(i), "");
                },
                "more than 10000 entries"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(Artifacts, ABombIsRefused) {
    ArchiveBuilder gz(Format::tar_gz);
    gz.file("bootstrap", "#!x", 0755);
    const std::string zeros(32u << 20, '\0');
    for (int i = 0; i < 9; ++i) gz.file("zeros" + std::to_string(i), zeros);
    const std::string bytes = gz.done();
    EXPECT_LT(bytes.size(), 1u << 20);
    EXPECT_NE(refusal(bytes).find("unpacked, the archive has more than 256 MiB"),
              std::string::npos);
    ArchiveBuilder zip(Format::zip);
    zip.file("bootstrap", "#!x", 0755);
    for (int i = 0; i < 9; ++i) zip.file("zeros" + std::to_string(i), zeros);
    EXPECT_NE(refusal(zip.done()).find("unpacked, the archive has more than"), std::string::npos);
}

TEST_F(Artifacts, BootstrapMustBeThere) {
    EXPECT_NE(refusal(ArchiveBuilder(Format::zip).file("main.py", "x").done()).find("bootstrap"),
              std::string::npos);
    EXPECT_NE(refusal(ArchiveBuilder(Format::zip).folder("bootstrap").done()).find("bootstrap"),
              std::string::npos);
    EXPECT_NE(refusal(ArchiveBuilder(Format::tar).link("bootstrap", "x").done()).find("bootstrap"),
              std::string::npos);
    EXPECT_NE(refusal(ArchiveBuilder(Format::zip).file("bootstrap", "").done()).find("bootstrap"),
              std::string::npos);
}

TEST_F(Artifacts, WhatIsNoArchiveIsRefused) {
    for (const auto& bytes : {std::string(), std::string("hello"), std::string(5000, 'x'),
                              std::string("PK\3\4broken"), std::string("\x1f\x8b\x08", 3)})
        EXPECT_EQ(refusal(bytes).find("(accepted)"), std::string::npos) << bytes.substr(0, 20);
    ArchiveBuilder builder(Format::tar_gz);
    const std::string whole =
        builder.file("bootstrap", "#!x", 0755).file("f", sha256_hex("a")).done();
    for (std::size_t cut = 1; cut + 8 < whole.size(); cut += 7)
        EXPECT_NE(refusal(whole.substr(0, cut)), "(accepted)") << cut;
    EXPECT_NE(refusal(std::string(kMaxArchiveBytes + 1, '\0')).find("allowed 67108864"),
              std::string::npos);
}

TEST_F(Artifacts, WhatHasNoBootstrapIsHeldAfterARestartToo) {
    ArchiveBuilder builder(Format::zip);
    Runtime python;
    python.kind = runtime::Kind::python3;
    python.handler = "app.handle";
    auto digest = store_.install(builder.file("app.py", "pass", 0644).done(), python);
    ASSERT_TRUE(digest) << digest.error().text;
    EXPECT_TRUE(store_.holds(*digest));
    auto reopened = ArtifactStore::open(folder_);
    ASSERT_TRUE(reopened);
    EXPECT_TRUE(reopened->holds(*digest));
}

TEST_F(Artifacts, DigestsAreChecked) {
    EXPECT_FALSE(store_.holds("../../etc"));
    EXPECT_FALSE(store_.holds(std::string(64, 'A')));
    EXPECT_FALSE(store_.archive_bytes("../catalog"));
    EXPECT_FALSE(store_.erase("../state"));
    EXPECT_FALSE(store_.archive_bytes(std::string(64, 'a')));
}

TEST_F(Artifacts, ADamagedBlobIsNotHandedOut) {
    ArchiveBuilder builder(Format::zip);
    auto digest = store_.install(good(builder).done());
    ASSERT_TRUE(digest);
    std::ofstream(store_.folder(*digest) + ".blob", std::ios::app) << "x";
    auto bytes = store_.archive_bytes(*digest);
    ASSERT_FALSE(bytes);
    EXPECT_NE(bytes.error().text.find("damaged"), std::string::npos);
}

TEST_F(Artifacts, LeftoversOfACrashAreRemovedAndAnInstallIsCompleted) {
    ArchiveBuilder builder(Format::zip);
    const std::string bytes = good(builder).done();
    auto digest = store_.install(bytes);
    ASSERT_TRUE(digest);
    const std::string root = std::string(folder_) + "/artifacts";
    fs::remove(store_.folder(*digest) + ".blob");  // it ended between the two renames
    fs::create_directories(root + "/.tmp-abcdef/x");
    std::ofstream(root + "/" + *digest + ".blob.tmp-123456") << "x";
    EXPECT_FALSE(store_.holds(*digest));
    auto reopened = ArtifactStore::open(folder_);
    ASSERT_TRUE(reopened);
    EXPECT_FALSE(fs::exists(root + "/.tmp-abcdef"));
    EXPECT_FALSE(fs::exists(root + "/" + *digest + ".blob.tmp-123456"));
    ASSERT_TRUE(reopened->install(bytes));
    EXPECT_TRUE(reopened->holds(*digest));
}

TEST(ArchivePaths, LinksStayInside) {
    EXPECT_TRUE(link_stays_inside("", "a/b"));
    EXPECT_TRUE(link_stays_inside("a/b", "../../c"));
    EXPECT_TRUE(link_stays_inside("a", "./../c"));
    EXPECT_FALSE(link_stays_inside("a/b", "../../../c"));
    EXPECT_FALSE(link_stays_inside("", ".."));
    EXPECT_FALSE(link_stays_inside("a/b", "c/../d"));
    EXPECT_FALSE(link_stays_inside("a", ""));
    EXPECT_FALSE(link_stays_inside("a", "/a"));
    EXPECT_EQ(*clean_path("././a//b/"), "a/b");
    EXPECT_EQ(*clean_path("."), "");
}

}  // namespace
}  // namespace skerry::catalog
