// catalog.db: where it comes from, and what a file is answered that is no such file.
#include <sys/stat.h>

#include <filesystem>

#include "control/catalog/rows.hpp"
#include "tests/control/catalog/catalog_rig.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;

class CatalogFile : public CatalogTest {
  protected:
    void fill() {
        Catalog catalog = open();
        ASSERT_TRUE(catalog.put(make("f", 1)));
        Draft draft = catalog.draft();
        ASSERT_TRUE(draft.put(make("g", 2)));
        ASSERT_TRUE(draft.bury("gone", {"north", "south"}));
        draft.fleet = "0123";
        ASSERT_TRUE(catalog.write(draft));
    }
    // The error's text: the file is named, and left as it is.
    std::string refused() {
        const std::string before = text(file_);
        const auto catalog = Catalog::open(state_);
        EXPECT_FALSE(catalog);
        if (catalog) return {};
        EXPECT_NE(catalog.error().text.find(file_), std::string::npos) << catalog.error().text;
        EXPECT_EQ(text(file_), before) << "never overwritten silently";
        return catalog.error().text;
    }
    std::string damaged() {
        const std::string said = refused();
        EXPECT_NE(said.find("damaged: "), std::string::npos) << said;
        EXPECT_NE(said.find("restore it from a copy"), std::string::npos) << said;
        return said;
    }
};

TEST_F(CatalogFile, SaysWhatItIs) {
    fill();
    struct stat info {};
    ASSERT_EQ(stat(file_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u) << "environments are in it";
    EXPECT_EQ(sql("PRAGMA application_id"), std::to_string(kDatabaseApplication));
    EXPECT_EQ(sql("PRAGMA user_version"), "1");
    EXPECT_EQ(sql("PRAGMA journal_mode"), "wal");
    EXPECT_EQ(sql("SELECT json_extract(body, '$.current') FROM functions WHERE name = 'g'"),
              digest(2));
    EXPECT_EQ(sql("SELECT count(*) FROM tombstones"), "2");
    EXPECT_EQ(sql("SELECT fleet FROM meta"), "0123");
    for (const auto& entry : fs::directory_iterator(state_))
        EXPECT_EQ(entry.path(), file_) << "nothing else stays when it is closed";
}

TEST_F(CatalogFile, CanBeReadAndCopiedMeanwhile) {
    Catalog catalog = open();
    ASSERT_TRUE(catalog.put(make("f", 1)));
    EXPECT_EQ(sql("SELECT name FROM functions"), "f");
    sql("VACUUM INTO '" + std::string(folder_) + "/copy.db'");
    ASSERT_TRUE(catalog.put(make("g", 1)));
    fs::create_directory(std::string(folder_) + "/other");
    fs::rename(std::string(folder_) + "/copy.db", std::string(folder_) + "/other/catalog.db");
    const auto copy = Catalog::open(std::string(folder_) + "/other");
    ASSERT_TRUE(copy) << copy.error().text;
    EXPECT_EQ(copy->functions().size(), 1u);
    EXPECT_EQ(copy->epoch(), catalog.epoch() - 1);
}

TEST_F(CatalogFile, AChangeWaitsForNobodyWhoReads) {
    Catalog catalog = open();
    sqlite3* reader = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &reader), SQLITE_OK);
    const sqlite::Connection holder(reader);
    ASSERT_TRUE(sqlite::run(reader, "BEGIN; SELECT count(*) FROM functions"));
    EXPECT_TRUE(catalog.put(make("f", 1)));
}

TEST_F(CatalogFile, WhoWritesToItIsNoticed) {
    Catalog catalog = open();
    ASSERT_TRUE(catalog.put(make("f", 1)));
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &other), SQLITE_OK);
    const sqlite::Connection holder(other);
    ASSERT_TRUE(sqlite::run(other, "BEGIN IMMEDIATE"));
    const Status locked = catalog.put(make("g", 1));
    ASSERT_FALSE(locked);
    EXPECT_EQ(locked.error().code, EIO);
    EXPECT_NE(locked.error().text.find("another program has locked it"), std::string::npos)
        << locked.error().text;
    EXPECT_EQ(catalog.find("g"), nullptr);
    ASSERT_TRUE(sqlite::run(other, "ROLLBACK"));
    ASSERT_TRUE(catalog.put(make("g", 1)));
    ASSERT_TRUE(sqlite::run(other, "UPDATE meta SET epoch = 100"));
    const Status changed = catalog.put(make("h", 1));
    ASSERT_FALSE(changed);
    EXPECT_NE(changed.error().text.find("another program has written"), std::string::npos)
        << changed.error().text;
    EXPECT_EQ(sql("SELECT count(*) FROM functions"), "2");
}

TEST_F(CatalogFile, BytesThatAreNoCatalog) {
    fill();
    const std::string whole = text(file_);
    const auto with = [&](std::size_t at, const std::string& bytes) {
        std::string copy = whole;
        return copy.replace(at, bytes.size(), bytes);
    };
    for (const std::string& bytes :
         {std::string(), std::string("{}"), std::string(8192, '\0'), whole.substr(0, 100),
          whole.substr(0, whole.size() - 4096), whole.substr(0, 4096), with(0, "x"),
          with(16, std::string("\x10\x01", 2)), with(18, "\x09\x09"), with(47, "\x09"),
          with(100, "\x02"), with(4096, std::string(4096, '\x7f')),
          with(whole.size() - 4096, std::string(2048, '\xff'))}) {
        put_text(file_, bytes);
        damaged();
        EXPECT_FALSE(fs::exists(json_));
    }
    fs::remove(file_);
    fs::create_directory(file_);
    EXPECT_FALSE(Catalog::open(state_));
}

TEST_F(CatalogFile, TablesThatAreNotOurs) {
    for (const char* change :
         {"DROP TABLE tombstones", "CREATE TABLE more(x)", "PRAGMA user_version = 0",
          "PRAGMA application_id = 7", "CREATE INDEX bodies ON functions(body)",
          "CREATE TRIGGER t AFTER INSERT ON functions BEGIN DELETE FROM functions; END",
          "DROP TABLE functions; CREATE VIEW functions AS SELECT 'f' AS name, 'x' AS body",
          "DROP TABLE functions; CREATE TABLE functions(name TEXT PRIMARY KEY NOT NULL, body TEXT)",
          "ALTER TABLE meta ADD COLUMN more INTEGER"}) {
        fs::remove_all(state_);
        fill();
        sql(change);
        damaged();
    }
}

TEST_F(CatalogFile, RowsThatNobodyHasWritten) {
    const std::string body = "UPDATE functions SET body = ";
    const std::pair<std::string, std::string> changes[] = {
        {"DELETE FROM meta", "meta"},
        {"UPDATE meta SET epoch = 0", "epoch"},
        {"UPDATE meta SET epoch = -1", "epoch"},
        {"UPDATE meta SET fleet = printf('%.*c', 65, 'x')", "fleet"},
        {"UPDATE meta SET imported = 'x'", "imported"},
        {body + "'' WHERE name = 'f'", "\"f\": not JSON"},
        {body + "'{}' WHERE name = 'f'", "\"f\": "},
        {body + "replace(body, '\"f\"', '\"f/../g\"') WHERE name = 'f'", "\"f\": "},
        {body + "replace(body, '\"auto\"', '\"nowhere\"') WHERE name = 'g'", "\"g\": \"place\""},
        {body + "json_set(body, '$.limits.memory_mib', 4294967424) WHERE name = 'g'", "\"g\": "},
        {body + "json_set(body, '$.current', '0') WHERE name = 'g'", "\"g\": current"},
        {body + "(SELECT body FROM functions WHERE name = 'f')", "another name"},
        {body + "printf('%.*c', 1100000, '[') WHERE name = 'f'", "1100000 bytes"},
        {body + "printf('%.*c', 100000, '[') WHERE name = 'f'", "\"f\": "},
        {"UPDATE functions SET name = 'a b' WHERE name = 'f'", "\"a b\": "},
        {"INSERT INTO tombstones VALUES('f', 'A')", "tombstone"},
        {"INSERT INTO tombstones VALUES('', 'north')", "tombstone"},
        {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4096) INSERT INTO "
         "tombstones SELECT 't' || i, 'north' FROM n",
         "4096 tombstones"},
    };
    for (const auto& [change, named] : changes) {
        fs::remove_all(state_);
        fill();
        sql(change);
        const std::string said = damaged();
        EXPECT_NE(said.find(named), std::string::npos) << change << ": " << said;
    }
}

TEST_F(CatalogFile, OfALaterVersion) {
    fill();
    sql("PRAGMA user_version = 2; CREATE TABLE more(x)");
    const std::string said = refused();
    EXPECT_NE(said.find("later version"), std::string::npos) << said;
    EXPECT_EQ(said.find("damaged"), std::string::npos) << said;
}

TEST_F(CatalogFile, TakesOverTheFileOfEarlierVersions) {
    fs::create_directory(state_);
    State state;
    state.epoch = 41;
    state.fleet = "0123";
    ASSERT_TRUE(state.add(make("f", 1)));
    ASSERT_TRUE(state.add(make("g", 2)));
    state.tombstones = {{"gone", {"north", "south"}}};
    const std::string json = catalog_json(state);
    put_text(json_, json);
    put_text(json_ + ".tmp-Ab12Cd", "half");
    put_text(file_ + ".tmp-Ab12Cd", "half");
    put_text(file_ + ".tmp-Ab12Cd-wal", "half");
    put_text(state_ + "/other.tmp-x", "of somebody else");
    const auto same = [&](const Catalog& catalog) {
        EXPECT_EQ(catalog.functions(), state.functions);
        EXPECT_EQ(catalog.tombstones(), state.tombstones);
        EXPECT_EQ(catalog.epoch(), 41u);
        EXPECT_EQ(catalog.fleet(), "0123");
    };
    same(open());
    EXPECT_FALSE(fs::exists(json_));
    EXPECT_EQ(text(json_ + ".imported"), json) << "kept";
    for (const auto& entry : fs::directory_iterator(state_))
        EXPECT_TRUE(entry.path() == file_ || entry.path() == json_ + ".imported" ||
                    entry.path() == state_ + "/other.tmp-x")
            << entry.path();
    same(open());
    // Killed before the renaming: the database counts.
    fs::rename(json_ + ".imported", json_);
    ASSERT_TRUE(open().put(make("h", 1)));
    EXPECT_FALSE(fs::exists(json_));
    fs::copy(json_ + ".imported", json_);
    EXPECT_EQ(open().functions().size(), 3u);
    EXPECT_EQ(text(json_ + ".imported-2"), json) << "nothing is overwritten";
    // Somebody has put back an old copy, or went back to an earlier version for a while.
    put_text(json_, catalog_json({}));
    const auto both = Catalog::open(state_);
    ASSERT_FALSE(both);
    EXPECT_NE(both.error().text.find("which it was not made of"), std::string::npos);
    EXPECT_NE(both.error().text.find(json_), std::string::npos);
    fs::remove(file_);
    EXPECT_TRUE(open().functions().empty());
}

TEST_F(CatalogFile, OfEarlierVersionsThatIsDamagedIsNotTakenOver) {
    fs::create_directory(state_);
    State state;
    ASSERT_TRUE(state.add(make("f", 1)));
    const std::string whole = catalog_json(state);
    const auto replaced = [&](const std::string& what, const std::string& by) {
        std::string copy = whole;
        const auto at = copy.find(what);
        EXPECT_NE(at, std::string::npos) << what;
        return at == std::string::npos ? copy : copy.replace(at, what.size(), by);
    };
    for (const std::string& bytes :
         {std::string(), std::string("{}"), std::string("[1]"), whole.substr(0, whole.size() / 2),
          replaced("\"format\":1", "\"format\":2"), replaced("\"epoch\":", "\"epoch\":-"),
          replaced("\"memory_mib\":128", "\"memory_mib\":1e9"), replaced("\"f\"", "\"f/../g\""),
          replaced("\"current\":\"", "\"current\":\"0"), replaced("\"retry\"", "\"rtery\""),
          replaced("\"tombstones\":[", "\"tombstones\":[1"), std::string(100000, '[')}) {
        put_text(json_, bytes);
        const auto catalog = Catalog::open(state_);
        ASSERT_FALSE(catalog) << bytes.substr(0, 200);
        EXPECT_NE(catalog.error().text.find(json_ + ": damaged"), std::string::npos)
            << catalog.error().text;
        EXPECT_EQ(text(json_), bytes);
        EXPECT_FALSE(fs::exists(file_));
    }
    put_text(json_, replaced(",\"tombstones\":[]", ""));
    EXPECT_EQ(open().functions().size(), 1u) << "written before there were any";
}

}  // namespace
}  // namespace skerry::catalog
