#include "dataplane/function_url/base64.hpp"

#include <cstddef>
#include <cstdint>

namespace skerry::function_url {
namespace {

int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

bool decode_base64(std::span<char>& bytes) {
    std::size_t size = bytes.size();
    if (size % 4 == 0)
        for (int i = 0; i < 2 && size != 0 && bytes[size - 1] == '='; ++i) --size;
    if (size % 4 == 1) return false;
    char* to = bytes.data();
    std::uint32_t group = 0, digits = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const int digit = base64_digit(bytes[i]);
        if (digit < 0) return false;
        group = group << 6 | static_cast<std::uint32_t>(digit);
        if (++digits % 4 != 0) continue;
        for (const int shift : {16, 8, 0}) *to++ = static_cast<char>(group >> shift);
        group = 0;
    }
    if (digits % 4 == 2) *to++ = static_cast<char>(group >> 4);
    if (digits % 4 == 3) {
        *to++ = static_cast<char>(group >> 10);
        *to++ = static_cast<char>(group >> 2);
    }
    bytes = bytes.first(static_cast<std::size_t>(to - bytes.data()));
    return true;
}

}  // namespace skerry::function_url
