// Where catalog.db comes from: nothing, or the catalog.json of versions before it. Internal to
// control/catalog.
//
// Taken over once: catalog.db is made beside it, whole, and renamed; then catalog.json is, to
// catalog.json.imported. Killed in between, the next start goes on from there.
#pragma once

#include <string>

#include "control/catalog/database.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::catalog {

// Makes `database`, unless it is there. A damaged catalog.json is an error that names it.
Status make_database(const std::string& database, const std::string& json);
// Renames the catalog.json that the database was made of. One that it was not made of is an error:
// somebody has to say which of the two counts.
Status end_import(const std::string& json, const Database& database);

}  // namespace skerry::catalog
