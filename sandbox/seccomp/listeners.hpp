// The listeners of all workers' filters: which worker made a call that it may not make, and which
// one. Owned by the warden, used by its one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::seccomp {

struct Denial {
    std::uint64_t worker_id = 0;
    std::string call;  // its name, as call_name() has it; "x32" or "i386" before it if it is one
};

class Listeners {
  public:
    static Result<Listeners> make();

    // Readable when take() has something to do.
    int fd() const { return epoll_.get(); }
    // `listener` of a worker that is not known yet, and was not answered before.
    Status add(std::uint64_t worker_id, UniqueFd listener);
    // When the worker is gone. Not before: a process whose filter has lost its listener goes on
    // after a denied call, with ENOSYS.
    void remove(std::uint64_t worker_id) { listeners_.erase(worker_id); }

    // Never blocks. The workers that are stopped at a denied call; each is told once, and must be
    // killed by the caller: it is never answered.
    std::vector<Denial> take();

  private:
    explicit Listeners(UniqueFd epoll) : epoll_(std::move(epoll)) {}
    UniqueFd epoll_;
    std::map<std::uint64_t, UniqueFd> listeners_;
};

}  // namespace skerry::seccomp
