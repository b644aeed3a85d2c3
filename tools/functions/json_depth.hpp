// JSON from strangers: how deep it nests, before a parser whose copying and printing recurse sees
// it.
#pragma once

#include <cstddef>
#include <string_view>

namespace skerry::functions {

inline constexpr std::size_t kMaxJsonDepth = 64;

inline bool json_is_shallow(std::string_view text) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > kMaxJsonDepth) return false;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return true;
}

}  // namespace skerry::functions
