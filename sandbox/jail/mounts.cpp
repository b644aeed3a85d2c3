#include "sandbox/jail/mounts.hpp"

#include <fcntl.h>

namespace skerry::jail {

bool set_attributes(int mount_fd, std::uint64_t attributes) {
    mount_attr change{};
    change.attr_set = attributes;
    return ::mount_setattr(mount_fd, "", AT_EMPTY_PATH, &change, sizeof change) == 0;
}

bool attach(int mount_fd, int root_fd, const char* place) {
    return ::move_mount(mount_fd, "", root_fd, place, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

UniqueFd copy_tree(int folder_fd, const char* name, std::uint64_t attributes) {
    UniqueFd tree(
        ::open_tree(folder_fd, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW));
    if (tree && !set_attributes(tree.get(), attributes)) return UniqueFd();
    return tree;
}

UniqueFd new_file_system(const char* type, MountOptions options, std::uint64_t attributes) {
    UniqueFd context(::fsopen(type, FSOPEN_CLOEXEC));
    if (!context) return UniqueFd();
    for (const auto& [key, value] : options)
        if (::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) != 0)
            return UniqueFd();
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return UniqueFd();
    return UniqueFd(
        ::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned int>(attributes)));
}

}  // namespace skerry::jail
