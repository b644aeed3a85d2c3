#include "control/controller/reclaim.hpp"

namespace skerry::control {

std::uint64_t Reclaimer::publish(std::unique_ptr<const Snapshot> next,
                                 std::function<void()> afterwards) {
    shared_.snapshot.store(next.get(), std::memory_order_release);
    const std::uint64_t token = rte_rcu_qsbr_start(shared_.qsbr);
    // Between the pointer and the look at who is awake: a core that wakes does the reverse, and one
    // of the two must see the other (tests/model/publish_model.cpp).
    std::atomic_thread_fence(std::memory_order_seq_cst);
    waiting_.push_back({++published_, token, std::move(current_), std::move(afterwards)});
    current_ = std::move(next);
    return published_;
}

void Reclaimer::step() {
    // In order: a later grace period never ends before an earlier one.
    while (!waiting_.empty() &&
           rte_rcu_qsbr_check(shared_.qsbr, waiting_.front().token, false) == 1) {
        const Waiting done = std::move(waiting_.front());
        waiting_.erase(waiting_.begin());
        passed_ = done.number;
        if (done.afterwards) done.afterwards();
    }
}

}  // namespace skerry::control
