#include "sandbox/jail/report.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "sandbox/jail/link.hpp"

namespace skerry::jail {
namespace {

constexpr std::array<const char*, static_cast<std::size_t>(Step::count)> kTexts = {
    "reset signals",
    "arrange descriptors",
    "take a core-scheduling cookie (workers.core_scheduling; see skerryd --check)",
    "join its control group (see skerryd --check)",
    "bring up its loopback and listen there",
    "make mounts private",
    "mount the root tmpfs (needs Linux 5.12 or newer)",
    "bind the devices",
    "mount /proc (needs Linux 5.8 or newer)",
    "pivot_root",
    "set the host name",
    "take its order",
    "enter the namespace of its egress network (see skerryd --check)",
    "make its link to its egress network (see skerryd --check)",
    "filter sources on its link to its egress network (modprobe sch_ingress cls_bpf)",
    "bring up its link to its egress network",
    "give it an address and routes of its egress network",
    "bind the artifact at /var/task (is the artifact folder still there?)",
    "mount the runtime's image",
    "give it a resolv.conf (the image needs /etc/resolv.conf; make it with tools/runtime-images)",
    "mount /tmp",
    "drop supplementary groups",
    "enter a user namespace (see sysctl user.max_user_namespaces)",
    "become the worker's user",
    "drop capabilities",
    "set resource limits",
    "set no_new_privs",
    "set up Landlock",
    "install the filter of system calls (needs Linux 5.0 or newer)",
    "execute its bootstrap (must be executable by everybody, and its loader or interpreter must be "
    "in the jail)",
};

}  // namespace

const char* step_text(Step step) {
    const auto index = static_cast<std::size_t>(step);
    return index < kTexts.size() ? kTexts[index] : "unknown step";
}

std::uint64_t monotonic_us() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

void Reporter::prepared(int listener_fd) const {
    const Report report{ReportKind::prepared, Step::order, 0, 0, monotonic_us()};
    if (send_record(fd_, &report, sizeof report, {listener_fd}) != 0) ::_exit(127);
}

void Reporter::needs_id_map(std::uint64_t mounted_us) const {
    const Report report{ReportKind::needs_id_map, Step::user_namespace, 0, 0, mounted_us};
    if (send_record(fd_, &report, sizeof report, {}) != 0) ::_exit(127);
}

void Reporter::filtered(int denials_fd) const {
    const Report report{ReportKind::filtered, Step::seccomp, 0, 0, monotonic_us()};
    if (send_record(fd_, &report, sizeof report, {denials_fd}) != 0) ::_exit(127);
}

void Reporter::fail(Step step, int error) const {
    const Report report{ReportKind::failed, step, error};
    (void)send_record(fd_, &report, sizeof report, {});
    ::_exit(127);
}

void Reporter::need(long result, Step step) const {
    if (result < 0) fail(step, errno);
}

}  // namespace skerry::jail
