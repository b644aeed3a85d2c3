#include "control/etcd/base64.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace skerry::etcd {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
    std::array<std::uint8_t, 256> values{};
    values.fill(kNone);
    for (std::size_t i = 0; i < kDigits.size(); ++i)
        values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
    return values;
}

constexpr auto kValues = make_values();

}  // namespace

std::string base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 |
                    (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
        const std::size_t there = std::min<std::size_t>(3, bytes.size() - at);
        for (std::size_t i = 0; i < 4; ++i)
            text += i <= there ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

std::optional<std::string> base64_decoded(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t at = 0; at < text.size(); at += 4) {
        const std::size_t pad = at + 4 == text.size() ? padding : 0;
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const std::uint8_t value =
                i < 4 - pad ? kValues[static_cast<unsigned char>(text[at + i])] : std::uint8_t{0};
            if (value == kNone) return std::nullopt;
            group = group << 6 | value;
        }
        if ((pad == 1 && (group & 0xff) != 0) || (pad == 2 && (group & 0xffff) != 0))
            return std::nullopt;
        for (std::size_t i = 0; i < 3 - pad; ++i)
            bytes += static_cast<char>(group >> (16 - 8 * i) & 255);
    }
    return bytes;
}

}  // namespace skerry::etcd
