#include "control/catalog/sqlite.hpp"

namespace skerry::catalog::sqlite {

Error error_of(sqlite3* database) {
    return Error{sqlite3_extended_errcode(database), sqlite3_errmsg(database)};
}

Status run(sqlite3* database, const std::string& sql) {
    return sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK
               ? ok()
               : Status(error_of(database));
}

Result<Statement> Statement::prepare(sqlite3* database, std::string_view sql) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &made, nullptr) !=
        SQLITE_OK)
        return error_of(database);
    return Statement(made);
}

void Statement::bind(std::string_view text) {
    // Not the pointer of nothing: that would make it NULL.
    sqlite3_bind_text64(statement_.get(), ++bound_, text.data() == nullptr ? "" : text.data(),
                        text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::bind(std::uint64_t number) {
    sqlite3_bind_int64(statement_.get(), ++bound_, static_cast<std::int64_t>(number));
}

Result<bool> Statement::step() {
    const int stepped = sqlite3_step(statement_.get());
    if (stepped == SQLITE_ROW) return true;
    Result<bool> ended = false;
    if (stepped != SQLITE_DONE) ended = error_of(sqlite3_db_handle(statement_.get()));
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
    bound_ = 0;
    return ended;
}

bool Statement::is_text(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_TEXT;
}

bool Statement::is_number(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_INTEGER;
}

std::string_view Statement::text(int column) const {
    const auto* bytes =
        reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    const int count = sqlite3_column_bytes(statement_.get(), column);
    return bytes == nullptr ? std::string_view()
                            : std::string_view(bytes, static_cast<std::size_t>(count));
}

std::uint64_t Statement::number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

Result<std::uint64_t> number_of(sqlite3* database, std::string_view sql) {
    auto statement = Statement::prepare(database, sql);
    if (!statement) return statement.error();
    const auto row = statement->step();
    if (!row) return row.error();
    return *row ? statement->number(0) : 0;
}

}  // namespace skerry::catalog::sqlite
