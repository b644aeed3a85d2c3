#include "control/events/store.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <limits>

#include "control/events/clock.hpp"
#include "dataplane/event/rings.hpp"

namespace skerry::events {
namespace {

// As format 1 was, with the column that format 2 has: where a file is brought up to that.
constexpr char kSchema[] =
    "CREATE TABLE events(id INTEGER PRIMARY KEY, request_hi INTEGER, request_lo "
    "INTEGER, function_key INTEGER, qualifier INTEGER, trace_hi INTEGER, trace_lo INTEGER, span "
    "INTEGER, accepted_ms INTEGER, due_ms INTEGER, failures INTEGER, payload BLOB, "
    "context_bytes INTEGER)";
constexpr std::string_view kColumnOf2 = ", context_bytes INTEGER";
constexpr char kInsert[] = "INSERT INTO events VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr char kUpdate[] = "UPDATE events SET due_ms = ?, failures = ? WHERE id = ?";
constexpr char kErase[] = "DELETE FROM events WHERE id = ?";
constexpr char kSelect[] = "SELECT payload FROM events WHERE id = ?";
constexpr char kAll[] =
    "SELECT id, request_hi, request_lo, function_key, qualifier, trace_hi, trace_lo, span, "
    "accepted_ms, due_ms, failures, length(payload), context_bytes, typeof(payload) "
    "FROM events ORDER BY id";
constexpr std::uint32_t kVersion = 2;  // of the schema
constexpr char kTo2[] =
    "BEGIN; ALTER TABLE events ADD COLUMN context_bytes INTEGER; PRAGMA user_version = 2; COMMIT";
constexpr int kPageBytes = 4096;
constexpr std::uint64_t kTimeMax_ms = std::uint64_t{1} << 48;  // the year 10889
constexpr std::uint32_t kFailuresMax = 1000;

int bind(sqlite3_stmt* to, int column, std::uint64_t value) {
    return sqlite3_bind_int64(to, column, static_cast<std::int64_t>(value));
}

std::uint64_t number(sqlite3_stmt* from, int column) {
    return static_cast<std::uint64_t>(sqlite3_column_int64(from, column));
}

std::uint32_t small(sqlite3_stmt* from, int column) {
    const std::uint64_t value = number(from, column);
    return value > std::numeric_limits<std::uint32_t>::max()
               ? std::numeric_limits<std::uint32_t>::max()
               : static_cast<std::uint32_t>(value);
}

Event read_row(sqlite3_stmt* row) {
    Event event;
    event.id = sqlite3_column_int64(row, 0);
    event.request_id_hi = number(row, 1);
    event.request_id_lo = number(row, 2);
    event.function_key = number(row, 3);
    event.qualifier = number(row, 4);
    event.trace_id_hi = number(row, 5);
    event.trace_id_lo = number(row, 6);
    event.span_id = number(row, 7);
    event.accepted_ms = number(row, 8);
    event.due_ms = number(row, 9);
    event.failures = small(row, 10);
    event.payload_bytes = small(row, 11);
    event.context_bytes = small(row, 12);
    return event;
}

// Kept for whoever wants to look at it: with its log, which has the latest events.
Result<std::string> move_aside(const std::string& path) {
    std::uint64_t number = unix_ms();
    while (::access((path + ".damaged-" + std::to_string(number)).c_str(), F_OK) == 0) ++number;
    const std::string to = path + ".damaged-" + std::to_string(number);
    if (std::rename(path.c_str(), to.c_str()) != 0) return errno_error("rename " + path);
    if (std::rename((path + "-wal").c_str(), (to + "-wal").c_str()) != 0 && errno != ENOENT)
        return errno_error("rename " + path + "-wal");
    return to;
}

bool is_blob(sqlite3_stmt* row, int column) {
    const auto* type = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
    return type != nullptr && std::string_view(type) == "blob";
}

}  // namespace

bool is_damage(const Error& error) {
    return (error.code & 0xff) == SQLITE_CORRUPT || (error.code & 0xff) == SQLITE_NOTADB;
}

bool is_valid(const Event& event) {
    return event.id > 0 && event.id < std::numeric_limits<std::int64_t>::max() / 2 &&
           event.function_key != 0 && event.context_bytes <= wire::kContextBytesMax &&
           event.context_bytes <= event.payload_bytes &&
           event.payload_bytes - event.context_bytes <= kEventPayloadBytesMax &&
           event.accepted_ms < kTimeMax_ms && event.due_ms < kTimeMax_ms &&
           event.failures <= kFailuresMax;
}

Result<std::unique_ptr<Store>> Store::open(const std::string& folder, Safety safety,
                                           std::uint64_t most_bytes) {
    std::unique_ptr<Store> store(new Store);
    if (safety == Safety::memory) {
        if (const Status begun = store->begin(":memory:", safety, most_bytes); !begun)
            return begun.error();
        return store;
    }
    // Payloads are customers': nobody else's to read.
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return errno_error("mkdir " + folder);
    const std::string path = folder + "/events.db";
    store->folder_ = folder;
    Status begun = store->begin(path, safety, most_bytes);
    // SQLITE_ERROR: the header says a format that SQLite does not know.
    if (!begun && (is_damage(begun.error()) || begun.error().code == SQLITE_ERROR)) {
        store.reset(new Store);
        store->folder_ = folder;
        const Result<std::string> moved = move_aside(path);
        if (!moved) return moved.error();
        begun = store->begin(path, safety, most_bytes);
        store->moved_to_ = *moved;
    }
    if (!begun) return begun.error();
    return store;
}

Store::~Store() = default;

Error Store::error(const char* doing) const {
    sqlite3* database = database_.get();
    return Error{sqlite3_errcode(database),
                 std::string(doing) + " the file of events: " + sqlite3_errmsg(database)};
}

Status Store::run(const char* sql) {
    return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK
               ? ok()
               : Status(error("prepare"));
}

Status Store::prepare(const char* sql, Statement& to) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(database_.get(), sql, -1, &made, nullptr) != SQLITE_OK)
        return error("prepare");
    to.reset(made);
    return ok();
}

Status Store::begin(const std::string& path, Safety safety, std::uint64_t most_bytes) {
    sqlite3* made = nullptr;
    const int opened = sqlite3_open_v2(
        path.c_str(), &made,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
        nullptr);
    database_.reset(made);
    if (opened != SQLITE_OK) return error("open");
    sqlite3_db_config(made, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(made, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    const std::string pages =
        "PRAGMA max_page_count = " + std::to_string(most_bytes / kPageBytes + 64);
    // Nobody else opens it: state_dir is locked. So its index of the log needs no file.
    for (const char* sql :
         {"PRAGMA page_size = 4096", "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
          "PRAGMA cell_size_check = ON", "PRAGMA journal_size_limit = 16777216", pages.c_str(),
          safety == Safety::synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
          safety == Safety::memory ? "PRAGMA cache_size = -2000" : "PRAGMA cache_size = -16000"})
        if (const Status done = run(sql); !done) return done;
    Statement version;
    if (const Status done = prepare("PRAGMA user_version", version); !done) return done;
    const int stepped = sqlite3_step(version.get());
    if (stepped != SQLITE_ROW) return error("read");
    const std::uint32_t found = small(version.get(), 0);
    version.reset();
    if (found > kVersion)
        return Error{0, path + " was written by a later version of skerryd (format " +
                            std::to_string(found) + "); this one knows format " +
                            std::to_string(kVersion)};
    if (const Status done = check_schema(); !done) return done;
    const struct {
        const char* sql;
        Statement& to;
    } statements[] = {{"PRAGMA freelist_count", free_pages_},
                      {kInsert, insert_},
                      {kUpdate, update_},
                      {kErase, erase_},
                      {kSelect, select_}};
    for (const auto& each : statements)
        if (const Status done = prepare(each.sql, each.to); !done) return done;
    std::vector<Change> wrong;  // is for all(), which says how many there are
    const auto readable = read_all(wrong);
    return readable ? ok() : Status(readable.error());
}

// One table, exactly as it is written here: no views, triggers or columns that were somebody
// else's idea. None: it is made. One of format 1 gets its new column.
Status Store::check_schema() {
    Statement rows;
    if (const Status done = prepare("SELECT sql FROM sqlite_schema LIMIT 2", rows); !done)
        return done;
    int stepped = sqlite3_step(rows.get());
    if (stepped == SQLITE_DONE) {
        rows.reset();
        const Status made = run(kSchema);
        return made ? run("PRAGMA user_version = 2") : made;
    }
    if (stepped != SQLITE_ROW) return error("read");
    const auto* sql = reinterpret_cast<const char*>(sqlite3_column_text(rows.get(), 0));
    std::string of_1 = kSchema;
    of_1.erase(of_1.find(kColumnOf2), kColumnOf2.size());
    const bool old = sql != nullptr && of_1 == sql;
    const bool ours = old || (sql != nullptr && std::string_view(sql) == kSchema);
    stepped = sqlite3_step(rows.get());
    if (stepped != SQLITE_DONE && stepped != SQLITE_ROW) return error("read");
    rows.reset();
    if (ours && stepped == SQLITE_DONE) return old ? run(kTo2) : ok();
    return Error{SQLITE_CORRUPT, "the file of events has tables that are not ours"};
}

// `wrong`: what can't be.
Result<std::vector<Event>> Store::read_all(std::vector<Change>& wrong) {
    Statement rows;
    if (const Status done = prepare(kAll, rows); !done) return done.error();
    std::vector<Event> found;
    for (;;) {
        const int stepped = sqlite3_step(rows.get());
        if (stepped == SQLITE_DONE) break;
        if (stepped != SQLITE_ROW) return error("read");
        if (found.size() + wrong.size() == kRowsMax)
            return Error{SQLITE_CORRUPT, "the file of events has too many rows"};
        const Event event = read_row(rows.get());
        if (is_valid(event) && is_blob(rows.get(), 13))
            found.push_back(event);
        else
            wrong.push_back({ChangeKind::gone, event});
    }
    return found;
}

Result<std::vector<Event>> Store::all(std::uint64_t& malformed) {
    std::vector<Change> wrong;
    auto found = read_all(wrong);
    malformed = wrong.size();
    if (found && !wrong.empty())
        if (const Status done = commit({}, wrong); !done) return done.error();
    return found;
}

Result<std::string> Store::payload(const Event& event) {
    sqlite3_stmt* statement = select_.get();
    sqlite3_reset(statement);
    sqlite3_bind_int64(statement, 1, event.id);
    const int stepped = sqlite3_step(statement);
    if (stepped != SQLITE_ROW) {
        Error failed = error("read");
        if (stepped == SQLITE_DONE) failed.code = SQLITE_CORRUPT;  // it is not there any more
        sqlite3_reset(statement);
        return failed;
    }
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, 0));
    const auto count = static_cast<std::size_t>(sqlite3_column_bytes(statement, 0));
    std::string found = bytes == nullptr ? std::string() : std::string(bytes, count);
    sqlite3_reset(statement);
    if (found.size() != event.payload_bytes)
        return Error{SQLITE_CORRUPT, "read the file of events: a payload has another length"};
    return found;
}

Status Store::step(sqlite3_stmt* statement, const char* doing) {
    const int stepped = sqlite3_step(statement);
    const Status done = stepped == SQLITE_DONE ? ok() : Status(error(doing));
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return done;
}

Status Store::add(const Added& added) {
    sqlite3_stmt* to = insert_.get();
    const Event& event = added.event;
    const std::uint64_t numbers[] = {static_cast<std::uint64_t>(event.id),
                                     event.request_id_hi,
                                     event.request_id_lo,
                                     event.function_key,
                                     event.qualifier,
                                     event.trace_id_hi,
                                     event.trace_id_lo,
                                     event.span_id,
                                     event.accepted_ms,
                                     event.due_ms,
                                     event.failures};
    int column = 0;
    for (const std::uint64_t value : numbers) bind(to, ++column, value);
    // Not the pointer of an empty string's: that of nothing would make it NULL.
    sqlite3_bind_blob64(to, ++column, added.payload.c_str(), added.payload.size(), SQLITE_STATIC);
    bind(to, ++column, event.context_bytes);
    return step(to, "write");
}

Status Store::change(const Change& change) {
    if (change.kind == ChangeKind::gone) {
        sqlite3_bind_int64(erase_.get(), 1, change.event.id);
        return step(erase_.get(), "write");
    }
    bind(update_.get(), 1, change.event.due_ms);
    bind(update_.get(), 2, change.event.failures);
    sqlite3_bind_int64(update_.get(), 3, change.event.id);
    return step(update_.get(), "write");
}

// What is written goes to the log first, and then to the file: on a disk that is full to the last
// page neither could be done, and so not even what has ended be erased. New events leave room for
// that; pages that are free in the file, and the log, count as room.
bool Store::disk_has_room(std::span<const Added> added) {
    struct statvfs disk {};
    if (folder_.empty() || ::statvfs(folder_.c_str(), &disk) != 0) return true;
    struct stat log {};
    if (::stat((folder_ + "/events.db-wal").c_str(), &log) != 0) log.st_size = 0;
    sqlite3_stmt* free_pages = free_pages_.get();
    const std::uint64_t pages = sqlite3_step(free_pages) == SQLITE_ROW ? number(free_pages, 0) : 0;
    sqlite3_reset(free_pages);
    std::uint64_t needed = kDiskReserveBytes;
    for (const Added& each : added) needed += each.payload.size() + kPageBytes;
    return std::uint64_t{disk.f_bavail} * disk.f_frsize + pages * kPageBytes +
               static_cast<std::uint64_t>(log.st_size) >=
           needed;
}

Status Store::commit(std::span<const Added> added, std::span<const Change> changes) {
    outcome_unknown_ = false;
    if (!added.empty() && !disk_has_room(added))
        return Error{SQLITE_FULL, "write the file of events: its disk has too little room"};
    Status done = run("BEGIN IMMEDIATE");
    if (!done) return done;
    for (const Change& each : changes)
        if (done) done = change(each);
    for (const Added& each : added)
        if (done) done = add(each);
    if (done) {
        done = run("COMMIT");
        outcome_unknown_ = !done && (done.error().code & 0xff) == SQLITE_IOERR;
    }
    // SQLite has rolled back some errors by itself.
    if (!done && sqlite3_get_autocommit(database_.get()) == 0) (void)run("ROLLBACK");
    return done;
}

}  // namespace skerry::events
