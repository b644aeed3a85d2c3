#include "control/admin/pool.hpp"

namespace skerry::admin {

Pool::Pool() {
    for (std::size_t i = 0; i < kHttpThreads; ++i) threads_.emplace_back([this] { work(); });
}

Pool::~Pool() {
    shutdown();
}

void Pool::enqueue(std::function<void()> task) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [this] { return stopping_ || tasks_.size() < kMaxWaitingConnections; });
    tasks_.push_back(std::move(task));
    has_task_.notify_one();
}

void Pool::shutdown() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        has_task_.notify_all();
        has_room_.notify_all();
    }
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

void Pool::work() {
    for (;;) {
        std::function<void()> task;
        {
            std::unique_lock lock(mutex_);
            has_task_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
            if (tasks_.empty()) return;
            task = std::move(tasks_.front());
            tasks_.pop_front();
            has_room_.notify_one();
        }
        task();
    }
}

}  // namespace skerry::admin
