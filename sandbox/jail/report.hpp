// How the child that becomes a worker tells the warden how far it got. Internal to sandbox/jail.
#pragma once

#include <cstdint>

#include "sandbox/jail/jail.hpp"

namespace skerry::jail {

// In the order in which they are done.
enum class Step : std::uint32_t {
    signals,
    descriptors,
    core_scheduling,
    cgroup,
    network,
    private_mounts,
    root_tmpfs,
    devices,
    proc,
    pivot,
    hostname,
    order,
    egress_namespace,
    egress_link,
    egress_sources,
    egress_settings,
    egress_addresses,
    artifact,
    libraries,
    resolver,
    tmp,
    groups,
    user_namespace,
    identity,
    capabilities,
    limits,
    no_new_privs,
    landlock,
    seccomp,
    execute,
    count
};

// What was being done, and if there is a usual cause, what to look at.
const char* step_text(Step step);

enum class ReportKind : std::uint32_t {
    prepared = 1,      // it waits for its order; comes with the listener
    needs_id_map = 2,  // it is in its user namespace, and waits for the id maps
    filtered = 3,      // its filter of system calls is installed; comes with that one's listener
    failed = 4,
};

struct Report {
    ReportKind kind;
    Step step;
    std::int32_t error;  // errno
    std::uint32_t padding = 0;
    // CLOCK_MONOTONIC; prepared: of this; needs_id_map: when its root was complete
    std::uint64_t at_us = 0;
};

class Reporter {
  public:
    explicit Reporter(int fd) : fd_(fd) {}
    int fd() const { return fd_; }
    void set_fd(int fd) { fd_ = fd; }

    void prepared(int listener_fd) const;
    void needs_id_map(std::uint64_t mounted_us) const;
    void filtered(int denials_fd) const;
    // Reports and ends the process.
    [[noreturn]] void fail(Step step, int error) const;
    // For system calls: `result` below zero is a failure with errno.
    void need(long result, Step step) const;

  private:
    int fd_;
};

}  // namespace skerry::jail
