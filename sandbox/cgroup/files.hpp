// Small files of the kernel. Internal to sandbox/cgroup.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skerry::cgroup {

std::string read_file(const std::string& path);                  // empty when it can't be read
int write_file(const std::string& path, std::string_view text);  // 0, or errno; one write(2)

// The number in a file of one; nullopt: not there, or "max".
std::optional<std::uint64_t> read_number(const std::string& path);
// The number behind `key` in a file of "key number" lines.
std::optional<std::uint64_t> read_key(const std::string& path, std::string_view key);

int make_folder(const std::string& path);                      // 0, or errno; there already: 0
int remove_folder(const std::string& path);                    // 0, or errno; not there: 0
std::vector<std::string> folders_in(const std::string& path);  // names

}  // namespace skerry::cgroup
