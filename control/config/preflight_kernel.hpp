// The needs that do not depend on which ports and files were configured. Internal to
// control/config.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "control/config/preflight.hpp"

namespace skerry::config {

Need check_root();
Need check_io_uring();
std::vector<Need> check_namespaces();
Need check_cgroups(const Config& config);
// Its version that this kernel has switched on; less than 1: none, errno says why.
long landlock_version();
Need check_landlock();
Need check_open_files(const Config& config);
Need check_memory(const Config& config);
Need check_cpus(const Config& config);

// What a try of core scheduling came to, and what this kernel says of its CPUs.
struct CoresFound {
    int error = 0;     // of a try, in a child: 0, or an errno (sandbox/base/core_scheduling.hpp)
    bool smt = false;  // a core has two threads that are online
    bool virtual_machine = false;  // then only its host knows about threads
    std::string beside = {};  // CPUs for workers on the same core as one of dataplane.cpus: "4,5"
};
// The verdict on that alone.
Need judge_core_scheduling(bool wanted, const CoresFound& found);
Need check_core_scheduling(const Config& config);

// "0-3,8" as a set.
std::set<std::uint32_t> cpu_list(const std::string& text);
// The first line of a small file of /proc or /sys; empty when it can't be read.
std::string first_line(const std::string& path);

}  // namespace skerry::config
