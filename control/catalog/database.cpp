#include "control/catalog/database.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "control/catalog/catalog_file.hpp"
#include "control/catalog/files.hpp"
#include "control/catalog/rows.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::catalog {
namespace {

using sqlite::run;
using sqlite::Statement;

constexpr std::uint64_t kPageBytes = 4096;
// How long a change waits for somebody else who has locked the file.
constexpr int kPatience_ms = 3000;
// Pages in the log with which they are brought to the file.
constexpr char kCheckpoint[] = "PRAGMA wal_autocheckpoint = 256";
constexpr char kLogLimit[] = "PRAGMA journal_size_limit = 4194304";

Error damaged(const std::string& path, const std::string& how) {
    return Error{EINVAL, path + ": damaged: " + how +
                             "; restore it from a copy, or move it away to start empty: mv " +
                             path + " " + path + ".damaged (and " + path + "-wal, if it is there)"};
}

Error named(const std::string& path, const Error& error) {
    if (error.code == EINVAL) return damaged(path, error.text);
    return Error{error.code, path + ": " + error.text};
}

Status put_rows(sqlite3* database, const Database::Change& change) {
    auto put =
        Statement::prepare(database,
                           "INSERT INTO functions(name, body) VALUES(?, ?) ON CONFLICT(name) "
                           "DO UPDATE SET body = excluded.body");
    auto erase = Statement::prepare(database, "DELETE FROM functions WHERE name = ?");
    auto bury = Statement::prepare(database, "INSERT INTO tombstones(name, region) VALUES(?, ?)");
    auto unbury = Statement::prepare(database, "DELETE FROM tombstones WHERE name = ?");
    for (const auto* each : {&put, &erase, &bury, &unbury})
        if (!*each) return each->error();
    for (const auto& [name, function] : change.functions) {
        const std::string body = function == nullptr ? std::string() : render(*function);
        Statement& statement = function == nullptr ? *erase : *put;
        statement.bind(name);
        if (function != nullptr) statement.bind(body);
        if (const auto done = statement.step(); !done) return done.error();
    }
    for (const auto& [name, regions] : change.tombstones) {
        unbury->bind(name);
        if (const auto done = unbury->step(); !done) return done.error();
        for (const std::string& region : regions) {
            bury->bind(name);
            bury->bind(region);
            if (const auto done = bury->step(); !done) return done.error();
        }
    }
    return ok();
}

Status fill(sqlite3* database, const State& state, const std::string& imported) {
    // It has another name until it is whole: a journal would be for nobody.
    if (Status done = run(database,
                          "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; "
                          "PRAGMA synchronous = FULL; BEGIN");
        !done)
        return done;
    for (const std::string_view table : kTables)
        if (Status done = run(database, std::string(table)); !done) return done;
    auto meta = Statement::prepare(
        database, "INSERT INTO meta(id, epoch, fleet, imported) VALUES(1, ?, ?, ?)");
    if (!meta) return meta.error();
    meta->bind(state.epoch);
    meta->bind(state.fleet);
    meta->bind(imported);
    if (const auto done = meta->step(); !done) return done.error();
    Database::Change all{
        .epoch = state.epoch, .fleet = state.fleet, .functions = {}, .tombstones = {}};
    for (const auto& [name, function] : state.functions) all.functions.push_back({name, &function});
    for (const auto& [name, regions] : state.tombstones) all.tombstones.push_back({name, regions});
    if (Status done = put_rows(database, all); !done) return done;
    return run(database, "PRAGMA application_id = " + std::to_string(kDatabaseApplication) +
                             "; PRAGMA user_version = " + std::to_string(kDatabaseFormat) +
                             "; COMMIT; PRAGMA journal_mode = WAL");
}

// The log has no index in the folder then, and nobody else can read the file.
bool has_no_room_for_its_index(int code) {
    return code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_SHMOPEN ||
           code == SQLITE_IOERR_SHMMAP || (code & 0xff) == SQLITE_FULL;
}

}  // namespace

Status Database::create(const std::string& path, const State& state, const std::string& imported) {
    std::string temporary = path + kTemporaryMark + "XXXXXX";
    // Mode 0600, which its log gets from it: there are environments in it, and with them what
    // tenants call secret.
    UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd) return errno_error("create " + temporary);
    Status done = ok();
    {
        sqlite3* made = nullptr;
        const int opened = sqlite3_open_v2(temporary.c_str(), &made,
                                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
        const sqlite::Connection database(made);
        done = opened == SQLITE_OK ? fill(made, state, imported) : sqlite::error_of(made);
        if (!done) done = Error{EIO, "write " + temporary + ": " + done.error().text};
    }
    if (done && fsync(fd.get()) != 0) done = errno_error("fsync " + temporary);
    if (done && rename(temporary.c_str(), path.c_str()) != 0)
        done = errno_error("rename " + temporary + " to " + path);
    if (!done) {
        remove_temporaries(path);
        return done;
    }
    return sync_folder(path.substr(0, path.rfind('/')));
}

Database::Database(std::string path) : path_(std::move(path)) {}

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return errno_error("stat " + path);
    if (!S_ISREG(info.st_mode)) return Error{0, path + ": not a regular file"};
    if (static_cast<std::uint64_t>(info.st_size) > kMaxDatabaseBytes)
        return Error{0, path + ": found " + std::to_string(info.st_size) + " bytes, allowed " +
                            std::to_string(kMaxDatabaseBytes)};
    std::unique_ptr<Database> database(new Database(path));
    Status opened = database->connect(false);
    if (!opened && has_no_room_for_its_index(sqlite3_extended_errcode(database->database_.get())))
        opened = database->connect(true);
    if (opened) opened = database->set_up();
    if (!opened) return opened.error();
    return database;
}

Status Database::connect(bool alone) {
    sqlite3* made = nullptr;
    const int opened =
        sqlite3_open_v2(path_.c_str(), &made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    database_.reset(made);
    if (opened != SQLITE_OK) return Error{EIO, "open " + path_ + ": " + sqlite3_errmsg(made)};
    sqlite3_extended_result_codes(made, 1);
    sqlite3_busy_timeout(made, kPatience_ms);
    distrust(made);
    if (sqlite3_db_readonly(made, "main") == 1)
        return Error{EROFS, path_ + " can't be written: is its file system mounted read-only?"};
    if (alone)
        if (Status done = run(made, "PRAGMA locking_mode = EXCLUSIVE"); !done)
            return Error{EIO, path_ + ": " + done.error().text};
    if (Status kind = check_kind(made); !kind) return named(path_, kind.error());
    return ok();
}

// A change is one fsync of the log: on the disk when COMMIT returns.
Status Database::set_up() {
    sqlite3* const database = database_.get();
    const std::string pages =
        "PRAGMA max_page_count = " + std::to_string(kMaxDatabaseBytes / kPageBytes);
    for (const std::string& sql :
         {std::string("PRAGMA journal_mode = WAL"), std::string("PRAGMA synchronous = FULL"),
          std::string("PRAGMA cell_size_check = ON"), std::string(kCheckpoint),
          std::string(kLogLimit), pages})
        if (Status done = run(database, sql); !done) return named(path_, unreadable(done.error()));
    return ok();
}

Result<State> Database::read() {
    sqlite3* const database = database_.get();
    if (Status begun = run(database, "BEGIN"); !begun)
        return Error{EIO, path_ + ": " + begun.error().text};
    auto stored = read_all(database);
    (void)run(database, "ROLLBACK");
    if (!stored) return named(path_, stored.error());
    epoch_ = or_epoch_ = stored->state.epoch;
    imported_ = stored->imported;
    // What the last server's log has comes into the file. Not needed: a disk may be full.
    (void)run(database, "PRAGMA wal_checkpoint(TRUNCATE)");
    return std::move(stored->state);
}

// Somebody else who has written is noticed: what is in memory here would not be what is there.
Status Database::apply(const Change& change) {
    sqlite3* const database = database_.get();
    auto meta = Statement::prepare(
        database, "UPDATE meta SET epoch = ?, fleet = ? WHERE id = 1 AND epoch IN (?, ?)");
    if (!meta) return meta.error();
    meta->bind(change.epoch);
    meta->bind(change.fleet);
    meta->bind(epoch_);
    meta->bind(or_epoch_);
    if (const auto done = meta->step(); !done) return done.error();
    if (sqlite3_changes(database) != 1)
        return Error{SQLITE_MISUSE,
                     "another program has written to it; restart this server to have "
                     "it read again"};
    return put_rows(database, change);
}

Status Database::write(const Change& change) {
    sqlite3* const database = database_.get();
    int moved = 0;
    (void)sqlite3_file_control(database, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved != 0)
        return Error{EIO, "write " + path_ +
                              ": it has been moved away; put it back, or restart this server"};
    Status done = run(database, "BEGIN IMMEDIATE");
    if (done) done = apply(change);
    if (done) {
        done = run(database, "COMMIT");
        or_epoch_ = change.epoch;
        if (done) epoch_ = change.epoch;
        if (!done && (done.error().code & 0xff) == SQLITE_IOERR)
            done = Error{SQLITE_IOERR, done.error().text +
                                           "; the next change, or else the next start, decides "
                                           "whether it is on the disk"};
    }
    if (done) return ok();
    // SQLite has rolled back some errors by itself.
    if (sqlite3_get_autocommit(database) == 0) (void)run(database, "ROLLBACK");
    return refusal(done.error(), change);
}

Error Database::refusal(const Error& why, const Change& change) {
    const std::string said = "write " + path_ + ": ";
    switch (why.code & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Error{EIO, said + "damaged: " + why.text +
                                  "; its last good state is what this server has: see the "
                                  "operator's guide before it is restarted"};
        case SQLITE_BUSY:
            return Error{EIO, said + "another program has locked it for " +
                                  std::to_string(kPatience_ms / 1000) + " s (sqlite3?)"};
        case SQLITE_FULL: {
            std::uint64_t bytes = 0;
            for (const FunctionRow& each : change.functions)
                bytes += each.function == nullptr ? 0 : render(*each.function).size() + kPageBytes;
            const auto pages = sqlite::number_of(database_.get(), "PRAGMA page_count");
            if (pages && *pages * kPageBytes + bytes >= kMaxDatabaseBytes)
                return Error{EFBIG, said + "it would have more than " +
                                        std::to_string(kMaxDatabaseBytes) +
                                        " bytes: delete functions, or give them smaller "
                                        "environments"};
            return Error{EIO, said + "its disk is full"};
        }
        default:
            return Error{EIO, said + why.text};
    }
}

}  // namespace skerry::catalog
