// The last bytes that recent invocations wrote, by request id: for an answer that shows them
// (Lambda's `Tail`). Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "control/logs/record.hpp"

namespace skerry::logs {

inline constexpr std::size_t kTailBytes = 4096;
inline constexpr std::size_t kMaxTails = 1024;  // the oldest goes first

class Tails {
  public:
    void append(const RequestId& request, std::string_view line);
    // At most kTailBytes, from the beginning of a line or, of a longer one, its end.
    std::optional<std::string> find(const RequestId& request) const;

  private:
    mutable std::mutex mutex_;
    std::map<RequestId, std::string> tails_;
    std::deque<RequestId> oldest_first_;
};

}  // namespace skerry::logs
