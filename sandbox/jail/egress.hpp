// The network that a function has been granted: the worker's end of it. Internal to sandbox/jail;
// runs in the child, as real root and before any of the worker's code.
#pragma once

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/jail/order.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

// Does nothing for an order without egress. `network`: its namespace.
void connect_egress(const Order& order, UniqueFd network, const Reporter& reporter);

// The network's resolvers as /etc/resolv.conf, over the image's, and that they are to be asked. The
// root is still writable.
void add_resolver(int root_fd, const Order& order, const Reporter& reporter);

}  // namespace skerry::jail
