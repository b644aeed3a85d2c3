// The worker's network: its own loopback, and where skerryd listens on it. Internal to
// sandbox/jail; runs in the child, in its own network namespace and before any of the worker's
// code.
#pragma once

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

void raise_loopback(const Reporter& reporter);

// TCP Fast Open: a connection that begins with its data asks none of Landlock's rules about ports.
// Nobody misses it. Before enter_root(), which has no such settings; false: it can't be forbidden.
bool forbid_fast_open();

// Listens on 127.0.0.1:kRuntimeApiPort; non-blocking, close-on-exec.
UniqueFd make_listener(const Reporter& reporter);

}  // namespace skerry::jail
