// What is in catalog.db: its tables, and how they are read and believed nothing. Internal to
// control/catalog.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/catalog/catalog.hpp"
#include "control/catalog/sqlite.hpp"

namespace skerry::catalog {

inline constexpr std::uint32_t kDatabaseFormat = 1;                // user_version
inline constexpr std::uint32_t kDatabaseApplication = 0x536b4374;  // application_id: "SkCt"
inline constexpr std::uint64_t kMaxBodyBytes = 1 << 20;  // of a function's; none can have more

// To the letter: no view, trigger or column that was somebody else's idea.
inline constexpr std::string_view kTables[] = {
    "CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), epoch INTEGER NOT NULL, "
    "fleet TEXT NOT NULL, imported TEXT NOT NULL) STRICT",
    "CREATE TABLE functions(name TEXT PRIMARY KEY NOT NULL, body TEXT NOT NULL) STRICT",
    "CREATE TABLE tombstones(name TEXT NOT NULL, region TEXT NOT NULL, "
    "PRIMARY KEY(name, region)) STRICT, WITHOUT ROWID"};

struct Stored {
    State state;
    std::string imported;
};

// Of an error of SQLite's while it is opened or read: EINVAL: damage; EIO: anything else.
Error unreadable(const Error& error);
// How an opened database is limited before anything of it is read: a file is hostile.
void distrust(sqlite3* database);
// Whether it is a catalog, of a format that is known: not more than that. Errors as below.
Status check_kind(sqlite3* database);
// Everything, checked. Errors: EINVAL: it is damaged, the text says how; ENOTSUP: a later version
// has written it; EIO: it could not be read.
Result<Stored> read_all(sqlite3* database);

}  // namespace skerry::catalog
