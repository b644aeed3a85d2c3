// Processes that wait to become workers, and the control groups of all of them. Making one takes a
// millisecond of the warden, and joining its group up to 20 of its own: both are done ahead of
// need, while there is nothing else to do. Internal to sandbox/warden.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "sandbox/jail/jail.hpp"

namespace skerry::warden {

class Nursery {
  public:
    // Keeps `wanted` ready. `own_cookies`: each with one (jail::prepare).
    Nursery(cgroup::Groups groups, seccomp::Filters filters, std::uint32_t wanted, bool own_cookies)
        : groups_(std::move(groups)),
          filters_(std::move(filters)),
          wanted_(wanted),
          own_cookies_(own_cookies) {}

    // From one that is ready, or else all the way. `group`: its control group, to be discarded when
    // it has been reaped. Errors as jail::start.
    Result<jail::Started> start(const jail::Plan& plan, std::uint64_t since_us, std::string& group);

    // Whether there is nothing to do; else tend() does one thing, which takes about a millisecond.
    bool is_content() const;
    void tend();

    // A child that is no worker was reaped: perhaps one that was ready.
    void was_reaped(pid_t pid);

    const cgroup::Groups& groups() const { return groups_; }
    // Of a worker that was reaped. Its last process may not have left it yet.
    void discard(std::string group);
    // Everything has ended: all groups and their folder.
    void remove_groups() const;

  private:
    Result<jail::Embryo> make();
    Status make_several();

    cgroup::Groups groups_;
    seccomp::Filters filters_;
    std::uint32_t wanted_;
    bool own_cookies_;
    std::deque<jail::Embryo> ready_;
    std::vector<std::string> discarded_;  // groups that could not be removed yet
    std::uint64_t next_group_ = 1;
    std::uint64_t not_before_us_ = 0;  // after a failure
};

}  // namespace skerry::warden
