// The needs that do not depend on which ports and files were configured. Internal to
// control/config.
#pragma once

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

// The first line of a small file of /proc or /sys; empty when it can't be read.
std::string first_line(const std::string& path);

}  // namespace skerry::config
