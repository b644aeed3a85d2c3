// What a core does with nothing to do: it spins, or, with idle = "sleep", it blocks in its io_uring
// until a packet, a worker, another core or the control thread rings, or a timer is due.
#include <rte_pause.h>

#include <utility>

#include "dataplane/loop.hpp"
#include "sandbox/channel/handover.hpp"

namespace skerry {

void Core::handover_bells() {
    for (std::uint32_t cores =
             messages_.take_handed_over() | std::exchange(context_.wake_cores, 0u);
         cores != 0; cores &= cores - 1) {
        const int fd = context_.shared.kick_fd[static_cast<std::uint32_t>(std::countr_zero(cores))];
        if (fd >= 0) ring_->ring(fd);
    }
}

bool Core::anything_to_do() {
    return dispatcher_.anything_done() || prober_.has_commands() ||
           (front_ != nullptr && front_->has_events()) ||
           rte_ring_count(context_.shared.handover[context_.core]) != 0 ||
           context_.shared.stop.load(std::memory_order_relaxed);
}

void Core::idle(bool worked) {
    const std::uint64_t now = rte_rdtsc();
    if (!context_.shared.server.idle_sleep) {
        if (worked) return;
        rte_pause();
        // A core that never sleeps never lets the kernel tidy up behind workers that have gone.
        if (now - last_work_tsc_ < context_.tsc_hz) return;
        last_work_tsc_ = now;
        ring_->finish_work();
        return;
    }
    if (worked) {
        last_work_tsc_ = now;
        return;
    }
    if (now - last_work_tsc_ < context_.tsc_from_us(kSpinBeforeSleep_us)) {
        rte_pause();
        return;
    }
    std::uint32_t timeout_us = resources_.all_ports_wake ? kLongSleep_us : kShortSleep_us;
    // A slot that another core frees rings nobody here.
    if (waiting_.size() != 0) timeout_us = kShortSleep_us;
    std::uint64_t due = context_.timers.next_due_tsc();
    if (front_ != nullptr) due = std::min(due, front_->next_due_tsc());
    if (due <= now) return;
    timeout_us = std::min(timeout_us, context_.us_from_tsc(due - now));
    if (timeout_us != 0) sleep(timeout_us);
}

void Core::sleep(std::uint32_t timeout_us) {
    channel::CoreDoorbell& doorbell = context_.shared.doorbells[context_.core];
    for (std::size_t i = 0; i < resources_.wake_fds.size(); ++i) {
        if (receive_armed_[i]) continue;
        ring_->receive(resources_.wake_fds[i], kWakeTag | i);
        receive_armed_[i] = true;
    }
    channel::announce_sleep(doorbell);
    if (anything_to_do()) {
        ring_->submit();
    } else {
        // Whoever frees an old snapshot need not wait for a core that holds none.
        rte_rcu_qsbr_thread_offline(context_.shared.qsbr, context_.core);
        ring_->sleep(timeout_us);
        rte_rcu_qsbr_thread_online(context_.shared.qsbr, context_.core);
        context_.counters.sleeps.add();
    }
    channel::woken(doorbell);
    take_completions();
}

void Core::take_completions() {
    ring_->completions([this](std::uint64_t tag, int result, bool more) {
        if (tag & Dispatcher::kOwnTags) {
            dispatcher_.completed(tag, result, more);
        } else if (tag & kWakeTag) {
            receive_armed_[tag & 7] = false;
        } else if (tag == kKickTag && !more) {
            ring_->poll(context_.shared.kick_fd[context_.core], kKickTag);
        }
    });
}

}  // namespace skerry
