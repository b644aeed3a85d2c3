// Which control groups this process could use: found in /proc, without changing anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace skerry::cgroup {

enum class Version : std::uint8_t { none, v1, v2 };

// Folders of the group that this process is in, absolute; empty: that controller is not there.
struct Hierarchy {
    Version version = Version::none;
    std::string unified;                     // v2
    std::string memory, cpu, cpuacct, pids;  // v1; more than one may be the same folder
    // v2: whether the group has the controller to give. v1: follows from the folders.
    bool has_memory = false, has_cpu = false, has_pids = false;

    bool complete() const { return has_memory && has_cpu && has_pids; }
};

// Texts as in /proc/self/mountinfo and /proc/self/cgroup. Reads cgroup.controllers of a version 2
// hierarchy. A text that makes no sense has no hierarchy in it.
Hierarchy discover(std::string_view mountinfo, std::string_view own_groups);
Hierarchy discover();

// For people: "version 1: memory, cpu, pids"; "none; not enforced: memory, cpu, pids".
std::string describe(const Hierarchy& hierarchy);

// Where a server that is not in the root group moves itself to (version 2).
inline constexpr std::string_view kServerLeaf = "skerry-server";

}  // namespace skerry::cgroup
