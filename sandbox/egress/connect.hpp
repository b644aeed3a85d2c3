// Between a worker's own network namespace and the operator's: a veth pair without address
// resolution, with one address, and routes.
#pragma once

#include "sandbox/egress/wiring.hpp"

namespace skerry::egress {

enum class Part { none, enter, link, settings, sources, addresses };

struct Connected {
    Part failed = Part::none;
    int error = 0;  // errno; EADDRINUSE: somebody in that namespace has this address already
};

// Called in the worker's network namespace, by real root with one thread, before any of the
// worker's code; it is in the same namespace again afterwards, or the process must end. What is
// made ends with either namespace.
Connected connect(const Wiring& wiring, int namespace_fd);

// Whether this kernel has what it takes; makes and removes a pair of interfaces in the caller's
// network namespace.
Connected try_link();

}  // namespace skerry::egress
