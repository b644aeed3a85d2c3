// When the same thing may be sent to a region again. It is sent again if it failed, or if the
// region has something else once more: another POP that shares the region may deploy the same
// function in another way, and two that never agree must not keep the region busy. One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace skerry::control {

class Pace {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds kFirst{500};
    static constexpr std::chrono::milliseconds kLongest{60'000};
    static constexpr std::chrono::minutes kForgotten{10};

    // `what`: the version and settings of the function `name`.
    bool due(const std::string& name, const std::string& what, Time now) const {
        const auto at = sent_.find(name);
        return at == sent_.end() || at->second.what != what || now >= at->second.next;
    }
    // Returns when it may be sent again, should that be needed.
    Time sent(const std::string& name, const std::string& what, Time now) {
        std::erase_if(sent_, [&](const auto& each) { return now > each.second.next + kForgotten; });
        Sent& last = sent_[name];
        if (last.what != what) last = {what, {}, kFirst / 2};
        last.delay = std::min(2 * last.delay, kLongest);
        last.next = now + last.delay;
        return last.next;
    }
    Time next(const std::string& name) const {
        const auto at = sent_.find(name);
        return at == sent_.end() ? Time{} : at->second.next;
    }

  private:
    struct Sent {
        std::string what;
        Time next{};
        std::chrono::milliseconds delay{};
    };
    std::map<std::string, Sent> sent_;
};

}  // namespace skerry::control
