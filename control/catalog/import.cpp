#include "control/catalog/import.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog_file.hpp"
#include "control/catalog/files.hpp"

namespace skerry::catalog {
namespace {

// What those versions wrote at most.
constexpr std::uint64_t kMaxJsonBytes = 64 << 20;

Result<bool> is_there(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT) return false;
    return errno_error("stat " + path);
}

// A name that nothing has.
std::string kept_as(const std::string& json) {
    std::string name = json + ".imported";
    for (int n = 2; access(name.c_str(), F_OK) == 0; ++n)
        name = json + ".imported-" + std::to_string(n);
    return name;
}

}  // namespace

Status make_database(const std::string& database, const std::string& json) {
    const auto there = is_there(database);
    if (!there) return there.error();
    if (*there) return ok();
    const auto old = is_there(json);
    if (!old) return old.error();
    if (!*old) return Database::create(database, {}, {});
    const auto bytes = read_file(json, kMaxJsonBytes);
    if (!bytes) return bytes.error();
    const auto stored = parse(*bytes);
    if (!stored)
        return Error{EINVAL, json + ": damaged: " + stored.error().text +
                                 "; restore it from a copy, or move it away to start empty: mv " +
                                 json + " " + json + ".damaged"};
    return Database::create(database, *stored, sha256_hex(*bytes));
}

Status end_import(const std::string& json, const Database& database) {
    const auto old = is_there(json);
    if (!old) return old.error();
    if (!*old) return ok();
    const auto bytes = read_file(json, kMaxJsonBytes);
    if (!bytes) return bytes.error();
    if (sha256_hex(*bytes) != database.imported())
        return Error{EEXIST, "found both " + database.path() + " and " + json +
                                 ", which it was not made of; move the one away that does not "
                                 "count: mv " +
                                 json + " " + json + ".old, or all of " + database.path() + "*"};
    const std::string to = kept_as(json);
    if (std::rename(json.c_str(), to.c_str()) != 0)
        return errno_error("rename " + json + " to " + to);
    return sync_folder(json.substr(0, json.rfind('/')));
}

}  // namespace skerry::catalog
