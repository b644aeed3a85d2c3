#include "dataplane/dispatch/ring.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <iterator>

#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

const std::uint64_t kOne = 1;

// Everything this ring may ever be asked to do. Not in the list: what opens, connects, or touches a
// file by name.
int restrict_ring(io_uring* ring) {
    constexpr std::uint8_t kOperations[] = {
        IORING_OP_WRITE,        IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE,
        IORING_OP_RECV,         IORING_OP_TIMEOUT,  IORING_OP_SENDMSG,
        IORING_OP_ASYNC_CANCEL, IORING_OP_ACCEPT,   IORING_OP_CLOSE};
    io_uring_restriction rules[std::size(kOperations) + 2] = {};
    unsigned count = 0;
    for (const std::uint8_t operation : kOperations) {
        rules[count].opcode = IORING_RESTRICTION_SQE_OP;
        rules[count++].sqe_op = operation;
    }
    rules[count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    rules[count++].sqe_flags = IOSQE_CQE_SKIP_SUCCESS;
    rules[count].opcode = IORING_RESTRICTION_REGISTER_OP;
    rules[count++].register_op = IORING_REGISTER_ENABLE_RINGS;
    // liburing 2.3's shared library lacks the two wrappers that are used here and in enable().
    return io_uring_register(static_cast<unsigned>(ring->ring_fd), IORING_REGISTER_RESTRICTIONS,
                             rules, count);
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::create() {
    std::unique_ptr<Ring> ring(new Ring);
    io_uring_params params{};
    params.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
                   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE;
    params.cq_entries = 4 * kEntries;
    int error = io_uring_queue_init_params(kEntries, &ring->ring_, &params);
    if (error != 0)
        return Error{-error, std::string("io_uring_setup: ") + std::strerror(-error) +
                                 "; Skerry needs Linux 6.1 or newer with io_uring allowed: "
                                 "sysctl -w kernel.io_uring_disabled=0"};
    ring->made_ = true;
    error = restrict_ring(&ring->ring_);
    if (error != 0)
        return Error{-error,
                     std::string("io_uring_register(RESTRICTIONS): ") + std::strerror(-error)};
    return ring;
}

Ring::~Ring() {
    if (made_) io_uring_queue_exit(&ring_);
}

int Ring::enable() {
    return -io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_ENABLE_RINGS,
                              nullptr, 0);
}

io_uring_sqe* Ring::next() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
        flush();
        sqe = io_uring_get_sqe(&ring_);
        SKERRY_CHECK(sqe != nullptr);  // a submission empties the queue
    }
    ++queued_;
    return sqe;
}

void Ring::ring(int event_fd, std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_write(sqe, event_fd, &kOne, sizeof kOne, 0);
    if (tag == kNoTag) sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag;
}

void Ring::poll(int fd, std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_poll_multishot(sqe, fd, POLLIN | EPOLLET);
    sqe->user_data = tag;
}

void Ring::unpoll(std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_poll_remove(sqe, tag);
    sqe->user_data = kNoTag;
}

void Ring::poll_once(int fd, short events, std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_poll_add(sqe, fd, static_cast<unsigned>(events));
    sqe->user_data = tag;
}

void Ring::receive_now(int socket_fd, void* to, std::size_t bytes, std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_recv(sqe, socket_fd, to, bytes, MSG_DONTWAIT);
    sqe->user_data = tag;
}

void Ring::send_now(int socket_fd, const msghdr* message, std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_sendmsg(sqe, socket_fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
    sqe->user_data = tag;
}

void Ring::accept(int listener_fd, std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_accept(sqe, listener_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    sqe->user_data = tag;
}

void Ring::cancel(std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_cancel64(sqe, tag, 0);
    sqe->user_data = kNoTag;
}

void Ring::close(int fd) {
    io_uring_sqe* sqe = next();
    io_uring_prep_close(sqe, fd);
    sqe->user_data = kNoTag;
}

void Ring::receive(int socket_fd, std::uint64_t tag) {
    io_uring_sqe* sqe = next();
    io_uring_prep_recv(sqe, socket_fd, &byte_, sizeof byte_, 0);
    sqe->user_data = tag;
}

void Ring::flush() {
    queued_ = 0;
    ++submissions_;
    // EBUSY and EAGAIN mean "later": what stays in the queue goes with the next submission.
    const int submitted = io_uring_submit(&ring_);
    SKERRY_CHECK(submitted >= 0 || submitted == -EAGAIN || submitted == -EBUSY ||
                 submitted == -EINTR);
    if (submitted < 0) queued_ = 1;
}

void Ring::sleep(std::uint32_t timeout_us) {
    queued_ = 0;
    __kernel_timespec wait{.tv_sec = timeout_us / 1000000,
                           .tv_nsec = static_cast<long long>(timeout_us % 1000000) * 1000};
    io_uring_cqe* cqe = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &wait, nullptr);
}

}  // namespace skerry
