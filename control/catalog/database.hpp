// catalog.db: its making, reading and writing. Internal to control/catalog.
//
// One SQLite database (docs/decisions/0036-embedded-store.md), with a row for each function:
//
//   meta(id, epoch, fleet, imported)  one row; `imported`: SHA-256 of the JSON it was made of
//
//   functions(name, body)              body: render(Function)
//
//   tombstones(name, region)
//
// Write-ahead log, synced with each change. Others may read it meanwhile; nobody else may write to
// it. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/catalog/catalog.hpp"
#include "control/catalog/sqlite.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::catalog {

inline constexpr std::uint64_t kMaxDatabaseBytes = 512ull << 20;

class Database {
  public:
    struct FunctionRow {
        const std::string& name;
        const Function* function;  // nullptr: there is none any more
    };
    struct TombstoneRow {
        const std::string& name;
        const std::set<std::string>& regions;  // empty: there is none any more
    };
    // What is said of these names, and of no other, is replaced.
    struct Change {
        std::uint64_t epoch;
        const std::string& fleet;
        std::vector<FunctionRow> functions;
        std::vector<TombstoneRow> tombstones;
    };

    // Makes it where there is none. After a crash it is there with all of this, or not at all.
    static Status create(const std::string& path, const State& state, const std::string& imported);
    // An error names the file and says what to do. Only damage is EINVAL.
    static Result<std::unique_ptr<Database>> open(const std::string& path);
    // Everything, checked: the pages, the tables, each row. Strict: what is never written is
    // damage.
    Result<State> read();
    const std::string& path() const { return path_; }
    const std::string& imported() const { return imported_; }  // as it was read
    // On the disk when this returns. On an error nothing of it is there; or, where the text says
    // so, it is not known. EFBIG, EIO: as Catalog::write().
    Status write(const Change& change);

  private:
    explicit Database(std::string path);

    Status connect(bool alone);
    Status set_up();
    Status apply(const Change& change);
    Error refusal(const Error& why, const Change& change);

    std::string path_, imported_;
    sqlite::Connection database_;
    // What the file may say: two if the last change ended in an error.
    std::uint64_t epoch_ = 0, or_epoch_ = 0;
};

}  // namespace skerry::catalog
