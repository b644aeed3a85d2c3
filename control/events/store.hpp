// The file of events: what is kept of them until they have been executed, and after a crash.
//
// One SQLite database, written by one thread. Every commit() is one
// transaction: all of it, or nothing. What is read back was written by this program or damaged
// since: each row is checked, and one that can't be is erased and counted.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::events {

struct Event {
    std::int64_t id = 0;  // > 0, ascending: the order in which they were accepted
    std::uint64_t request_id_hi = 0, request_id_lo = 0;
    std::uint64_t function_key = 0, qualifier = 0;
    std::uint64_t trace_id_hi = 0, trace_id_lo = 0, span_id = 0;
    std::uint64_t accepted_ms = 0;  // Unix time
    std::uint64_t due_ms = 0;       // Unix time; not to be executed before
    std::uint32_t failures = 0;     // of the function
    std::uint32_t busy = 0;         // times there was no room for it, in a row; not kept
    std::uint32_t payload_bytes = 0;
    std::uint32_t context_bytes = 0;  // of them, at the end: the caller's client context
};

// What an event may be, whoever says so.
bool is_valid(const Event& event);

// Of an error of the Store: reading again would not help.
bool is_damage(const Error& error);

enum class Safety : std::uint8_t {
    memory,   // nothing is written; gone with the process
    written,  // to the kernel: survives the end of this process, not that of the machine
    synced,   // to the disk: survives that, too
};

class Store {
  public:
    struct Added {
        Event event;
        std::string payload;
    };
    enum class ChangeKind : std::uint8_t { failures, gone };
    struct Change {
        ChangeKind kind = ChangeKind::gone;
        Event event;  // of `failures`: with its new failures and due_ms
    };

    // More rows than this were not written by any configuration of this program.
    static constexpr std::size_t kRowsMax = 2u << 20;

    // New events leave so much of the disk to others, and to what is written of those that are
    // kept.
    static constexpr std::uint64_t kDiskReserveBytes = 32u << 20;

    // `folder`: made if it is not there; unused for Safety::memory. `most_bytes`: the file's size
    // never exceeds it. A file that is damaged, or is no queue of ours, is set aside with its log
    // (moved_to()), and an empty one begun; an error if that is not possible.
    static Result<std::unique_ptr<Store>> open(const std::string& folder, Safety safety,
                                               std::uint64_t most_bytes);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // What is kept, oldest first, without payloads. `malformed`: rows that were erased instead.
    // Payloads are looked at when they are asked for.
    Result<std::vector<Event>> all(std::uint64_t& malformed);
    Result<std::string> payload(const Event& event);
    // On an error nothing of it has been kept; or, if outcome_unknown(), perhaps: the disk failed
    // while it was told to keep it. This process does not see it then, the next one may.
    Status commit(std::span<const Added> added, std::span<const Change> changes);
    // Of the last commit().
    bool outcome_unknown() const { return outcome_unknown_; }

    // Where the damaged file that was found is now; empty: there was none.
    const std::string& moved_to() const { return moved_to_; }

  private:
    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close(database); }
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    using Statement = std::unique_ptr<sqlite3_stmt, Close>;

    Store() = default;
    Status begin(const std::string& path, Safety safety, std::uint64_t most_bytes);
    Status check_schema();
    Result<std::vector<Event>> read_all(std::vector<Change>& wrong);
    bool disk_has_room(std::span<const Added> added);
    Status run(const char* sql);
    Status prepare(const char* sql, Statement& to);
    Status step(sqlite3_stmt* statement, const char* doing);
    Status add(const Added& added);
    Status change(const Change& change);
    Error error(const char* doing) const;

    std::unique_ptr<sqlite3, Close> database_;
    std::string folder_;                                       // empty: in memory
    Statement free_pages_, insert_, update_, erase_, select_;  // after the database: gone before it
    bool outcome_unknown_ = false;
    std::string moved_to_;
};

}  // namespace skerry::events
