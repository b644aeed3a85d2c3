// The last bytes that recent invocations wrote: for a reply that shows them (Lambda's `Tail`).
// Known by worker and request id together: ids are clients' choice, and one that another client has
// used must not bring that one's log. Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "control/logs/record.hpp"
#include "dataplane/log_events.hpp"

namespace skerry::logs {

inline constexpr std::size_t kMaxTails = 1024;  // the oldest goes first

class Tails {
  public:
    void append(std::uint64_t worker, const RequestId& request, std::string_view line);
    // At most `room` (<= kTailBytes) bytes, from the beginning of a line or, of a longer one, its
    // end.
    std::optional<std::string> find(std::uint64_t worker, const RequestId& request,
                                    std::size_t room = kTailBytes) const;
    // The same, once: it is not kept any more.
    std::optional<std::string> take(std::uint64_t worker, const RequestId& request,
                                    std::size_t room);

  private:
    using Key = std::pair<std::uint64_t, RequestId>;
    static std::string last(const std::string& tail, std::size_t room);

    mutable std::mutex mutex_;
    std::map<Key, std::string> tails_;
    std::deque<Key> oldest_first_;
};

}  // namespace skerry::logs
