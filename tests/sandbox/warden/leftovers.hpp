// What a warden leaves of its workers in the kernel: control groups and mounts.
#pragma once

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include "sandbox/cgroup/hierarchy.hpp"
#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {

// The folders in which owners' folders lie.
inline std::set<std::string> places() {
    const cgroup::Hierarchy found = cgroup::discover();
    std::set<std::string> all = {found.unified, found.memory, found.cpu, found.cpuacct, found.pids};
    all.erase("");
    return all;
}

// How many of the owner's folders there are.
inline std::size_t groups_of(const std::string& owner) {
    std::size_t count = 0;
    for (const std::string& place : places())
        count += std::filesystem::exists(place + "/" + owner) ? 1 : 0;
    return count;
}

inline std::size_t wait_for_groups(const std::string& owner, std::size_t wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (groups_of(owner) != wanted && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return groups_of(owner);
}

inline bool mounted(const Folder& folder) {
    return read_all("/proc/self/mountinfo").find(folder.path()) != std::string::npos;
}

}  // namespace skerry::test
