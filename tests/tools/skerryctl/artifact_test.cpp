#include "tools/skerryctl/artifact.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "control/catalog/unpack.hpp"

namespace skerry::ctl {
namespace {

namespace fs = std::filesystem;

class Artifact : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(root_), nullptr);
        folder_ = std::string(root_) + "/function";
        fs::create_directory(folder_);
    }
    void TearDown() override { fs::remove_all(root_); }
    void write(const std::string& path, const std::string& content, mode_t mode = 0644) {
        std::ofstream(path, std::ios::binary) << content;
        ASSERT_EQ(chmod(path.c_str(), mode), 0);
    }
    void write_function(const std::string& folder) {
        write(folder + "/bootstrap",
              "\x7f"
              "ELF and more",
              0700);
        fs::create_directory(folder + "/data");
        write(folder + "/data/b", "two");
        write(folder + "/data/a", "one");
        fs::create_symlink("data/a", folder + "/link");
    }
    std::string refusal(const std::string& path) {
        const auto made = make_artifact(path);
        return made ? "" : made.error().text;
    }
    char root_[64] = "/tmp/skerry-artifact-XXXXXX";
    std::string folder_;
};

TEST_F(Artifact, AFolderBecomesWhatTheServerUnpacks) {
    write_function(folder_);
    const auto made = make_artifact(folder_);
    ASSERT_TRUE(made) << made.error().text;
    const std::string out = std::string(root_) + "/out";
    fs::create_directory(out);
    const Status unpacked = catalog::unpack(*made, out);
    ASSERT_TRUE(unpacked) << unpacked.error().text;
    EXPECT_EQ(access((out + "/bootstrap").c_str(), X_OK), 0);
    EXPECT_EQ(fs::file_size(out + "/data/b"), 3u);
    EXPECT_EQ(fs::read_symlink(out + "/link"), "data/a");
}

TEST_F(Artifact, TheSameContentIsTheSameBytes) {
    write_function(folder_);
    const auto first = make_artifact(folder_);
    const std::string again = std::string(root_) + "/again";
    fs::create_directory(again);
    write(again + "/z", "made first, so the folder's order differs");
    write_function(again);
    fs::remove(again + "/z");
    fs::last_write_time(again + "/data/a",
                        fs::file_time_type::clock::now() - std::chrono::hours(9));
    ASSERT_EQ(chmod((again + "/bootstrap").c_str(), 0755), 0);
    const auto second = make_artifact(again);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(*first, *second);
    write(again + "/data/a", "other");
    EXPECT_NE(*first, *make_artifact(again));
}

TEST_F(Artifact, OneExecutableBecomesBootstrap) {
    const std::string script = std::string(root_) + "/run.sh";
    write(script, "#!/bin/sh\n");
    const auto made = make_artifact(script);
    ASSERT_TRUE(made) << made.error().text;
    const Status unpacked = catalog::unpack(*made, folder_);
    ASSERT_TRUE(unpacked) << unpacked.error().text;
    EXPECT_EQ(access((folder_ + "/bootstrap").c_str(), X_OK), 0);
}

TEST_F(Artifact, AnArchiveIsTakenAsItIs) {
    write_function(folder_);
    const auto tar = make_artifact(folder_);
    ASSERT_TRUE(tar);
    const std::string path = std::string(root_) + "/function.tar";
    write(path, *tar);
    const auto taken = make_artifact(path);
    ASSERT_TRUE(taken);
    EXPECT_EQ(*taken, *tar);
    write(path, "PK\x03\x04 whatever the server makes of it");
    EXPECT_TRUE(make_artifact(path));
}

TEST_F(Artifact, RefusesWhatIsNoFunction) {
    EXPECT_NE(refusal(folder_).find("bootstrap"), std::string::npos);
    write(folder_ + "/bootstrap", "not executable", 0644);
    EXPECT_NE(refusal(folder_).find("bootstrap"), std::string::npos);
    EXPECT_NE(refusal(folder_ + "/bootstrap").find("needed is a folder"), std::string::npos);
    EXPECT_NE(refusal(folder_ + "/missing"), "");
    EXPECT_NE(refusal("/dev/zero"), "");
    ASSERT_EQ(chmod((folder_ + "/bootstrap").c_str(), 0755), 0);
    ASSERT_EQ(mkfifo((folder_ + "/fifo").c_str(), 0600), 0);
    EXPECT_NE(refusal(folder_).find("fifo"), std::string::npos);
    fs::remove(folder_ + "/fifo");
    std::string deep = folder_;
    for (std::size_t i = 0; i <= kMaxDepth; ++i) deep += "/d";
    fs::create_directories(deep);
    EXPECT_NE(refusal(folder_).find("deeper"), std::string::npos);
}

TEST_F(Artifact, RefusesWhatIsTooLarge) {
    write(folder_ + "/bootstrap", "#!", 0755);
    std::ofstream(folder_ + "/large").close();
    fs::resize_file(folder_ + "/large", kMaxArchiveBytes);
    EXPECT_NE(refusal(folder_).find("allowed"), std::string::npos);
    fs::resize_file(folder_ + "/large", kMaxUnpackedBytes + 1);
    EXPECT_NE(refusal(folder_).find("more than"), std::string::npos);
}

}  // namespace
}  // namespace skerry::ctl
