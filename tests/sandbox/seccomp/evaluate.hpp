// A policy's word on one call, found without the kernel's program: what that program is compared
// with, and how a recording tells which line a call was for.
#pragma once

#include <cstdint>

#include "sandbox/seccomp/policy.hpp"

namespace skerry::seccomp::test {

inline bool holds(const Line& line, int number, const std::uint64_t* arguments) {
    if (line.number != number) return false;
    for (const Condition& one : line.conditions)
        if ((static_cast<std::uint32_t>(arguments[one.argument]) & one.mask) != one.value)
            return false;
    return true;
}

// The first line that holds; nullptr: none does.
inline const Line* line_for(const Policy& policy, int number, const std::uint64_t* arguments) {
    for (const Line& line : policy.lines)
        if (holds(line, number, arguments)) return &line;
    return nullptr;
}

}  // namespace skerry::seccomp::test
