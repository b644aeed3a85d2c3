#include "sandbox/sdk/waiter.hpp"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/channel/handover.hpp"

namespace skerry::sdk {
namespace {

void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

// 0, or EBADF.
int sleep_on_wake_fd() {
    pollfd waiting{channel::kWakeFd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, -1);
    if (ready < 0) return errno == EINTR ? 0 : EBADF;
    if ((waiting.revents & (POLLNVAL | POLLERR)) != 0) return EBADF;
    std::uint64_t rings;
    if (::read(channel::kWakeFd, &rings, sizeof rings) < 0 && errno != EAGAIN && errno != EINTR)
        return EBADF;
    return 0;
}

}  // namespace

std::uint64_t now_ns() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

bool Waiter::spin(const channel::PendingLine& pending) const {
    const std::uint64_t end_ns = now_ns() + spin_ns_;
    do {
        for (int i = 0; i < 32; ++i) {
            if (pending.slots.load(std::memory_order_relaxed) != 0) return true;
            pause_cpu();
        }
    } while (now_ns() < end_ns);
    return false;
}

int Waiter::block() {
    return sleep_on_wake_fd();
}

int Waiter::wait(channel::PendingLine& pending, channel::AsleepLine& asleep) {
    if (spin_ns_ != 0) {
        if (spin(pending)) return 0;
        spin_ns_ /= 2;  // it did not pay: spin less next time
    }
    if (!channel::prepare_sleep(pending, asleep)) return 0;
    const std::uint64_t slept_from_ns = spin_max_ns_ != 0 ? now_ns() : 0;
    const int error = sleep_on_wake_fd();
    channel::woken(asleep);
    // The request came so soon that a full spin would have caught it: spin fully again.
    if (spin_max_ns_ != 0 && now_ns() - slept_from_ns < spin_max_ns_) spin_ns_ = spin_max_ns_;
    return error;
}

}  // namespace skerry::sdk
