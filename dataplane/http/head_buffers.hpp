// Buffers for heads that come in pieces: a whole one is parsed where it lies. A fixed number; when
// all are taken, the head that has been unfinished the longest loses its own (Server). One thread.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/http/limits.hpp"

namespace skerry::http {

class HeadBuffers {
  public:
    static constexpr std::uint16_t kNone = 0xffff;

    HeadBuffers(std::uint16_t count, std::uint32_t bytes_each)
        : bytes_each_(bytes_each),
          bytes_(std::make_unique<char[]>(std::size_t{count} * bytes_each)),
          next_(std::make_unique<std::uint16_t[]>(count)) {
        for (std::uint16_t i = 0; i < count; ++i)
            next_[i] = i + 1 < count ? static_cast<std::uint16_t>(i + 1) : kNone;
        free_ = count == 0 ? kNone : std::uint16_t{0};
    }
    std::uint16_t take() {
        const std::uint16_t index = free_;
        if (index != kNone) free_ = next_[index];
        return index;
    }
    void give_back(std::uint16_t index) {
        next_[index] = free_;
        free_ = index;
    }
    char* at(std::uint16_t index) { return &bytes_[std::size_t{index} * bytes_each_]; }

  private:
    const std::uint32_t bytes_each_;
    std::unique_ptr<char[]> bytes_;
    std::unique_ptr<std::uint16_t[]> next_;
    std::uint16_t free_ = kNone;
};

}  // namespace skerry::http
