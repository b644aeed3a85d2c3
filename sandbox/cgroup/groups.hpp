// One control group for each worker, all below one folder of their owner. Every call
// is some small files' reading or writing; none blocks for longer but join().
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "sandbox/base/result.hpp"
#include "sandbox/cgroup/hierarchy.hpp"

namespace skerry::cgroup {

enum class Mode : std::uint8_t {
    automatic,  // what this machine has; without it workers are started all the same
    required,   // all of memory, cpu and pids, or nothing is started
    off,
};

struct Limits {
    std::uint64_t memory_bytes = 0;  // everything its processes have in memory, /tmp included
    std::uint32_t cpu_percent = 0;   // of one CPU; 0: no quota
    std::uint32_t cpu_weight = 100;  // 1 … 10000
    std::uint32_t pids_max = 64;

    bool operator==(const Limits&) const = default;
};

struct Usage {
    std::uint64_t cpu_us = 0;             // 0: not known
    std::uint64_t peak_memory_bytes = 0;  // 0: not known
    std::uint64_t throttled = 0;          // periods in which the quota was used up
    bool out_of_memory = false;           // the kernel ended a process of it for its limit
};

class Backend;

class Groups {
  public:
    // Nothing is limited, and every call does nothing.
    Groups();
    // Makes the owner's folder. Version 2: moves this process into a group of its own when that is
    // what it takes. An error says what is missing, and how to get it.
    static Result<Groups> create(const Hierarchy& hierarchy, const std::string& owner);

    bool active() const { return backend_ != nullptr; }
    const Hierarchy& hierarchy() const { return hierarchy_; }
    const std::string& owner() const { return owner_; }
    bool limits_memory() const { return active() && hierarchy_.has_memory; }

    // Makes the group and puts the calling process into it. Version 1: may wait for some 20 ms.
    // 0, or errno; allocates, and nothing else that a fresh clone must not do.
    int join(const std::string& name) const;
    Status set(const std::string& name, const Limits& limits) const;
    Usage usage(const std::string& name) const;
    // The kernel has ended a process of it for its memory limit, and may have left others alive.
    // Opens one file and reads it. False also where that is not counted, or the group is gone.
    bool lost_a_process(const std::string& name) const;
    // Where CPU time is counted; an empty path: nowhere.
    struct CpuFile {
        std::string path;
        bool nanoseconds = false;  // one number of them; else lines, "usage_usec" among them
    };
    CpuFile cpu_file(const std::string& name) const;
    void kill(const std::string& name) const;
    // False: a process of it is not gone yet.
    bool remove(const std::string& name) const;
    // Of all groups and of the owner's folder. False: something is left.
    bool remove_all() const;

    Groups(Groups&&) noexcept;
    Groups& operator=(Groups&&) noexcept;
    ~Groups();

  private:
    Hierarchy hierarchy_;
    std::string owner_;
    std::unique_ptr<Backend> backend_;
};

// "skerry-PID-STARTTIME-NUMBER", of this process and never the same twice.
std::string new_owner_name();

// Whether an owner's folder can be made: makes one and removes it.
Status try_groups(const Hierarchy& hierarchy);

// Removes what owners have left whose process is dead. Only what is empty: workers do not outlive
// their warden. Returns how many owners' folders were looked at for that.
std::size_t sweep(const Hierarchy& hierarchy);

}  // namespace skerry::cgroup
