#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "control/config/preflight_kernel.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::config {
namespace {

// Runs what a core's ring does once: a multishot poll that a WRITE to an eventfd fires, waited for
// with a timeout. Returns what did not work, or nothing.
std::string try_ring(io_uring& ring) {
    UniqueFd event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!event) return "eventfd";
    const std::uint64_t one = 1;
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    io_uring_prep_poll_multishot(sqe, event.get(), POLLIN);
    io_uring_sqe_set_data64(sqe, 1);
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_write(sqe, event.get(), &one, sizeof one, 0);
    io_uring_sqe_set_data64(sqe, 2);
    if (io_uring_submit(&ring) != 2) return "submission";
    bool polled = false, written = false;
    for (int n = 0; n < 2; ++n) {
        io_uring_cqe* cqe = nullptr;
        __kernel_timespec timeout{2, 0};
        if (io_uring_wait_cqe_timeout(&ring, &cqe, &timeout) != 0) break;
        const auto tag = io_uring_cqe_get_data64(cqe);
        polled |= tag == 1 && cqe->res > 0 && (cqe->flags & IORING_CQE_F_MORE) != 0;
        written |= tag == 2 && cqe->res == static_cast<int>(sizeof one);
        io_uring_cqe_seen(&ring, cqe);
    }
    if (!written) return "WRITE";
    return polled ? "" : "POLL_ADD multishot";
}

// liburing 2.3's shared library does not export io_uring_enable_rings.
bool enable(const io_uring& ring) {
    return syscall(SYS_io_uring_register, ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) ==
           0;
}

std::string missing_operations(io_uring& ring) {
    std::string missing;
    io_uring_probe* probe = io_uring_get_probe_ring(&ring);
    if (probe == nullptr) return "the probe for operations";
    const std::pair<int, const char*> operations[] = {{IORING_OP_WRITE, "WRITE"},
                                                      {IORING_OP_POLL_ADD, "POLL_ADD"},
                                                      {IORING_OP_POLL_REMOVE, "POLL_REMOVE"},
                                                      {IORING_OP_RECV, "RECV"},
                                                      {IORING_OP_TIMEOUT, "TIMEOUT"}};
    for (const auto& [operation, name] : operations)
        if (io_uring_opcode_supported(probe, operation) == 0)
            missing += (missing.empty() ? "" : ", ") + std::string(name);
    io_uring_free_probe(probe);
    if ((ring.features & IORING_FEAT_EXT_ARG) == 0)
        missing += (missing.empty() ? "" : ", ") + std::string("timed waits (EXT_ARG)");
    return missing;
}

}  // namespace

Need check_io_uring() {
    Need need{"io_uring", "",
              "POLL_ADD multishot, WRITE, RECV, TIMEOUT and timed waits on a deferred, restricted "
              "ring (Linux 6.1 or newer)",
              "", Need::failed};
    io_uring ring{};
    io_uring_params params{};
    params.flags =
        IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    const int error = io_uring_queue_init_params(8, &ring, &params);
    if (error != 0) {
        const std::string disabled = first_line("/proc/sys/kernel/io_uring_disabled");
        need.found = std::string("io_uring_setup: ") + std::strerror(-error);
        if (!disabled.empty() && disabled != "0")
            need.found += " (kernel.io_uring_disabled = " + disabled + ")";
        need.mend = error == -EINVAL ? "a kernel of 6.1 or newer"
                    : error == -ENOSYS
                        ? "a kernel with CONFIG_IO_URING"
                        : "sysctl -w kernel.io_uring_disabled=0; in a container: allow io_uring in "
                          "its seccomp profile";
        return need;
    }
    std::string missing = enable(ring) ? missing_operations(ring) : "ENABLE_RINGS";
    if (missing.empty()) missing = try_ring(ring);
    io_uring_queue_exit(&ring);
    need.found = missing.empty() ? "all of it works" : "no " + missing;
    need.mend = "a kernel of 6.1 or newer";
    if (missing.empty()) need.state = Need::ok;
    return need;
}

}  // namespace skerry::config
