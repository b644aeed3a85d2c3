// A core of the CPU for oneself (core scheduling, Linux 5.14: Documentation/admin-guide/hw-vuln/
// core-scheduling.rst): CPUs that are hardware threads of one core run tasks of the same cookie
// only, at any one moment.
#pragma once

#include <sys/prctl.h>

#include <cerrno>

namespace skerry {

// Gives the calling process, all its threads and whatever they will fork a cookie that nobody else
// has; exec keeps it. 0, or an errno. EINVAL: the kernel has no core scheduling (CONFIG_SCHED_CORE,
// 5.14). ENODEV: no core here has two threads that are online, so there is nothing to share. Needs
// no privilege, and can't be taken back.
inline int take_cookie() {
    // Of the thread group, not of the process group: that one may have others in it.
    const int result =
        ::prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0);
    return result == 0 ? 0 : errno;
}

}  // namespace skerry
