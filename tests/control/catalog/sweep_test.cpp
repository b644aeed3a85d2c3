#include "control/catalog/sweep.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/control/catalog/archive_builder.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;

class Sweep : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        auto opened = ArtifactStore::open(folder_);
        ASSERT_TRUE(opened) << opened.error().text;
        store_ = *opened;
    }
    void TearDown() override { fs::remove_all(folder_); }

    static std::string archive(const std::string& content) {
        ArchiveBuilder builder(Format::zip);
        return builder.file("bootstrap", content, 0755).done();
    }

    char folder_[32] = "/tmp/skerry-sweep-XXXXXX";
    ArtifactStore store_;
};

TEST_F(Sweep, ArtifactsThatNobodyNamesGo) {
    const std::string kept = store_.install(archive("kept")).value();
    const std::string unknown = store_.install(archive("unknown")).value();
    const std::string half = sha256_hex("half");
    fs::create_directory(store_.folder(half));
    const std::string other = std::string(folder_) + "/artifacts/notes.txt";
    std::ofstream(other) << "the operator's";
    const std::set<std::string> all{kept, unknown, half};
    EXPECT_EQ(store_.list(), all);
    EXPECT_EQ(sweep_artifacts(store_, {kept}), 2u);
    EXPECT_TRUE(store_.holds(kept));
    EXPECT_FALSE(store_.holds(unknown));
    EXPECT_FALSE(fs::exists(store_.folder(half)));
    EXPECT_TRUE(fs::exists(other));
    EXPECT_EQ(sweep_artifacts(store_, {kept}), 0u);
}

// What this machine lacks must not look like a bad artifact to who deploys it.
TEST_F(Sweep, AnInstallSaysWhoseFaultItIs) {
    const auto bad = store_.install("no archive");
    ASSERT_FALSE(bad);
    EXPECT_TRUE(is_archives_fault(bad.error())) << bad.error().text;
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int next = dup(0);
    close(next);
    const rlimit none{static_cast<rlim_t>(next), limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto failed = store_.install(archive("good"));
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, EMFILE) << failed.error().text;
    EXPECT_FALSE(is_archives_fault(failed.error()));
    EXPECT_FALSE(is_archives_fault({ENOSPC, ""}));
    EXPECT_FALSE(is_archives_fault({EIO, ""}));
}

}  // namespace
}  // namespace skerry::catalog
