// Runs a program with every system call of it, and of all that it starts, told to this process
// before it is made. For tests: the product never does this.
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::seccomp::test {

// 0: the call may go on; else the errno that it returns.
using Judge = std::function<int(pid_t thread, const seccomp_data& call)>;

// `fds`: what the program has besides 0 to 2, and under which numbers (below 1000). Returns when
// all processes of the program have ended: the wait status of the first of them. They are killed
// after `seconds_max`.
Result<int> record(const std::vector<std::string>& command, const std::map<int, int>& fds,
                   unsigned seconds_max, const Judge& judge);

// In a child: the descriptors of a program, and no other below 1000.
void arrange_descriptors(const std::map<int, int>& fds);

}  // namespace skerry::seccomp::test
