#include "sandbox/runtime_api/writer.hpp"

#include <cstring>

namespace skerry::runtime_api {

Writer& Writer::operator<<(std::string_view text) {
    if (text.size() > room_ - size_) {
        good_ = false;
        return *this;
    }
    if (!text.empty()) std::memcpy(at_ + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
}

Writer& Writer::operator<<(std::uint64_t number) {
    char digits[20];
    std::size_t first = sizeof digits;
    do {
        digits[--first] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return *this << std::string_view(digits + first, sizeof digits - first);
}

Writer& Writer::hex(std::uint64_t number, int digits) {
    char text[16];
    for (int i = digits - 1; i >= 0; --i, number >>= 4) text[i] = "0123456789abcdef"[number & 15];
    return *this << std::string_view(text, static_cast<std::size_t>(digits));
}

Writer& Writer::uuid(std::uint64_t high, std::uint64_t low) {
    return hex(high >> 32, 8) << "-", hex(high >> 16, 4) << "-", hex(high, 4) << "-",
           hex(low >> 48, 4) << "-", hex(low, 12);
}

}  // namespace skerry::runtime_api
