// Files that must be whole or not there at all. Internal to control/catalog.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/base/result.hpp"

namespace skerry::catalog {

inline constexpr char kTemporaryMark[] = ".tmp-";  // between a file's name and six characters

// Makes the folder, not its parents, with mode 0755; one that exists is fine.
Status make_folder(const std::string& path);
Status write_all(int fd, std::string_view bytes, const std::string& name);
// Writes beside `path`, syncs, renames, syncs the folder. After a crash the file is the old or the
// new one.
Status replace_file(const std::string& path, std::string_view bytes);
// Files whose names begin with `path` and kTemporaryMark: what was left behind when the process
// ended in the middle of their making.
void remove_temporaries(const std::string& path);
Result<std::string> read_file(const std::string& path, std::uint64_t most_bytes);
Status sync_folder(const std::string& path);

}  // namespace skerry::catalog
