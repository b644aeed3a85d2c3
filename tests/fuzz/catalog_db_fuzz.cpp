// Any bytes as catalog.db: an error that says what is wrong, or a state that is valid.
#include <cstdint>
#include <cstring>

#include "control/catalog/catalog_file.hpp"
#include "control/catalog/rows.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;

void check(const catalog::State& state) {
    SKERRY_CHECK(state.epoch != 0 && state.names.size() == state.functions.size());
    for (const auto& [name, function] : state.functions) {
        SKERRY_CHECK(name == function.name);
        SKERRY_CHECK(static_cast<bool>(catalog::validate(function)));
        const std::string written = catalog::render(function);
        const auto again = catalog::parse_function(written);
        SKERRY_CHECK(again && catalog::render(*again) == written);
    }
    for (const auto& [name, regions] : state.tombstones)
        SKERRY_CHECK(static_cast<bool>(catalog::validate_name(name)) && !regions.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 100) return 0;  // SQLite takes nothing for an empty database
    sqlite3* opened = nullptr;
    SKERRY_CHECK(sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                 nullptr) == SQLITE_OK);
    const catalog::sqlite::Connection database(opened);
    auto* bytes = static_cast<std::uint8_t*>(sqlite3_malloc64(size));
    std::memcpy(bytes, data, size);
    // A database in memory has no log: what says that it has one could not be read at all.
    for (const std::size_t at : {18, 19})
        if (bytes[at] == 2) bytes[at] = 1;
    SKERRY_CHECK(sqlite3_deserialize(opened, "main", bytes, static_cast<sqlite3_int64>(size),
                                     static_cast<sqlite3_int64>(size),
                                     SQLITE_DESERIALIZE_FREEONCLOSE) == SQLITE_OK);
    catalog::distrust(opened);
    (void)catalog::sqlite::run(opened, "PRAGMA cell_size_check = ON");
    const auto stored = catalog::read_all(opened);
    if (stored)
        check(stored->state);
    else
        SKERRY_CHECK(!stored.error().text.empty());
    return 0;
}
