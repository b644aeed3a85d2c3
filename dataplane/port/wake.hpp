// What wakes a sleeping core when a packet comes to a kernel interface.
//
// A DPDK port on top of a kernel interface (net_af_packet) is polled; its own ring has no
// descriptor that DPDK would give away. This socket sees one byte of each packet that comes in on
// the same interface, and is read by nobody but a core that sleeps: its buffer holds a packet or
// two, all others are dropped by the kernel at once. Opened before the port is, it sees a packet
// after the port has it (tests/dataplane/port/wake_test.cpp).
#pragma once

#include <optional>
#include <string>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::port {

// The kernel interface behind the port, if it is one that a wake socket fits.
std::optional<std::string> wakeable_interface(const std::string& devargs);

// Blocking, as io_uring wants it: a non-blocking receive would complete with EAGAIN at once.
Result<UniqueFd> open_wake_socket(const std::string& interface);

}  // namespace skerry::port
