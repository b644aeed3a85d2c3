// JSON that a stranger wrote (RFC 8259): whether it is whole, and where its parts lie. Nothing is
// copied; no deeper than kDepthMax. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace skerry::function_url {

inline constexpr std::uint32_t kDepthMax = 64;

class JsonScan {
  public:
    explicit JsonScan(std::string_view text) : text_(text) {}

    // Takes one value of any kind; `value` is its text. False: there is none, or it is malformed,
    // or too deep.
    bool value(std::string_view& value, std::uint32_t depth = 0);
    // Takes white space and then `c`, if that comes next.
    bool take(char c);
    // A string's inside, its escapes in it (they are valid).
    bool string(std::string_view& inside);
    bool at_end();

  private:
    void space();
    bool number();
    bool word(std::string_view word);
    bool container(char close, bool names, std::uint32_t depth);

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace skerry::function_url
