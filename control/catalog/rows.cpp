#include "control/catalog/rows.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>

#include "control/catalog/catalog_file.hpp"

namespace skerry::catalog {
namespace {

using sqlite::Statement;

Error damage(const std::string& text) {
    return Error{EINVAL, text};
}

Status check_tables(sqlite3* database) {
    auto rows = Statement::prepare(database, "SELECT name, sql FROM sqlite_schema");
    if (!rows) return unreadable(rows.error());
    std::size_t found = 0;
    for (;;) {
        const auto row = rows->step();
        if (!row) return unreadable(row.error());
        if (!*row) break;
        // The index of a primary key has no words.
        if (!rows->is_text(1) && rows->text(0).starts_with("sqlite_autoindex_")) continue;
        if (std::find(std::begin(kTables), std::end(kTables), rows->text(1)) == std::end(kTables))
            return damage("\"" + std::string(rows->text(0).substr(0, 64)) +
                          "\" in it is none of its tables");
        ++found;
    }
    return found == std::size(kTables) ? ok() : Status(damage("a table of it is missing"));
}

// All pages, and what they have to do with each other.
Status check_pages(sqlite3* database) {
    auto check = Statement::prepare(database, "PRAGMA quick_check(1)");
    if (!check) return unreadable(check.error());
    const auto row = check->step();
    if (!row) return unreadable(row.error());
    std::string said(*row ? check->text(0).substr(0, 200) : "nothing");
    if (said == "ok") return ok();
    std::replace(said.begin(), said.end(), '\n', ' ');
    return damage(said);
}

Status read_meta(sqlite3* database, Stored& stored) {
    auto rows = Statement::prepare(database, "SELECT epoch, fleet, imported FROM meta LIMIT 2");
    if (!rows) return unreadable(rows.error());
    const auto row = rows->step();
    if (!row) return unreadable(row.error());
    if (!*row || !rows->is_number(0) || !rows->is_text(1) || !rows->is_text(2))
        return damage("\"meta\" is not one row");
    stored.state.epoch = rows->number(0);
    stored.state.fleet = rows->text(1);
    stored.imported = rows->text(2);
    const auto second = rows->step();
    if (!second) return unreadable(second.error());
    if (*second) return damage("\"meta\" is not one row");
    if (stored.state.epoch == 0 || stored.state.epoch == std::numeric_limits<std::uint64_t>::max())
        return damage("\"epoch\" is not a number in its range");
    if (stored.state.fleet.size() > kMaxFleetIdBytes)
        return damage("\"fleet\" has more than " + std::to_string(kMaxFleetIdBytes) + " bytes");
    if (!stored.imported.empty() && !is_digest(stored.imported))
        return damage("\"imported\" is no digest");
    return ok();
}

Status read_functions(sqlite3* database, State& state) {
    auto rows = Statement::prepare(database, "SELECT name, body FROM functions");
    if (!rows) return unreadable(rows.error());
    for (;;) {
        const auto row = rows->step();
        if (!row) return unreadable(row.error());
        if (!*row) return ok();
        if (!rows->is_text(0) || !rows->is_text(1)) return damage("a function is no text");
        const std::string name(rows->text(0));
        const std::string said = "function \"" + name.substr(0, kMaxNameBytes) + "\": ";
        const std::string_view body = rows->text(1);
        if (body.size() > kMaxBodyBytes)
            return damage(said + "found " + std::to_string(body.size()) + " bytes, allowed " +
                          std::to_string(kMaxBodyBytes));
        auto function = parse_function(body);
        if (!function) return damage(said + function.error().text);
        if (function->name != name) return damage(said + "its body has another name");
        if (state.functions.size() >= kMaxFunctions)
            return damage("more than " + std::to_string(kMaxFunctions) + " functions");
        if (Status added = state.add(std::move(*function)); !added) return added.error();
    }
}

Status read_tombstones(sqlite3* database, Tombstones& all) {
    auto rows = Statement::prepare(database, "SELECT name, region FROM tombstones");
    if (!rows) return unreadable(rows.error());
    for (;;) {
        const auto row = rows->step();
        if (!row) return unreadable(row.error());
        if (!*row) return ok();
        const bool texts = rows->is_text(0) && rows->is_text(1);
        const std::string name(rows->text(0)), region(rows->text(1));
        if (!texts || !validate_name(name) || !validate_region_name(region))
            return damage("a tombstone is no function's name with a region");
        all[name].insert(region);
        if (all.size() > kMaxTombstones)
            return damage("more than " + std::to_string(kMaxTombstones) + " tombstones");
    }
}

}  // namespace

// SQLITE_ERROR: its header says a format, or its tables something, that SQLite does not know.
Error unreadable(const Error& error) {
    const int code = error.code & 0xff;
    const bool damage = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR ||
                        code == SQLITE_TOOBIG;
    return Error{damage ? EINVAL : EIO, error.text};
}

void distrust(sqlite3* database) {
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    // A body and its name; what is longer is not even read.
    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, static_cast<int>(2 * kMaxBodyBytes));
}

Status check_kind(sqlite3* database) {
    const auto application = sqlite::number_of(database, "PRAGMA application_id");
    if (!application) return unreadable(application.error());
    if (*application != kDatabaseApplication) return damage("it is not a catalog");
    const auto format = sqlite::number_of(database, "PRAGMA user_version");
    if (!format) return unreadable(format.error());
    if (*format > kDatabaseFormat)
        return Error{ENOTSUP, "written by a later version of skerryd (format " +
                                  std::to_string(*format) + "); this one knows format " +
                                  std::to_string(kDatabaseFormat)};
    return *format == kDatabaseFormat ? ok() : Status(damage("it has no format"));
}

Result<Stored> read_all(sqlite3* database) {
    Stored stored;
    for (const auto& step : {check_kind, check_tables, check_pages})
        if (Status done = step(database); !done) return done.error();
    if (Status done = read_meta(database, stored); !done) return done.error();
    if (Status done = read_functions(database, stored.state); !done) return done.error();
    if (Status done = read_tombstones(database, stored.state.tombstones); !done)
        return done.error();
    return stored;
}

}  // namespace skerry::catalog
