// Deploys and deletes take turns. Each waits on an HTTP thread, so only some may wait, and none for
// long: the others are told that the server is busy, and reading calls find a thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace skerry::control {

class Turn {
  public:
    enum class Taken { yes, busy, closed };

    explicit Turn(std::uint32_t most_waiting) : most_waiting_(most_waiting) {}

    // Waits at most that long. No patience: never waits, and does not count as one who does.
    Taken take(std::chrono::milliseconds patience) {
        std::unique_lock lock(mutex_);
        if (closed_) return Taken::closed;
        if (taken_) {
            if (patience.count() == 0 || waiting_ >= most_waiting_) return Taken::busy;
            ++waiting_;
            changed_.wait_for(lock, patience, [this] { return closed_ || !taken_; });
            --waiting_;
            if (closed_) return Taken::closed;
            if (taken_) return Taken::busy;
        }
        taken_ = true;
        return Taken::yes;
    }
    void give_back() {
        const std::lock_guard lock(mutex_);
        taken_ = false;
        changed_.notify_one();
    }
    // From now on nobody gets a turn, and nobody waits for one.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

  private:
    const std::uint32_t most_waiting_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint32_t waiting_ = 0;
    bool taken_ = false, closed_ = false;
};

// Gives a turn back that was taken.
class TurnHolder {
  public:
    explicit TurnHolder(Turn& turn) : turn_(turn) {}
    ~TurnHolder() { turn_.give_back(); }
    TurnHolder(const TurnHolder&) = delete;
    TurnHolder& operator=(const TurnHolder&) = delete;

  private:
    Turn& turn_;
};

}  // namespace skerry::control
