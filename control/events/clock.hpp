// The wall clock: what outlives a process needs a time that does, too.
#pragma once

#include <chrono>
#include <cstdint>

namespace skerry::events {

inline std::uint64_t unix_ms() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace skerry::events
