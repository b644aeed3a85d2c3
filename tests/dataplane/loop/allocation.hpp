// What the packet path allocated: jemalloc's counter of this thread.
#pragma once

#include <gtest/gtest.h>
#include <jemalloc/jemalloc.h>

#include <cstdint>

namespace skerry::test {

inline std::uint64_t allocated_bytes() {
    std::uint64_t bytes = 0;
    std::size_t size = sizeof bytes;
    EXPECT_EQ(mallctl("thread.allocated", &bytes, &size, nullptr, 0), 0);
    return bytes;
}

}  // namespace skerry::test
