// SQLite as this folder uses it. Internal to control/catalog. Errors have SQLite's extended code
// and its words, and name no file.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sandbox/base/result.hpp"

namespace skerry::catalog::sqlite {

struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

Error error_of(sqlite3* database);
Status run(sqlite3* database, const std::string& sql);

// One statement, prepared: bound, then stepped to its end.
class Statement {
  public:
    static Result<Statement> prepare(sqlite3* database, std::string_view sql);

    // In the order of the question marks. Texts have to live until the last step().
    void bind(std::string_view text);
    void bind(std::uint64_t number);
    // true: a row, whose columns can be read until the next one. false: the end; it can be bound
    // and stepped again.
    Result<bool> step();
    // Of columns that are of another type: nothing is read.
    bool is_text(int column) const;
    bool is_number(int column) const;
    std::string_view text(int column) const;
    std::uint64_t number(int column) const;

  private:
    explicit Statement(sqlite3_stmt* made) : statement_(made) {}

    std::unique_ptr<sqlite3_stmt, Close> statement_;
    int bound_ = 0;
};

// The only number that the statement has for an answer.
Result<std::uint64_t> number_of(sqlite3* database, std::string_view sql);

}  // namespace skerry::catalog::sqlite
