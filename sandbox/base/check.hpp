// Invariants that stay checked in release builds. A failed check is a bug in Skerry, never bad
// input: it says where, and stops the process before it can do harm.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace skerry {

[[noreturn, gnu::cold, gnu::noinline]] inline void check_failed(const char* what, const char* file,
                                                                int line) {
    std::fprintf(stderr, "skerry: broken invariant: %s (%s:%d)\n", what, file, line);
    std::abort();
}

}  // namespace skerry

#define SKERRY_CHECK(condition)                                     \
    do {                                                            \
        if (!(condition)) [[unlikely]]                              \
            ::skerry::check_failed(#condition, __FILE__, __LINE__); \
    } while (0)
