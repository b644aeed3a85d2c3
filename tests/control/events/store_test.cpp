// The file of events: what comes back after an end, and what a file is answered that is no such
// file.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "control/events/store.hpp"

namespace skerry::events {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kBytes = 16u << 20;

class EventStore : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("skerry-events-" + std::to_string(getpid()));
        fs::remove_all(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::unique_ptr<Store> open(Safety safety = Safety::written, std::uint64_t bytes = kBytes) {
        auto store = Store::open(folder_.string(), safety, bytes);
        EXPECT_TRUE(store) << store.error().text;
        return store ? std::move(*store) : nullptr;
    }
    static Store::Added added(std::int64_t id, const std::string& payload) {
        Store::Added made;
        made.event.id = id;
        made.event.request_id_hi = ~std::uint64_t{0};
        made.event.function_key = 0xf000'0000'0000'0001;
        made.event.accepted_ms = made.event.due_ms = 1'700'000'000'000;
        made.event.payload_bytes = static_cast<std::uint32_t>(payload.size());
        made.payload = payload;
        return made;
    }
    static std::vector<Event> all(Store& store, std::uint64_t malformed = 0) {
        std::uint64_t found = 0;
        auto events = store.all(found);
        EXPECT_TRUE(events);
        EXPECT_EQ(found, malformed);
        return events ? *events : std::vector<Event>{};
    }
    // As somebody else would write to it, while nobody has it open.
    void sql(const std::string& text) const {
        sqlite3* database = nullptr;
        ASSERT_EQ(sqlite3_open((folder_ / "events.db").c_str(), &database), SQLITE_OK);
        char* said = nullptr;
        EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, &said), SQLITE_OK) << said;
        sqlite3_free(said);
        sqlite3_close(database);
    }
    void fill() {
        const auto store = open();
        const Store::Added events[] = {added(1, "one"), added(2, ""), added(3, "three")};
        ASSERT_TRUE(store->commit(events, {}));
    }
    std::size_t set_aside() const {
        std::size_t count = 0;
        for (const auto& each : fs::directory_iterator(folder_))
            count += each.path().filename().string().starts_with("events.db.damaged-") &&
                     !each.path().string().ends_with("-wal");
        return count;
    }
    fs::path folder_;
};

TEST_F(EventStore, WhatIsKeptComesBack) {
    for (const Safety safety : {Safety::written, Safety::synced}) {
        fs::remove_all(folder_);
        {
            const auto store = open(safety);
            const std::string large(1 << 20, 'x');
            const Store::Added events[] = {added(1, "one"), added(2, std::string("a\0b", 3)),
                                           added(3, ""), added(4, large)};
            ASSERT_TRUE(store->commit(events, {}));
            Event later = events[1].event;
            later.failures = 2;
            later.due_ms += 5000;
            const Store::Change changes[] = {{Store::ChangeKind::gone, events[0].event},
                                             {Store::ChangeKind::failures, later}};
            ASSERT_TRUE(store->commit({}, changes));
        }
        EXPECT_EQ(fs::status(folder_).permissions(), fs::perms::owner_all);
        const auto store = open(safety);
        const std::vector<Event> events = all(*store);
        ASSERT_EQ(events.size(), 3u);
        EXPECT_EQ(events[0].id, 2);
        EXPECT_EQ(events[0].failures, 2u);
        EXPECT_EQ(events[0].due_ms, 1'700'000'005'000u);
        EXPECT_EQ(events[0].request_id_hi, ~std::uint64_t{0});
        EXPECT_EQ(events[0].function_key, 0xf000'0000'0000'0001u);
        EXPECT_EQ(*store->payload(events[0]), std::string("a\0b", 3));
        EXPECT_EQ(*store->payload(events[1]), "");
        EXPECT_EQ(*store->payload(events[2]), std::string(1 << 20, 'x'));
        EXPECT_TRUE(store->moved_to().empty());
    }
}

TEST_F(EventStore, InMemoryNothingIsWritten) {
    const auto store = open(Safety::memory);
    const Store::Added events[] = {added(1, "one")};
    ASSERT_TRUE(store->commit(events, {}));
    EXPECT_EQ(*store->payload(all(*store).at(0)), "one");
    EXPECT_FALSE(fs::exists(folder_));
}

// All of a transaction, or nothing; and there is room again when something is gone.
TEST_F(EventStore, AFullFile) {
    const auto store = open(Safety::written, 1 << 20);
    const std::string payload(100'000, 'x');
    std::int64_t id = 0;
    while (id < 100) {
        const Store::Added events[] = {added(id + 1, payload), added(id + 2, payload)};
        if (!store->commit(events, {})) break;
        id += 2;
    }
    EXPECT_GT(id, 4);
    EXPECT_LT(id, 20);
    EXPECT_FALSE(store->outcome_unknown());
    EXPECT_EQ(all(*store).size(), static_cast<std::size_t>(id));
    const Store::Change gone[] = {{Store::ChangeKind::gone, added(1, "").event},
                                  {Store::ChangeKind::gone, added(2, "").event}};
    ASSERT_TRUE(store->commit({}, gone));
    const Store::Added events[] = {added(200, payload), added(201, payload)};
    EXPECT_TRUE(store->commit(events, {}));
}

// What a disk that refuses does: a limit of the process's files.
TEST_F(EventStore, ADiskThatTakesNothingMore) {
    const auto store = open(Safety::synced);
    const Store::Added first[] = {added(1, "one")};
    ASSERT_TRUE(store->commit(first, {}));
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit tight{64ull * 1024, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
    const Store::Added second[] = {added(2, std::string(500'000, 'x'))};
    const Status refused = store->commit(second, {});
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("file of events"), std::string::npos);
    EXPECT_EQ(all(*store).size(), 1u);
    EXPECT_TRUE(store->commit(second, {}));
    EXPECT_FALSE(store->outcome_unknown());
}

TEST_F(EventStore, RowsThatCannotBeAreErasedAndCounted) {
    fill();
    sql("INSERT INTO events SELECT 10,1,1,0,0,0,0,0,1,1,0,x'00',NULL;"              // no function
        "INSERT INTO events SELECT -4,1,1,5,0,0,0,0,1,1,0,x'00',NULL;"              // no id
        "INSERT INTO events SELECT 11,1,1,5,0,0,0,0,1,1,0,'text',NULL;"             // no blob
        "INSERT INTO events SELECT 12,1,1,5,0,0,0,0,1,1,0,NULL,NULL;"               // no payload
        "INSERT INTO events SELECT 13,1,1,5,0,0,0,0,-1,1,0,x'00',NULL;"             // no time
        "INSERT INTO events SELECT 14,1,1,5,0,0,0,0,1,1,4000000000000,x'00',NULL;"  // failed too
                                                                                    // often
        "INSERT INTO events SELECT 15,1,1,5,0,0,0,0,1,1,0,zeroblob(1048577),NULL;"  // too large
        "INSERT INTO events SELECT 9223372036854775807,1,1,5,0,0,0,0,1,1,0,x'',NULL;"  // the last
                                                                                       // id
        "INSERT INTO events SELECT 16,'a',NULL,5,0.5,0,0,0,1,1,0,x'',NULL;");  // good enough
    std::uint64_t malformed = 0;
    auto store = open();
    EXPECT_TRUE(store->moved_to().empty());
    auto events = store->all(malformed);
    ASSERT_TRUE(events);
    EXPECT_EQ(events->size(), 4u);
    EXPECT_EQ(malformed, 8u);
    store.reset();
    store = open();
    EXPECT_EQ(all(*store).size(), 4u);
}

TEST_F(EventStore, AFileThatIsNoneIsSetAside) {
    const auto replace = [this](const std::string& bytes) {
        std::ofstream(folder_ / "events.db", std::ios::binary | std::ios::trunc) << bytes;
        fs::remove(folder_ / "events.db-wal");
    };
    fill();
    std::ifstream in(folder_ / "events.db", std::ios::binary);
    const std::string good{std::istreambuf_iterator<char>(in), {}};
    std::string format = good, page = good;
    format[47] = 9;  // a schema format that SQLite does not have
    page[4096] = 0x7f;
    std::size_t count = 0;
    for (const std::string& bad : {std::string(8192, 'x'), good.substr(0, 4096), format, page,
                                   std::string("SQLite format 3")}) {
        replace(bad);
        const auto store = open();
        ASSERT_TRUE(store != nullptr);
        EXPECT_TRUE(all(*store).empty());
        EXPECT_TRUE(fs::exists(store->moved_to())) << count;
        EXPECT_EQ(fs::file_size(store->moved_to()), bad.size());
        EXPECT_EQ(set_aside(), ++count);
        const Store::Added events[] = {added(1, "one")};
        EXPECT_TRUE(store->commit(events, {}));
    }
}

// Tables, triggers and views of somebody else's: nothing of them is ever run.
TEST_F(EventStore, ASchemaThatIsNotOursIsSetAside) {
    std::size_t count = 0;
    const char* const endless =
        "DROP TABLE events; CREATE VIEW events AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL "
        "SELECT 1 FROM r) SELECT x FROM r";
    const char* const trigger = "CREATE TRIGGER t AFTER DELETE ON events BEGIN SELECT 1; END";
    for (const char* text :
         {"CREATE TABLE more(x)", trigger, endless, "ALTER TABLE events ADD COLUMN more",
          "CREATE INDEX i ON events(due_ms)"}) {
        fill();
        sql(text);
        const auto store = open();
        ASSERT_TRUE(store != nullptr) << text;
        EXPECT_FALSE(store->moved_to().empty()) << text;
        EXPECT_TRUE(all(*store).empty());
        EXPECT_EQ(set_aside(), ++count);
        fs::remove(folder_ / "events.db");
    }
}

TEST_F(EventStore, AFileOfALaterVersionIsLeftAlone) {
    fill();
    sql("PRAGMA user_version = 3");
    const auto store = Store::open(folder_.string(), Safety::written, kBytes);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().text.find("later version"), std::string::npos);
    EXPECT_EQ(set_aside(), 0u);
}

TEST_F(EventStore, AFileOfTheFirstFormatGetsTheColumnThatItLacks) {
    fs::create_directory(folder_);
    sql("CREATE TABLE events(id INTEGER PRIMARY KEY, request_hi INTEGER, request_lo "
        "INTEGER, function_key INTEGER, qualifier INTEGER, trace_hi INTEGER, trace_lo INTEGER, "
        "span INTEGER, accepted_ms INTEGER, due_ms INTEGER, failures INTEGER, payload BLOB);"
        "INSERT INTO events VALUES(7,1,1,5,0,0,0,0,1,1,0,x'6f6e65'); PRAGMA user_version = 1");
    for (int i = 0; i < 2; ++i) {
        const auto store = open();
        EXPECT_TRUE(store->moved_to().empty()) << store->moved_to();
        const std::vector<Event> events = all(*store);
        ASSERT_EQ(events.size(), i == 0 ? 1u : 2u);
        EXPECT_EQ(events[0].context_bytes, 0u);
        EXPECT_EQ(*store->payload(events[0]), "one");
        if (i == 1) {
            EXPECT_EQ(events[1].context_bytes, 2u);
            EXPECT_EQ(*store->payload(events[1]), "two{}");
            break;
        }
        Store::Added event = added(8, "two{}");
        event.event.context_bytes = 2;
        ASSERT_TRUE(store->commit({&event, 1}, {}));
    }
}

// A page of a payload is damaged: only that event is, and it is known when it is asked for.
TEST_F(EventStore, ADamagedPayloadIsSaidToBe) {
    {
        const auto store = open();
        const Store::Added events[] = {added(1, "one"), added(2, std::string(50'000, 'x'))};
        ASSERT_TRUE(store->commit(events, {}));
    }
    sql("UPDATE events SET payload = x'00' WHERE id = 2");
    const auto store = open();
    std::vector<Event> events = all(*store);
    ASSERT_EQ(events.size(), 2u);
    events[1].payload_bytes = 50'000;  // as it was read before
    const auto payload = store->payload(events[1]);
    ASSERT_FALSE(payload);
    EXPECT_TRUE(is_damage(payload.error()));
    Event missing = events[0];
    missing.id = 99;
    ASSERT_FALSE(store->payload(missing));
    EXPECT_TRUE(is_damage(store->payload(missing).error()));
    EXPECT_EQ(*store->payload(events[0]), "one");
}

}  // namespace
}  // namespace skerry::events
