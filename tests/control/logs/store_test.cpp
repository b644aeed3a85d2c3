#include "control/logs/store.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace skerry::logs {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        store_ = std::make_unique<Store>(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    static Record record(std::int64_t time_us, const std::string& text) {
        Record made;
        made.time_us = time_us;
        made.version = "0123456789ab";
        made.worker = 1;
        made.text = text;
        return made;
    }
    void append(const std::string& function, std::int64_t time_us, const std::string& text) {
        const Status done = store_->append(function, render(record(time_us, text)));
        ASSERT_TRUE(done) << done.error().text;
    }
    Page read(const std::string& function, const Question& question = {}) {
        auto page = store_->read(function, question);
        EXPECT_TRUE(page);
        return std::move(page).value();
    }
    Page after(const std::string& function, const Cursor& cursor) {
        return read(function, {.after = cursor, .since_us = 0, .request = {}});
    }
    static std::vector<std::string> texts(const Page& page) {
        std::vector<std::string> all;
        for (const Record& each : page.records) all.push_back(each.text);
        return all;
    }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
    }
    using Texts = std::vector<std::string>;

    char folder_[32] = "/tmp/skerry-logs-XXXXXX";
    std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ReadsWhatCameAfterTheCursor) {
    EXPECT_TRUE(read("f").records.empty());
    append("f", 1, "one");
    append("g", 1, "of another");
    append("f-2", 1, "of another");
    Page page = read("f");
    EXPECT_EQ(texts(page), Texts{"one"});
    EXPECT_FALSE(page.more);
    EXPECT_TRUE(after("f", page.next).records.empty());
    append("f", 2, "two");
    store_ = std::make_unique<Store>(folder_);  // the server has been restarted
    append("f", 3, "three");
    page = after("f", page.next);
    EXPECT_EQ(texts(page), (Texts{"two", "three"}));
    EXPECT_EQ(parse_cursor(cursor_text(page.next)), page.next);
    for (const char* bad : {"", ".", "1.", ".1", "1.x", "01.2", "1.2.3", "-1.2"})
        EXPECT_FALSE(parse_cursor(bad)) << bad;
}

TEST_F(StoreTest, SelectsByTimeAndRequest) {
    Record mine = record(5'000'000, "mine");
    mine.request = {1, 2};
    ASSERT_TRUE(store_->append("f", render(mine)));
    append("f", 6'000'000, "later");
    EXPECT_EQ(texts(read("f", {.after = {}, .since_us = 5'500'000, .request = {}})),
              Texts{"later"});
    EXPECT_EQ(texts(read("f", {.after = {}, .since_us = 0, .request = RequestId{1, 2}})),
              Texts{"mine"});
    std::ofstream(std::string(folder_) + "/f.1.log", std::ios::app) << "damage\nhalf a li";
    EXPECT_EQ(read("f").records.size(), 2u);
}

TEST_F(StoreTest, AnswersAreBounded) {
    std::string lines;
    for (int i = 0; i < 1500; ++i) lines += render(record(i, std::to_string(i)));
    ASSERT_TRUE(store_->append("f", lines));
    Page page = read("f");
    EXPECT_EQ(page.records.size(), kMaxRecords);
    EXPECT_TRUE(page.more);
    page = after("f", page.next);
    EXPECT_EQ(page.records.size(), 500u);
    EXPECT_EQ(page.records[0].text, "1000");
    EXPECT_FALSE(page.more);
}

TEST_F(StoreTest, FilesAreBounded) {
    const std::string text(60000, 'x');
    const int lines = static_cast<int>(6 * kFileBytes / 60000);
    for (int i = 0; i < lines; ++i) append("f", i, text);
    EXPECT_EQ(files(), kFilesKept);
    std::uint64_t bytes = 0;
    for (const auto& file : fs::directory_iterator(folder_)) bytes += file.file_size();
    EXPECT_LE(bytes, kFilesKept * kFileBytes);
    Page page = after("f", {1, 0});
    EXPECT_TRUE(page.lost);
    EXPECT_FALSE(page.records.empty());
    std::size_t records = page.records.size();
    while (page.more) {
        page = after("f", page.next);
        EXPECT_FALSE(page.lost);
        records += page.records.size();
    }
    EXPECT_GT(records, 3 * kFileBytes / 61000);
    EXPECT_EQ(page.records.back().time_us, lines - 1);
}

TEST_F(StoreTest, LastOnesOfAVersion) {
    for (int i = 0; i < 50; ++i) append("f", i, std::to_string(i));
    Record other = record(99, "other");
    other.version = "ba9876543210";
    ASSERT_TRUE(store_->append("f", render(other)));
    const auto last = store_->last("f", "0123456789ab", 2);
    ASSERT_EQ(last.size(), 2u);
    EXPECT_EQ(last[0].text, "48");
    EXPECT_TRUE(store_->last("nobody", "0123456789ab", 2).empty());
}

TEST_F(StoreTest, SweepsWhatNoFunctionHas) {
    append("f", 1, "x");
    append("gone", 1, "x");
    for (const char* name : {"README", "f.log", "f.01.log", "f.x.log", ".1.log"})
        std::ofstream(std::string(folder_) + "/" + name) << "somebody's";
    EXPECT_EQ(store_->sweep({"f"}), 1u);
    EXPECT_EQ(files(), 6u);
    append("gone", 2, "again");
    EXPECT_TRUE(after("gone", {1, 1000}).records.empty());
    EXPECT_EQ(texts(read("gone")), Texts{"again"});
}

}  // namespace
}  // namespace skerry::logs
