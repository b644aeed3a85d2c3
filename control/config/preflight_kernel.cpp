#include "control/config/preflight_kernel.hpp"

#include <linux/landlock.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "sandbox/cgroup/groups.hpp"

namespace skerry::config {
namespace {

namespace fs = std::filesystem;

std::uint64_t number_in(const std::string& text) {
    const auto start =
        std::find_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::uint64_t value = 0;
    const char* begin = text.data() + (start - text.begin());
    (void)std::from_chars(begin, text.data() + text.size(), value);
    return value;
}

std::uint64_t available_memory_mib() {
    std::ifstream in("/proc/meminfo");
    for (std::string line; std::getline(in, line);)
        if (line.rfind("MemAvailable:", 0) == 0) return number_in(line) >> 10;
    return 0;
}

// Over all page sizes: DPDK takes whichever are mounted.
std::uint64_t free_hugepages_mib() {
    std::uint64_t mib = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        const std::uint64_t page_kib = number_in(entry.path().filename().string());
        mib += page_kib * number_in(first_line(entry.path().string() + "/free_hugepages")) >> 10;
    }
    return mib;
}

bool hugetlbfs_mounted() {
    std::ifstream in("/proc/mounts");
    for (std::string line; std::getline(in, line);)
        if (line.find(" hugetlbfs ") != std::string::npos) return true;
    return false;
}

// In a child, because a process can't come back out of a namespace. 0, or an errno.
int try_unshare(int flag) {
    const pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) _exit(unshare(flag) == 0 ? 0 : std::min(errno, 255));
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

}  // namespace

std::string first_line(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    return line;
}

std::set<std::uint32_t> cpu_list(const std::string& text) {
    std::set<std::uint32_t> cpus;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        std::uint32_t first = 0, last = 0;
        auto [next, error] = std::from_chars(at, end, first);
        if (error != std::errc{}) break;
        last = first;
        if (next < end && *next == '-') next = std::from_chars(next + 1, end, last).ptr;
        for (std::uint32_t cpu = first; cpu <= last && cpu < 4096; ++cpu) cpus.insert(cpu);
        at = next + 1;
    }
    return cpus;
}

Need check_root() {
    Need need{"privilege", "effective uid " + std::to_string(geteuid()),
              "root: for jails, ports and the workers' uids", "sudo skerryd …", Need::failed};
    if (geteuid() == 0) need.state = Need::ok;
    return need;
}

std::vector<Need> check_namespaces() {
    struct Kind {
        const char* name;
        int flag;
        const char* sysctl;
    };
    const Kind kinds[] = {{"user", CLONE_NEWUSER, "user.max_user_namespaces"},
                          {"net", CLONE_NEWNET, "user.max_net_namespaces"},
                          {"pid", CLONE_NEWPID, "user.max_pid_namespaces"},
                          {"mount", CLONE_NEWNS, "user.max_mnt_namespaces"},
                          {"IPC", CLONE_NEWIPC, "user.max_ipc_namespaces"},
                          {"UTS", CLONE_NEWUTS, "user.max_uts_namespaces"},
                          {"cgroup", CLONE_NEWCGROUP, "user.max_cgroup_namespaces"}};
    std::vector<Need> needs;
    for (const auto& kind : kinds) {
        const int error = try_unshare(kind.flag);
        Need need{std::string(kind.name) + " namespaces", "one can be made",
                  "one for each worker's jail", "", Need::ok};
        if (error != 0) {
            need.found = std::string("unshare: ") + std::strerror(error);
            need.mend = error == ENOSPC || error == EUSERS
                            ? "sysctl -w " + std::string(kind.sysctl) + "=65536"
                        : error == EINVAL
                            ? "a kernel with " + std::string(kind.name) + " namespaces"
                            : "run as root; in a container: give it CAP_SYS_ADMIN, and a seccomp "
                              "profile that lets unshare through";
            need.state = Need::failed;
        }
        needs.push_back(std::move(need));
    }
    return needs;
}

// The folder that a server makes for its workers' groups, made and removed.
Need check_cgroups(const Config& config) {
    const cgroup::Hierarchy hierarchy = cgroup::discover();
    Need need{"cgroups", cgroup::describe(hierarchy),
              "memory, cpu and pids: what all processes of one worker may use together",
              "in a container: its cgroups mounted read-write; else: mount -t cgroup2 none "
              "/sys/fs/cgroup",
              Need::warning};  // a worker's own limits (rlimits) hold without them
    if (config.workers.cgroups == Cgroups::off) {
        need.found = "switched off (workers.cgroups); not enforced: memory, cpu, pids";
        need.mend = "workers.cgroups = \"auto\"";
        return need;
    }
    if (config.workers.cgroups == Cgroups::required) need.state = Need::failed;
    if (hierarchy.version == cgroup::Version::none) return need;
    if (const Status made = cgroup::try_groups(hierarchy); !made) {
        need.found += "; " + made.error().text;
        need.mend = "run as root; systemd: Delegate=yes";
        return need;
    }
    if (hierarchy.complete()) need.state = Need::ok;
    return need;
}

long landlock_version() {
    return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

Need check_landlock() {
    Need need{"Landlock", "", "version 1 or newer, as one more wall around workers' files", "",
              Need::ok};
    const long version = landlock_version();
    if (version >= 1) {
        need.found = "version " + std::to_string(version);
        return need;
    }
    need.found = std::string("landlock_create_ruleset: ") + std::strerror(errno);
    need.mend = "boot with landlock in the kernel's lsm= list (CONFIG_SECURITY_LANDLOCK)";
    need.state = Need::warning;  // the jail's mount namespace holds without it
    return need;
}

Need check_open_files(const Config& config) {
    // A worker's channel, wake, ready and log, one descriptor for each core, and some to hand over.
    const std::uint64_t needed =
        256 + static_cast<std::uint64_t>(config.workers.max) * (10 + config.dataplane.cores);
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    Need need{"open files", "limit " + std::to_string(limit.rlim_cur),
              std::to_string(needed) + " for " + std::to_string(config.workers.max) + " workers",
              "ulimit -n " + std::to_string(needed) +
                  " (systemd: LimitNOFILE=" + std::to_string(needed) + ")",
              Need::failed};
    if (limit.rlim_cur >= needed) need.state = Need::ok;
    return need;
}

Need check_memory(const Config& config) {
    const std::uint64_t wanted = config.dataplane.memory_mib;
    const std::string needed = std::to_string(wanted) + " MiB (dataplane.memory_mib)";
    if (config.dataplane.memory == Memory::no_huge) {
        const std::uint64_t available = available_memory_mib();
        return {"memory", std::to_string(available) + " MiB available", needed,
                "a smaller dataplane.memory_mib, or end other programs",
                available >= wanted ? Need::ok : Need::failed};
    }
    Need need{"hugepages", std::to_string(free_hugepages_mib()) + " MiB free", needed,
              "sysctl -w vm.nr_hugepages=" + std::to_string((wanted + 1) / 2) +
                  ", or dataplane.memory = \"no-huge\"",
              Need::failed};
    if (free_hugepages_mib() < wanted) return need;
    if (!hugetlbfs_mounted()) {
        need.found += ", but no hugetlbfs is mounted";
        need.mend = "mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages";
        return need;
    }
    need.state = Need::ok;
    return need;
}

Need check_cpus(const Config& config) {
    const auto& wanted = config.dataplane.cpus;
    const auto online = cpu_list(first_line("/sys/devices/system/cpu/online"));
    const auto isolated = cpu_list(first_line("/sys/devices/system/cpu/isolated"));
    Need need{"CPUs", std::to_string(online.size()) + " online", "", "", Need::ok};
    auto all = wanted;
    if (config.dataplane.control_cpu) all.push_back(*config.dataplane.control_cpu);
    std::string absent, shared;
    for (const auto cpu : all)
        if (online.count(cpu) == 0) absent += (absent.empty() ? "" : ", ") + std::to_string(cpu);
    for (const auto cpu : wanted)
        if (isolated.count(cpu) == 0) shared += (shared.empty() ? "" : ",") + std::to_string(cpu);
    if (!absent.empty()) {
        need.found += ", not CPU " + absent;
        need.needed = "each CPU of dataplane.cpus and dataplane.control_cpu";
        need.mend = "other numbers in dataplane.cpus; `lscpu` lists those there are";
        need.state = Need::failed;
    } else if (config.dataplane.idle == Idle::spin &&
               (wanted.empty() || online.size() <= config.dataplane.cores)) {
        need.found += wanted.empty() ? ", cores not pinned" : ", all taken by spinning cores";
        need.needed = "a CPU of its own for each spinning core, and one for the rest";
        need.mend = "set dataplane.cpus, or dataplane.idle = \"sleep\"";
        need.state = Need::warning;
    } else if (config.dataplane.idle == Idle::spin && !shared.empty()) {
        need.found += ", CPU " + shared + " not isolated";
        need.needed = "isolated CPUs, so that nothing else runs on them";
        need.mend =
            "boot with isolcpus=" + shared + " nohz_full=" + shared + " rcu_nocbs=" + shared;
        need.state = Need::warning;
    }
    return need;
}

}  // namespace skerry::config
