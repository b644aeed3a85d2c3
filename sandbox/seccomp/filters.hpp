// Entry point: the filters that this build knows, ready to be installed.
//
// A worker's filter makes the kernel stop a process that makes a call which its kind's policy does
// not name, and tell the filter's listener. The warden has the listener (listeners.hpp): it notes
// the call's name and kills the worker. It never answers, so the call is never made.
#pragma once

#include <array>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "sandbox/runtime/kind.hpp"
#include "sandbox/seccomp/program.hpp"

namespace skerry::seccomp {

// Of one kind of worker, in two versions: see install().
struct Filter {
    Program notify;
    Program kill;
};

class Filters {
  public:
    // Reads and compiles the policies of all kinds. Some ten milliseconds; once in a process's
    // life. The errors are those of policies that are wrong: of a build that no test has seen.
    static Result<Filters> make();
    // `egress`: of a function that has been granted a network. Kinds that speak the Runtime API
    // have sockets anyway.
    const Filter& of(runtime::Kind kind, bool egress) const {
        if (egress && kind == runtime::Kind::native) return native_egress_;
        return all_[static_cast<std::size_t>(kind)];
    }

  private:
    std::array<Filter, runtime::kKindNames.size()> all_;
    Filter native_egress_;
};

// The warden's own. It goes to all that the warden starts, so whatever a worker may do is in it.
Result<Program> make_warden_program();

// The two calls below are for a process with one thread, for ever, and allocate nothing. The caller
// has CAP_SYS_ADMIN or no_new_privs.

// The listener, close-on-exec: whoever is to judge must have it, and the worker must not. An empty
// one, where something outside has a listener on this process already (EBUSY; the kernel allows
// one) or the kernel has none (EINVAL): then the process that makes a call of no line ends by
// SIGSYS, and nobody learns the call's name. An error: no filter is installed.
struct Installed {
    int error = 0;  // errno
    UniqueFd listener;
};
Installed install(const Filter& filter);

// 0, or errno. For a program without a listener.
int install(const Program& program);

}  // namespace skerry::seccomp
