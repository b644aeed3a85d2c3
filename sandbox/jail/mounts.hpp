// Mounts by descriptor (open_tree, fsmount, mount_setattr: Linux 5.12): a tree gets its flags
// before it is attached, so nothing is ever reachable without them. Internal to sandbox/jail.
#pragma once

#include <sys/mount.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::jail {

inline constexpr std::uint64_t kReadOnlyTree =
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

// All of these return an invalid descriptor, or false, with errno.

// A copy of the mount at `name` below `folder_fd`, without what is mounted below it, not attached
// anywhere. A symbolic link is not followed at the end.
UniqueFd copy_tree(int folder_fd, const char* name, std::uint64_t attributes);
bool set_attributes(int mount_fd, std::uint64_t attributes);
bool attach(int mount_fd, int root_fd, const char* place);

using MountOptions = std::initializer_list<std::pair<const char*, std::string>>;
UniqueFd new_file_system(const char* type, MountOptions options, std::uint64_t attributes);

}  // namespace skerry::jail
