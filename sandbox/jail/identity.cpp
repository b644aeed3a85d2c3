#include "sandbox/jail/identity.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/jail/jail.hpp"
#include "sandbox/jail/link.hpp"

namespace skerry::jail {
namespace {

// The kernel answers EINVAL for the first number that is no capability; newer kernels have more
// than the headers know.
constexpr int kCapabilityNumbersMax = 63;

int write_file(const std::string& path, const std::string& text) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return errno;
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0) return errno;
    return static_cast<std::size_t>(written) == text.size() ? 0 : EIO;
}

}  // namespace

// The ids are set by the system calls themselves: the C library's functions wait for all threads
// that it remembers, and this process may be a copy of one that had others.
void enter_user_namespace(const Reporter& reporter) {
    const std::uint64_t mounted_us = monotonic_us();
    reporter.need(::syscall(SYS_setgroups, 0, nullptr), Step::groups);
    reporter.need(::unshare(CLONE_NEWUSER), Step::user_namespace);
    reporter.needs_id_map(mounted_us);
    char go = 0;
    std::vector<UniqueFd> none;
    if (receive_record(reporter.fd(), &go, sizeof go, none) != 1)
        ::_exit(127);  // the warden has gone, or has given up on this worker
}

void drop_privileges(const Reporter& reporter) {
    reporter.need(::syscall(SYS_setresgid, kInsideUid, kInsideUid, kInsideUid), Step::identity);
    reporter.need(::syscall(SYS_setresuid, kInsideUid, kInsideUid, kInsideUid), Step::identity);
    // A keyring of its own and empty, instead of the one that skerryd was started with. ENOSYS: a
    // kernel without keys.
    if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS)
        reporter.fail(Step::identity, errno);
    for (int capability = 0; capability <= kCapabilityNumbersMax; ++capability)
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            if (errno == EINVAL && capability > CAP_LAST_CAP) break;
            if (errno != EINVAL) reporter.fail(Step::capabilities, errno);
        }
    reporter.need(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), Step::capabilities);
    // Being uid 0 would mean nothing any more, and none of this can be taken back.
    const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                               SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                               SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    reporter.need(::prctl(PR_SET_SECUREBITS, bits, 0, 0, 0), Step::capabilities);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    reporter.need(::syscall(SYS_capset, &header, none), Step::capabilities);
}

int write_id_maps(int host_pid, std::uint32_t host_uid) {
    const std::string folder = "/proc/" + std::to_string(host_pid) + "/";
    const std::string map = std::to_string(kInsideUid) + " " + std::to_string(host_uid) + " 1\n";
    if (const int error = write_file(folder + "setgroups", "deny"); error != 0) return error;
    if (const int error = write_file(folder + "gid_map", map); error != 0) return error;
    return write_file(folder + "uid_map", map);
}

}  // namespace skerry::jail
