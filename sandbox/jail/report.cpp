#include "sandbox/jail/report.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "sandbox/base/check.hpp"

namespace skerry::jail {
namespace {

constexpr std::array<const char*, static_cast<std::size_t>(Step::count)> kTexts = {
    "reset signals",
    "arrange descriptors",
    "make mounts private",
    "mount the root tmpfs (needs Linux 5.12 or newer)",
    "bind the host's libraries read-only",
    "bind the artifact at /task (is the artifact folder still there?)",
    "bind the devices",
    "mount /tmp",
    "mount /proc",
    "pivot_root",
    "set the host name",
    "drop supplementary groups",
    "enter a user namespace (see sysctl user.max_user_namespaces)",
    "become the worker's user",
    "drop capabilities",
    "set resource limits",
    "set no_new_privs",
    "install the seccomp filter",
    "execute /task/bootstrap (must be executable by everybody, and its loader must be in the jail)",
};

}  // namespace

const char* step_text(Step step) {
    const auto index = static_cast<std::size_t>(step);
    return index < kTexts.size() ? kTexts[index] : "unknown step";
}

void Reporter::needs_id_map() const {
    const Report report{ReportKind::needs_id_map, Step::user_namespace, 0};
    if (::write(fd_, &report, sizeof report) != sizeof report) ::_exit(127);
}

void Reporter::fail(Step step, int error) const {
    const Report report{ReportKind::failed, step, error};
    (void)!::write(fd_, &report, sizeof report);
    ::_exit(127);
}

void Reporter::need(long result, Step step) const {
    if (result < 0) fail(step, errno);
}

}  // namespace skerry::jail
