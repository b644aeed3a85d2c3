#include "sandbox/jail/root.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "sandbox/jail/egress.hpp"
#include "sandbox/jail/mounts.hpp"

namespace skerry::jail {
namespace {

// A device node must not have MOUNT_ATTR_NODEV, or it can't be opened. Read-only concerns the node,
// not the device.
constexpr std::uint64_t kDeviceNode = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;

// Where the new root is put until the pivot: a folder that exists everywhere and that nothing is
// copied from. Only this process sees it there.
constexpr const char* kStagingPlace = "/proc";

UniqueFd need_fd(UniqueFd fd, Step step, const Reporter& reporter) {
    reporter.need(fd.get(), step);
    return fd;
}

void need_true(bool done, Step step, const Reporter& reporter) {
    if (!done) reporter.fail(step, errno);
}

void make_folder(int root_fd, const char* name, Step step, const Reporter& reporter) {
    if (::mkdirat(root_fd, name, 0755) != 0 && errno != EEXIST) reporter.fail(step, errno);
}

// "usr/lib" needs "usr".
void make_parents(int root_fd, const std::string& name, const Reporter& reporter) {
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
        make_folder(root_fd, name.substr(0, slash).c_str(), Step::libraries, reporter);
}

void add_devices(int root_fd, const Reporter& reporter) {
    make_folder(root_fd, "dev", Step::devices, reporter);
    for (const char* path : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}) {
        const UniqueFd place = need_fd(
            UniqueFd(::openat(root_fd, path + 1, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444)),
            Step::devices, reporter);
        const UniqueFd node =
            need_fd(copy_tree(AT_FDCWD, path, kDeviceNode), Step::devices, reporter);
        need_true(attach(node.get(), root_fd, path + 1), Step::devices, reporter);
    }
    // Shells and many programs use these names.
    constexpr const char* kLinks[][2] = {{"/proc/self/fd", "dev/fd"},
                                         {"/proc/self/fd/0", "dev/stdin"},
                                         {"/proc/self/fd/1", "dev/stdout"},
                                         {"/proc/self/fd/2", "dev/stderr"}};
    for (const auto& link : kLinks)
        reporter.need(::symlinkat(link[0], root_fd, link[1]), Step::devices);
}

void add_tmp(int root_fd, const Order& order, const Reporter& reporter) {
    const std::string owner = std::to_string(order.host_uid);
    const UniqueFd tmp = need_fd(new_file_system("tmpfs",
                                                 {{"size", std::to_string(order.tmp_mib) + "m"},
                                                  {"nr_inodes", "4096"},
                                                  {"mode", "0700"},
                                                  {"uid", owner},
                                                  {"gid", owner}},
                                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV),
                                 Step::tmp, reporter);
    need_true(attach(tmp.get(), root_fd, "tmp"), Step::tmp, reporter);
}

// Only the worker's own processes: nothing about the host's hardware, memory or settings.
void add_proc(int root_fd, const Reporter& reporter) {
    const UniqueFd proc =
        need_fd(new_file_system(
                    "proc", {{"subset", "pid"}, {"hidepid", "invisible"}},
                    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC),
                Step::proc, reporter);
    make_folder(root_fd, "proc", Step::proc, reporter);
    need_true(attach(proc.get(), root_fd, "proc"), Step::proc, reporter);
}

void add_entry(int root_fd, const RootEntry& entry, const UniqueFd* mount,
               const Reporter& reporter) {
    make_parents(root_fd, entry.name, reporter);
    if (mount == nullptr) {
        reporter.need(::symlinkat(entry.target, root_fd, entry.name), Step::libraries);
        return;
    }
    make_folder(root_fd, entry.name, Step::libraries, reporter);
    need_true(attach(mount->get(), root_fd, entry.name), Step::libraries, reporter);
}

}  // namespace

int enter_root(const Reporter& reporter) {
    // Otherwise a host whose mounts are shared (systemd) would see every mount made here.
    reporter.need(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr),
                  Step::private_mounts);
    UniqueFd root =
        need_fd(new_file_system("tmpfs", {{"size", "64k"}, {"nr_inodes", "64"}, {"mode", "0755"}},
                                MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV),
                Step::root_tmpfs, reporter);
    const int root_fd = root.get();
    need_true(attach(root_fd, AT_FDCWD, kStagingPlace), Step::root_tmpfs, reporter);
    // The folder's mode must not depend on the umask of whoever started skerryd.
    ::umask(0022);
    for (const char* name : {"tmp", "var", "var/task"})
        make_folder(root_fd, name, Step::root_tmpfs, reporter);
    // Both names, in every kind of runtime.
    reporter.need(::symlinkat("var/task", root_fd, "task"), Step::root_tmpfs);
    add_devices(root_fd, reporter);
    add_proc(root_fd, reporter);

    reporter.need(::fchdir(root_fd), Step::pivot);
    reporter.need(::syscall(SYS_pivot_root, ".", "."), Step::pivot);
    reporter.need(::umount2(".", MNT_DETACH), Step::pivot);
    return root.release();
}

void furnish_root(int root_fd, const Order& order, const std::vector<UniqueFd>& mounts,
                  const Reporter& reporter) {
    const bool has_artifact = !stands_by(order.start);
    if (has_artifact)
        need_true(attach(mounts.front().get(), root_fd, "var/task"), Step::artifact, reporter);
    std::size_t next = has_artifact ? 1 : 0;
    for (std::uint32_t i = 0; i < order.entry_count; ++i) {
        const RootEntry& entry = order.entries[i];
        const bool link = entry.target[0] != '\0';
        add_entry(root_fd, entry, link ? nullptr : &mounts[next], reporter);
        next += link ? 0 : 1;
    }
    add_resolver(root_fd, order, reporter);
    add_tmp(root_fd, order, reporter);
    need_true(set_attributes(root_fd, kReadOnlyTree), Step::pivot, reporter);
    reporter.need(::chdir(has_artifact ? "/var/task" : "/"), Step::artifact);
    ::umask(0077);
}

}  // namespace skerry::jail
