// How much CPU time one worker has used so far, asked again and again: the file stays open.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/cgroup/groups.hpp"

namespace skerry::cgroup {

class CpuMeter {
  public:
    // Of all processes of the group; where there is none, of `pid` with its threads, without its
    // children.
    CpuMeter(const Groups& groups, const std::string& name, pid_t pid);

    // One system call. nullopt: it can't be told, for instance because the worker has ended.
    std::optional<std::uint64_t> read_us() const;
    bool of_group() const { return static_cast<bool>(file_); }

  private:
    UniqueFd file_;
    bool nanoseconds_ = false;  // one number (version 1); else lines, one of them in microseconds
    clockid_t clock_ = 0;       // 0: none
};

// The number in a cpuacct.usage, or behind "usage_usec" in a cpu.stat, in microseconds.
std::optional<std::uint64_t> parse_cpu_us(std::string_view text, bool nanoseconds);

}  // namespace skerry::cgroup
