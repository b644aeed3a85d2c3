// One core's io_uring: doorbells of workers, sockets of those that speak the Runtime API, and the
// only place where a core sleeps.
//
// The ring is locked down to the operations named in ring.cpp (io_uring_register(2),
// IORING_REGISTER_RESTRICTIONS), takes submissions from the core's thread alone, and runs
// completion work only when that thread asks for it (SINGLE_ISSUER, DEFER_TASKRUN), so that an
// awake core is never interrupted.
//
// Threads: create() anywhere; everything else on the core's own thread, enable() first.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>

#include "sandbox/base/result.hpp"

namespace skerry {

class Ring {
  public:
    static constexpr unsigned kEntries = 1024;

    static Result<std::unique_ptr<Ring>> create();
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    // Binds the ring to the calling thread. An errno value, 0 when all is well.
    int enable();

    // Writes 1 to an eventfd (which must be EFD_NONBLOCK: a blocking one would be punted to a
    // kernel worker). Leaves with the next submit(). With a tag, a completion tells that it has
    // been written: who can fill the eventfd can make that wait for ever.
    void ring(int event_fd, std::uint64_t tag = kNoTag);
    // Multishot, edge-triggered: a completion carries `tag`. Stays armed until unpoll(tag).
    void poll(int fd, std::uint64_t tag);
    void unpoll(std::uint64_t tag);
    // Once. The completion's result is what happened, as poll(2) says it.
    void poll_once(int fd, short events, std::uint64_t tag);
    // Both are complete, with a result or -EAGAIN, when submit() returns: they don't wait.
    // `message` and the memory stay until then.
    void receive_now(int socket_fd, void* to, std::size_t bytes, std::uint64_t tag);
    void send_now(int socket_fd, const msghdr* message, std::uint64_t tag);
    // Waits for a connection; the result is its descriptor, non-blocking and close-on-exec.
    void accept(int listener_fd, std::uint64_t tag);
    void cancel(std::uint64_t tag);
    void close(int fd);
    // Takes one byte of one packet from a blocking socket, once.
    void receive(int socket_fd, std::uint64_t tag);

    // One system call if anything is queued, none otherwise.
    void submit() {
        if (queued_ != 0) flush();
    }

    // Submits, and blocks until something completes or `timeout_us` has passed.
    void sleep(std::uint32_t timeout_us);

    // Hands the completions to `take(tag, result, more)`; bounded by the queue's size. `more`: the
    // operation stays armed. No system call.
    template <typename Take>
    void completions(Take&& take) {
        io_uring_cqe* cqe = nullptr;
        unsigned head = 0;
        unsigned count = 0;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            if (cqe->user_data != kNoTag)
                take(cqe->user_data, cqe->res, cqe->flags & IORING_CQE_F_MORE);
            ++count;
        }
        if (count != 0) io_uring_cq_advance(&ring_, count);
    }

    // Polls and accepts complete when this thread lets them. No system call when none is due.
    void finish_due_work() {
        if ((IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0) finish_work();
    }
    // Lets the kernel finish what waits for this thread, as a sleep would. One system call, rare.
    void finish_work() { (void)io_uring_get_events(&ring_); }

    std::uint64_t submissions() const { return submissions_; }

    static constexpr std::uint64_t kNoTag = ~std::uint64_t{0};

  private:
    Ring() = default;
    io_uring_sqe* next();
    void flush();

    io_uring ring_{};
    bool made_ = false;
    unsigned queued_ = 0;
    std::uint64_t submissions_ = 0;
    std::uint8_t byte_ = 0;
};

}  // namespace skerry
