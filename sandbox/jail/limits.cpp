#include "sandbox/jail/limits.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace skerry::jail {
namespace {

// Never above what this process has: raising a limit needs CAP_SYS_RESOURCE, which may be missing.
void lower(__rlimit_resource resource, std::uint64_t wanted, const Reporter& reporter) {
    rlimit now;
    reporter.need(::getrlimit(resource, &now), Step::limits);
    const rlim_t value = std::min<rlim_t>(wanted, now.rlim_max);
    const rlimit lowered{value, value};
    reporter.need(::setrlimit(resource, &lowered), Step::limits);
}

}  // namespace

void set_limits(const Order& order, const Reporter& reporter) {
    // 1, not 0: the kernel starts a piped core handler even for 0, but not for 1, and a file of one
    // byte is not written either.
    lower(RLIMIT_CORE, 1, reporter);
    lower(RLIMIT_NOFILE, kOpenFilesMax, reporter);
    // A blank runs our code alone until it gets the function's: they can be lowered then, and not
    // everybody may raise one.
    if (order.start != Start::blank) {
        lower(RLIMIT_FSIZE, order.file_bytes_max, reporter);
        lower(RLIMIT_NPROC, order.pids_max, reporter);
    }
    lower(RLIMIT_MEMLOCK, 64u << 10, reporter);
    lower(RLIMIT_MSGQUEUE, 0, reporter);
    lower(RLIMIT_NICE, 0, reporter);
    lower(RLIMIT_RTPRIO, 0, reporter);
    lower(RLIMIT_SIGPENDING, 128, reporter);
}

void set_memory_limit(const Order& order, const Reporter& reporter) {
    if (order.address_space_bytes != 0 && order.start != Start::blank)
        lower(RLIMIT_AS, order.address_space_bytes, reporter);
}

}  // namespace skerry::jail
