// The worker's network: its own loopback, and where skerryd listens on it. Internal to
// sandbox/jail; runs in the child, in its own network namespace and before any of the worker's
// code.
#pragma once

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

void raise_loopback(const Reporter& reporter);

// Listens on 127.0.0.1:kRuntimeApiPort; non-blocking, close-on-exec.
UniqueFd make_listener(const Reporter& reporter);

}  // namespace skerry::jail
