// What a configuration needs of this machine, checked before anything is started: `skerryd
// --check`. Each need is probed for real where that is possible without a lasting effect.
#pragma once

#include <string>
#include <vector>

#include "control/config/config.hpp"

namespace skerry::config {

struct Need {
    std::string what;    // "hugepages"
    std::string found;   // "128 MiB free"
    std::string needed;  // "512 MiB free (dataplane.memory_mib)"
    std::string mend;    // the command that mends it, or what to change; empty when ok
    // warning: it works, with less speed or less protection than it could. failed: it won't start.
    enum State { ok, warning, failed } state = ok;
};

// Forks short-lived children (namespaces), so: before threads are started and before DPDK.
std::vector<Need> preflight(const Config& config);
// "127.0.0.1:4602" or "[::1]:4602", or another address that nobody but this machine reaches.
bool is_on_loopback(const std::string& host_port);
bool may_start(const std::vector<Need>& needs);  // nothing failed

// One line a need:
//   ok       io_uring: POLL_ADD multishot, WRITE, RECV, TIMEOUT, timed waits work
//   FAILED   hugepages: 0 MiB free; needed: 512 MiB free; mend: sysctl -w vm.nr_hugepages=256
std::string render(const std::vector<Need>& needs);

}  // namespace skerry::config
