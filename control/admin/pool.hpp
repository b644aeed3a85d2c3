// The threads of one HTTP server. A limit on connections that wait: beyond it, accepting stops, and
// the kernel's backlog and then the callers wait.
#pragma once

#include <httplib.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace skerry::admin {

inline constexpr std::size_t kHttpThreads = 8;
inline constexpr std::size_t kMaxWaitingConnections = 64;

class Pool : public httplib::TaskQueue {
  public:
    Pool();
    ~Pool() override;
    void enqueue(std::function<void()> task) override;
    void shutdown() override;  // finishes what is queued

  private:
    void work();

    std::mutex mutex_;
    std::condition_variable has_task_, has_room_;
    std::deque<std::function<void()>> tasks_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace skerry::admin
