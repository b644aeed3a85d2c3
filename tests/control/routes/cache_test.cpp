// Databases on disk: found again, and believed only when they are what they say.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "control/routes/cache_file.hpp"
#include "control/routes/compile.hpp"

namespace skerry::routes {
namespace {

namespace fs = std::filesystem;

class CacheTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "skerry-routes-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { fs::remove_all(folder_); }

    // Compiles or loads some routes with one database; false: it did not work at all.
    Cache load(const std::string& expression = "/a[0-9]+") {
        Route route;
        route.path = "~" + expression;
        route.function = "f";
        Cache cache{folder_};
        EXPECT_TRUE(compile({route}, 1, cache).set != nullptr);
        return cache;
    }
    fs::path only_file() {
        fs::path found;
        for (const auto& each : fs::directory_iterator(folder_)) found = each.path();
        return found;
    }
    std::string bytes_of(const fs::path& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const fs::path& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    void expect_refused_and_mended(const char* what) {
        const Cache cache = load();
        EXPECT_EQ(cache.hits, 0u) << what;
        EXPECT_EQ(cache.refused, 1u) << what;
        EXPECT_EQ(cache.compiled, 1u) << what;
        EXPECT_EQ(load().hits, 1u) << what;
    }

    std::string folder_;
};

TEST_F(CacheTest, IsFoundByContent) {
    EXPECT_EQ(load().compiled, 1u);
    EXPECT_EQ(load().hits, 1u);
    EXPECT_EQ(load("/b").compiled, 1u);
    EXPECT_EQ(load("/b").hits, 1u);
    EXPECT_EQ(load().hits, 1u);
    struct stat found {};
    ASSERT_EQ(::stat(only_file().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(CacheTest, EveryChangedByteIsSeen) {
    load();
    const fs::path file = only_file();
    const std::string whole = bytes_of(file);
    for (std::size_t at = 0; at < whole.size(); at += at < 200 ? 7 : 97) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        write(file, changed);
        std::string payload;
        EXPECT_EQ(read_cache_file(folder_, file.filename(), payload), CacheRead::refused) << at;
    }
    write(file, whole.substr(0, whole.size() / 2));
    expect_refused_and_mended("cut");
    write(file, whole + "x");
    expect_refused_and_mended("longer");
    write(file, "");
    expect_refused_and_mended("empty");
}

// Whole by its checksum, but no database, or one of another machine.
TEST_F(CacheTest, WhatHyperscanDoesNotTakeIsCompiledAnew) {
    load();
    const std::string key = only_file().filename();
    write_cache_file(folder_, key, "no database at all");
    Cache cache = load();
    EXPECT_EQ(cache.hits, 0u);
    EXPECT_EQ(cache.compiled, 1u);
    EXPECT_EQ(load().hits, 1u);
}

TEST_F(CacheTest, AnotherSetsDatabaseIsRefused) {
    load();
    const fs::path first = only_file();
    const std::string bytes = bytes_of(first);
    fs::remove(first);
    load("/b");
    const fs::path second = only_file();
    write(second, bytes);
    Cache cache = load("/b");
    EXPECT_EQ(cache.refused, 1u);
    EXPECT_EQ(load("/b").hits, 1u);
}

TEST_F(CacheTest, WhatOthersMayWriteIsRefused) {
    load();
    ASSERT_EQ(::chmod(only_file().c_str(), 0622), 0);
    expect_refused_and_mended("writable by others");
    const fs::path file = only_file();
    const fs::path elsewhere = folder_ + "/elsewhere";
    fs::rename(file, elsewhere);
    fs::create_symlink(elsewhere, file);
    expect_refused_and_mended("a link");
    fs::remove(elsewhere);
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chown(only_file().c_str(), 12345, 12345), 0);
    expect_refused_and_mended("another's");
    fs::remove(file);
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    expect_refused_and_mended("a pipe");
}

TEST_F(CacheTest, WorksWhereNothingCanBeKept) {
    folder_ += "/file/below";
    write(fs::path(folder_).parent_path(), "");
    EXPECT_EQ(load().compiled, 1u);
    EXPECT_EQ(load().compiled, 1u);
    folder_ = fs::path(folder_).parent_path().parent_path();
}

TEST_F(CacheTest, TheUnusedIsSweptOldestFirst) {
    for (const char* each : {"/a", "/b", "/c", "/d"}) load(std::string(each) + "+");
    const Cache used = load("/a+");
    sweep(used, 1);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
    EXPECT_EQ(load("/a+").hits, 1u);
    sweep(used, 0);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

}  // namespace
}  // namespace skerry::routes
