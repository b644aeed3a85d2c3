// Uses the kernel's mount API of descriptors (open_tree, fsmount, mount_setattr: Linux 5.12): a
// tree gets its flags before it is attached, so nothing is ever reachable without them.
#include "sandbox/jail/root.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <string>
#include <utility>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::jail {
namespace {

constexpr std::uint64_t kReadOnlyTree = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
// A device node must not have MOUNT_ATTR_NODEV, or it can't be opened. Read-only concerns the node,
// not the device.
constexpr std::uint64_t kDeviceNode = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;

// Where the new root is put until the pivot: a folder that exists everywhere and that nothing is
// copied from. Only this process sees it there.
constexpr const char* kStagingPlace = "/proc";

using Options = std::initializer_list<std::pair<const char*, std::string>>;

UniqueFd new_file_system(const char* type, Options options, std::uint64_t attributes, Step step,
                         const Reporter& reporter) {
    UniqueFd context(::fsopen(type, FSOPEN_CLOEXEC));
    reporter.need(context.get(), step);
    for (const auto& [key, value] : options)
        reporter.need(::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0), step);
    reporter.need(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), step);
    UniqueFd mount(
        ::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned int>(attributes)));
    reporter.need(mount.get(), step);
    return mount;
}

void set_attributes(int mount_fd, std::uint64_t attributes, Step step, const Reporter& reporter) {
    mount_attr change{};
    change.attr_set = attributes;
    reporter.need(::mount_setattr(mount_fd, "", AT_EMPTY_PATH, &change, sizeof change), step);
}

void attach(int mount_fd, int root_fd, const char* place, Step step, const Reporter& reporter) {
    reporter.need(::move_mount(mount_fd, "", root_fd, place, MOVE_MOUNT_F_EMPTY_PATH), step);
}

// A copy of the mount at `source`, without what is mounted below it, not yet attached anywhere.
UniqueFd copy_tree(const char* source, std::uint64_t attributes, Step step,
                   const Reporter& reporter) {
    UniqueFd tree(
        ::open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW));
    reporter.need(tree.get(), step);
    set_attributes(tree.get(), attributes, step, reporter);
    return tree;
}

void make_folder(int root_fd, const char* name, Step step, const Reporter& reporter) {
    if (::mkdirat(root_fd, name, 0755) != 0 && errno != EEXIST) reporter.fail(step, errno);
}

// The host's folder as it is: bound read-only, or the same symbolic link (merged /usr).
void add_library_folder(int root_fd, const char* host_path, const Reporter& reporter) {
    const char* name = host_path + 1;
    struct stat found;
    if (::lstat(host_path, &found) != 0) {
        if (errno == ENOENT) return;
        reporter.fail(Step::libraries, errno);
    }
    if (S_ISLNK(found.st_mode)) {
        char target[256];
        const ssize_t length = ::readlink(host_path, target, sizeof target - 1);
        reporter.need(length, Step::libraries);
        target[length] = '\0';
        reporter.need(::symlinkat(target, root_fd, name), Step::libraries);
        return;
    }
    make_folder(root_fd, name, Step::libraries, reporter);
    UniqueFd tree = copy_tree(host_path, kReadOnlyTree, Step::libraries, reporter);
    attach(tree.get(), root_fd, name, Step::libraries, reporter);
}

void add_libraries(int root_fd, const Reporter& reporter) {
    make_folder(root_fd, "usr", Step::libraries, reporter);
    for (const char* path : {"/usr/lib", "/usr/lib64", "/lib", "/lib64"})
        add_library_folder(root_fd, path, reporter);
}

void add_artifact(int root_fd, const Plan& plan, const Reporter& reporter) {
    UniqueFd tree = copy_tree(plan.artifact_dir.c_str(), kReadOnlyTree, Step::artifact, reporter);
    struct stat found;
    reporter.need(::fstat(tree.get(), &found), Step::artifact);
    if (!S_ISDIR(found.st_mode)) reporter.fail(Step::artifact, ENOTDIR);
    make_folder(root_fd, "task", Step::artifact, reporter);
    attach(tree.get(), root_fd, "task", Step::artifact, reporter);
}

void add_devices(int root_fd, const Reporter& reporter) {
    make_folder(root_fd, "dev", Step::devices, reporter);
    for (const char* path : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}) {
        UniqueFd place(::openat(root_fd, path + 1, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444));
        reporter.need(place.get(), Step::devices);
        UniqueFd node = copy_tree(path, kDeviceNode, Step::devices, reporter);
        attach(node.get(), root_fd, path + 1, Step::devices, reporter);
    }
}

void add_tmp(int root_fd, const Plan& plan, const Reporter& reporter) {
    const std::string owner = std::to_string(plan.host_uid);
    UniqueFd tmp = new_file_system("tmpfs",
                                   {{"size", std::to_string(plan.tmp_mib) + "m"},
                                    {"nr_inodes", "4096"},
                                    {"mode", "0700"},
                                    {"uid", owner},
                                    {"gid", owner}},
                                   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, Step::tmp, reporter);
    make_folder(root_fd, "tmp", Step::tmp, reporter);
    attach(tmp.get(), root_fd, "tmp", Step::tmp, reporter);
}

// Only the worker's own processes: nothing about the host's hardware, memory or settings.
void add_proc(int root_fd, const Reporter& reporter) {
    UniqueFd proc = new_file_system(
        "proc", {{"subset", "pid"}},
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, Step::proc,
        reporter);
    make_folder(root_fd, "proc", Step::proc, reporter);
    attach(proc.get(), root_fd, "proc", Step::proc, reporter);
}

}  // namespace

void enter_root(const Plan& plan, const Reporter& reporter) {
    // Otherwise a host whose mounts are shared (systemd) would see every mount made here.
    reporter.need(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr),
                  Step::private_mounts);
    UniqueFd root =
        new_file_system("tmpfs", {{"size", "64k"}, {"nr_inodes", "64"}, {"mode", "0755"}},
                        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, Step::root_tmpfs, reporter);
    const int root_fd = root.get();
    attach(root_fd, AT_FDCWD, kStagingPlace, Step::root_tmpfs, reporter);
    // The folder's mode must not depend on the umask of whoever started skerryd.
    ::umask(0022);
    add_libraries(root_fd, reporter);
    add_artifact(root_fd, plan, reporter);
    add_devices(root_fd, reporter);
    add_tmp(root_fd, plan, reporter);
    add_proc(root_fd, reporter);

    reporter.need(::fchdir(root_fd), Step::pivot);
    reporter.need(::syscall(SYS_pivot_root, ".", "."), Step::pivot);
    reporter.need(::umount2(".", MNT_DETACH), Step::pivot);
    set_attributes(root_fd, kReadOnlyTree, Step::pivot, reporter);
    reporter.need(::chdir("/task"), Step::pivot);
    ::umask(0077);
}

}  // namespace skerry::jail
