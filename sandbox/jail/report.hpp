// How the child that becomes a worker tells the warden how far it got. Internal to sandbox/jail.
#pragma once

#include <cstdint>

namespace skerry::jail {

// In the order in which they are done.
enum class Step : std::uint32_t {
    signals,
    descriptors,
    private_mounts,
    root_tmpfs,
    libraries,
    artifact,
    devices,
    tmp,
    proc,
    pivot,
    hostname,
    groups,
    user_namespace,
    identity,
    capabilities,
    limits,
    no_new_privs,
    seccomp,
    execute,
    count
};

// What was being done, and if there is a usual cause, what to look at.
const char* step_text(Step step);

enum class ReportKind : std::uint32_t {
    needs_id_map = 1,  // it is in its user namespace, and waits for the id maps
    failed = 2,
};

struct Report {
    ReportKind kind;
    Step step;
    std::int32_t error;  // errno
};

class Reporter {
  public:
    explicit Reporter(int fd) : fd_(fd) {}
    int fd() const { return fd_; }
    void set_fd(int fd) { fd_ = fd; }

    void needs_id_map() const;
    // Reports and ends the process.
    [[noreturn]] void fail(Step step, int error) const;
    // For system calls: `result` below zero is a failure with errno.
    void need(long result, Step step) const;

  private:
    int fd_;
};

}  // namespace skerry::jail
