#include "sandbox/seccomp/listeners.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "sandbox/seccomp/policy.hpp"

namespace skerry::seccomp {
namespace {

// As many as are told in one call of take(): what is left over makes the descriptor readable again.
constexpr std::size_t kDenialsAtOnce = 64;

constexpr std::uint32_t kX32Bit = 0x40000000u;

std::string name_of(const seccomp_data& data) {
    const std::unique_ptr<char, void (*)(void*)> name(
        ::seccomp_syscall_resolve_num_arch(data.arch, data.nr), std::free);
    const std::string text = name ? name.get() : "nr" + std::to_string(data.nr);
#ifdef __x86_64__
    if (data.arch == AUDIT_ARCH_I386) return "i386:" + text;
    if ((static_cast<std::uint32_t>(data.nr) & kX32Bit) != 0)
        return "x32:" + call_name(static_cast<int>(static_cast<std::uint32_t>(data.nr) & ~kX32Bit));
#endif
    return text;
}

}  // namespace

Result<Listeners> Listeners::make() {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return errno_error("epoll_create1");
    return Listeners(std::move(epoll));
}

Status Listeners::add(std::uint64_t worker_id, UniqueFd listener) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = worker_id;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener.get(), &event) != 0)
        return errno_error("watch the listener of a filter");
    listeners_[worker_id] = Listener{std::move(listener), ""};
    return ok();
}

std::string Listeners::remove(std::uint64_t worker_id) {
    const auto found = listeners_.find(worker_id);
    if (found == listeners_.end()) return {};
    std::string call = std::move(found->second.denied_call);
    listeners_.erase(found);
    return call;
}

std::vector<std::uint64_t> Listeners::take() {
    std::vector<std::uint64_t> denied;
    std::array<epoll_event, kDenialsAtOnce> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const auto found = listeners_.find(event.data.u64);
        if (found == listeners_.end()) continue;
        const int fd = found->second.fd.get();
        seccomp_notif notification{};
        // Something waits in the queue, so this does not block. ENOENT: who made the call has been
        // killed meanwhile.
        const bool told = (event.events & EPOLLIN) != 0 &&
                          ::ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0;
        if (told) {
            found->second.denied_call = name_of(notification.data);
            denied.push_back(event.data.u64);
        }
        // Also when all of its processes are gone: the end of the worker is told by other means.
        if (told || (event.events & EPOLLHUP) != 0)
            (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    }
    return denied;
}

}  // namespace skerry::seccomp
