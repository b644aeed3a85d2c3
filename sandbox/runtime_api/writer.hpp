// Putting short texts together without a heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skerry::runtime_api {

// Appends to a buffer of fixed size; what does not fit is left out, and good() says so.
class Writer {
  public:
    Writer(char* at, std::size_t room) : at_(at), room_(room) {}
    Writer& operator<<(std::string_view text);
    Writer& operator<<(std::uint64_t number);
    Writer& hex(std::uint64_t number, int digits);
    // 8-4-4-4-12, as UUIDs are written.
    Writer& uuid(std::uint64_t high, std::uint64_t low);
    std::size_t size() const { return size_; }
    bool good() const { return good_; }

  private:
    char* at_;
    std::size_t room_;
    std::size_t size_ = 0;
    bool good_ = true;
};

}  // namespace skerry::runtime_api
