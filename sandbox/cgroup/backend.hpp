// What differs between the versions of control groups. Internal to sandbox/cgroup. `group` is
// "OWNER/NAME" everywhere. Numbers returned are 0 or errno.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sandbox/cgroup/groups.hpp"
#include "sandbox/cgroup/hierarchy.hpp"

namespace skerry::cgroup {

class Backend {
  public:
    virtual ~Backend() = default;
    // The folders that a group, or an owner, is made of.
    virtual std::vector<std::string> folders(const std::string& group) const = 0;
    // Makes the owner's folder ready to have groups with limits in it.
    virtual int make_owner(const std::string& owner) const = 0;
    virtual int set(const std::string& group, const Limits& limits) const = 0;
    virtual Usage usage(const std::string& group) const = 0;
    virtual bool lost_a_process(const std::string& group) const = 0;
    virtual Groups::CpuFile cpu_file(const std::string& group) const = 0;
    // One attempt; the processes are gone some time later.
    virtual void kill(const std::string& group) const = 0;
};

std::unique_ptr<Backend> make_v1(const Hierarchy& hierarchy);
std::unique_ptr<Backend> make_v2(const Hierarchy& hierarchy);
std::unique_ptr<Backend> make_backend(const Hierarchy& hierarchy);  // null: none

// The files of a controller may be missing for a reason that is nobody's fault (swap accounting is
// off, an older kernel): then there is nothing to write.
int write_if_there(const std::string& path, const std::string& text);
// SIGKILL to each process of `folder`. Whether there was one.
bool kill_each(const std::string& folder);

inline constexpr std::uint64_t kQuotaPeriod_us = 100'000;

}  // namespace skerry::cgroup
