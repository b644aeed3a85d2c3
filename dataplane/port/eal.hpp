// Starting DPDK's environment layer. Once per process, on the thread that becomes the control
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::port {

struct EalOptions {
    bool huge = true;  // false: ordinary pages (`memory = "no-huge"`)
    std::uint32_t memory_mib = 512;
    std::string file_prefix;                   // keeps two servers of one machine apart
    std::optional<std::uint32_t> control_cpu;  // unset: the CPUs this process may use anyway
    std::vector<std::string> pci;              // addresses that may be touched; no other device is
};

// An error says what EAL found wrong and what mends it. Nothing is left in the file system, however
// this process ends.
Status start_eal(const EalOptions& options);
void stop_eal();

// "0000:00:05.0" or "00:05.0", perhaps with arguments behind a comma.
bool is_pci_address(const std::string& devargs);

}  // namespace skerry::port
