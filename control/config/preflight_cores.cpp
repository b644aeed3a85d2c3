// Whether workers of different functions can be kept from running on one core at the same time, and
// at what price.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "control/config/preflight_kernel.hpp"
#include "sandbox/base/core_scheduling.hpp"

namespace skerry::config {
namespace {

constexpr char kNoSmt[] = "SMT off (boot with mitigations=auto,nosmt)";
constexpr char kSwitchOn[] = "core_scheduling = true in [workers]";

// In a child, because a cookie can't be given back.
int try_cookie() {
    const pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) _exit(std::min(take_cookie(), 255));
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

bool in_virtual_machine() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);)
        if (line.rfind("flags", 0) == 0) return line.find(" hypervisor") != std::string::npos;
    return false;
}

// Threads of the packet path's own cores that are left to everybody.
std::string beside(const Config& config) {
    const auto& own = config.dataplane.cpus;
    const auto isolated = cpu_list(first_line("/sys/devices/system/cpu/isolated"));
    std::set<std::uint32_t> others;
    for (const auto cpu : own)
        for (const auto sibling :
             cpu_list(first_line("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                                 "/topology/thread_siblings_list")))
            if (std::find(own.begin(), own.end(), sibling) == own.end() &&
                isolated.count(sibling) == 0)
                others.insert(sibling);
    std::string text;
    for (const auto cpu : others) text += (text.empty() ? "" : ",") + std::to_string(cpu);
    return text;
}

std::string said_by_kernel(int error) {
    if (error == EINVAL) return "this kernel has no core scheduling (PR_SCHED_CORE: EINVAL)";
    return std::string("PR_SCHED_CORE: ") + std::strerror(error);
}

std::string no_threads(const CoresFound& found) {
    return std::string("no core has two threads online: nothing to share") +
           (found.virtual_machine ? ", as far as a virtual machine can know" : "");
}

Need judge_unwanted(Need need, const CoresFound& found) {
    if (!found.smt) {
        need.found = "off; " + no_threads(found);
        return need;
    }
    const bool can = found.error == 0;
    need.found = "off, and SMT is on: two functions can run on one core at the same time; " +
                 (can ? "this kernel could prevent it" : said_by_kernel(found.error));
    need.mend =
        can ? std::string(kSwitchOn) + ", or " + kNoSmt
            : std::string(kNoSmt) + "; or a kernel with CONFIG_SCHED_CORE, and " + kSwitchOn;
    need.state = Need::warning;
    return need;
}

}  // namespace

Need judge_core_scheduling(bool wanted, const CoresFound& found) {
    Need need{"core scheduling", "", "no worker beside a stranger on one core: caches tell", "",
              Need::ok};
    if (!wanted) return judge_unwanted(std::move(need), found);
    if (found.error == ENODEV) {
        need.found = "on; " + no_threads(found);
        return need;
    }
    if (found.error != 0) {
        need.found = "on (workers.core_scheduling), and " + said_by_kernel(found.error);
        need.needed = "Linux 5.14 or newer with CONFIG_SCHED_CORE (Debian's kernels are without)";
        need.mend =
            std::string("such a kernel; or core_scheduling = false in [workers], and ") + kNoSmt;
        need.state = Need::failed;
        return need;
    }
    need.found = "on: each worker gets a cookie of its own";
    if (!found.beside.empty()) {
        need.found += "; workers on CPU " + found.beside + " and the packet path would take turns";
        need.needed = "whole cores in dataplane.cpus, or their other threads without workers";
        need.mend = "boot with isolcpus= for CPU " + found.beside + " too, or take them offline";
        need.state = Need::warning;
    }
    return need;
}

Need check_core_scheduling(const Config& config) {
    return judge_core_scheduling(config.workers.core_scheduling,
                                 {.error = try_cookie(),
                                  .smt = first_line("/sys/devices/system/cpu/smt/active") == "1",
                                  .virtual_machine = in_virtual_machine(),
                                  .beside = beside(config)});
}

}  // namespace skerry::config
