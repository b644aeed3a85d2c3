// By system calls, with numbers of our own: the distribution's header knows the first versions
// only, and a kernel must be told of every right that it knows (what is not handled is allowed).
#include "sandbox/jail/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/runtime/kind.hpp"

namespace skerry::jail {
namespace {

// What the kernel's header calls LANDLOCK_ACCESS_FS_…; in the order of the versions.
constexpr std::uint64_t kExecute = 1u << 0;
constexpr std::uint64_t kWriteFile = 1u << 1;
constexpr std::uint64_t kReadFile = 1u << 2;
constexpr std::uint64_t kReadFolder = 1u << 3;
constexpr std::uint64_t kRightsOfVersion1 = (1u << 13) - 1;
constexpr std::uint64_t kRefer = 1u << 13;        // version 2
constexpr std::uint64_t kTruncate = 1u << 14;     // version 3
constexpr std::uint64_t kIoctlDevice = 1u << 15;  // version 5
// LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and LANDLOCK_SCOPE_SIGNAL; version 6.
constexpr std::uint64_t kScopes = 3;

// Of all rights, what concerns a file that is no folder.
constexpr std::uint64_t kFileRights = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDevice;

// LANDLOCK_ACCESS_NET_CONNECT_TCP, and the kind of its rules; version 4.
constexpr std::uint64_t kConnectTcp = 1u << 1;
constexpr int kRuleOfPort = 2;
constexpr int kVersionWithPorts = 4;
struct PortRule {
    std::uint64_t allowed_access;
    std::uint64_t port;
};

// As of version 6; an older kernel is given the part that it knows.
struct Ruleset {
    std::uint64_t handled_access_fs = 0;
    std::uint64_t handled_access_net = 0;  // version 4; none: what it may reach has other fences
    std::uint64_t scoped = 0;              // version 6
};

std::uint64_t rights_of(int version) {
    std::uint64_t rights = kRightsOfVersion1;
    if (version >= 2) rights |= kRefer;
    if (version >= 3) rights |= kTruncate;
    if (version >= 5) rights |= kIoctlDevice;
    return rights;
}

std::size_t size_for(int version) {
    return version >= 6 ? 24 : version >= 4 ? 16 : 8;
}

void allow(int ruleset_fd, const char* path, std::uint64_t rights, const Reporter& reporter) {
    const UniqueFd place(::open(path, O_PATH | O_CLOEXEC));
    reporter.need(place.get(), Step::landlock);
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights;
    rule.parent_fd = place.get();
    reporter.need(
        ::syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0u),
        Step::landlock);
}

void allow_port(int ruleset_fd, std::uint16_t port, const Reporter& reporter) {
    const PortRule rule{kConnectTcp, port};
    reporter.need(::syscall(SYS_landlock_add_rule, ruleset_fd, kRuleOfPort, &rule, 0u),
                  Step::landlock);
}

}  // namespace

int landlock_version() {
    const long version =
        ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return static_cast<int>(std::max(0l, version));
}

void enter_landlock(std::span<const std::uint16_t> tcp_ports, const Reporter& reporter) {
    const int version = landlock_version();
    if (!tcp_ports.empty() && version < kVersionWithPorts)
        reporter.fail(Step::landlock, EOPNOTSUPP);
    if (version == 0) return;
    const std::uint64_t all = rights_of(version);
    Ruleset rules{};
    rules.handled_access_fs = all;
    if (version >= 6) rules.scoped = kScopes;
    if (!tcp_ports.empty()) rules.handled_access_net = kConnectTcp;
    const UniqueFd ruleset(
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size_for(version), 0u)));
    reporter.need(ruleset.get(), Step::landlock);
    allow(ruleset.get(), "/", kExecute | kReadFile | kReadFolder, reporter);
    // Devices and ioctls on them are not what /tmp is for; it is mounted nodev besides.
    allow(ruleset.get(), "/tmp", all & ~kIoctlDevice, reporter);
    allow(ruleset.get(), "/dev/null", all & kFileRights & ~(kExecute | kIoctlDevice), reporter);
    for (const std::uint16_t port : tcp_ports) allow_port(ruleset.get(), port, reporter);
    if (!tcp_ports.empty()) allow_port(ruleset.get(), runtime::kRuntimeApiPort, reporter);
    reporter.need(::syscall(SYS_landlock_restrict_self, ruleset.get(), 0u), Step::landlock);
}

}  // namespace skerry::jail
