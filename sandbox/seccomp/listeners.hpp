// The listeners of all workers' filters: which worker made a call that it may not make, and which
// one. Owned by the warden, used by its one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::seccomp {

class Listeners {
  public:
    static Result<Listeners> make();

    // Readable when take() has something to do.
    int fd() const { return epoll_.get(); }
    // `listener` of a worker that is not known yet, and was not answered before.
    Status add(std::uint64_t worker_id, UniqueFd listener);
    // When the worker is gone; the name of the call that it was ended for, or nothing. Not before:
    // a process whose filter has lost its listener goes on after a denied call, with ENOSYS.
    std::string remove(std::uint64_t worker_id);

    // Never blocks. Workers that are stopped at a denied call. Each is told once, and must be
    // killed by the caller: it is never answered.
    std::vector<std::uint64_t> take();

  private:
    explicit Listeners(UniqueFd epoll) : epoll_(std::move(epoll)) {}
    UniqueFd epoll_;
    struct Listener {
        UniqueFd fd;
        std::string denied_call;  // as call_name() has it; after "x32:" or "i386:" if it is one
    };
    std::map<std::uint64_t, Listener> listeners_;
};

}  // namespace skerry::seccomp
