// How many bytes at the start of a text are of one class. With 16 bytes a step where the build's
// baseline has SSSE3 (x86-64-v2 does), 32 where it has AVX2 (-Dmarch=…), one by one elsewhere; a
// test proves that all ways give the same.
//
// Nothing beyond the text is read. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace skerry::http {

// A set of ASCII characters as two tables of nibbles: character 0xHL is in the set if bit H of
// `low[L]` is set. No set here has bytes above 0x7f.
struct ByteClass {
    alignas(16) std::array<std::uint8_t, 16> low{};

    template <typename Predicate>
    static constexpr ByteClass of(Predicate belongs) {
        ByteClass made;
        for (unsigned c = 0; c < 128; ++c)
            if (belongs(static_cast<unsigned char>(c)))
                made.low[c & 15] = static_cast<std::uint8_t>(made.low[c & 15] | 1u << (c >> 4));
        return made;
    }
    constexpr bool has(unsigned char c) const { return c < 128 && (low[c & 15] >> (c >> 4) & 1); }
};

constexpr bool is_alphanumeric(unsigned char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

// RFC 9110 §5.6.2.
inline constexpr ByteClass kToken = ByteClass::of([](unsigned char c) {
    for (const char mark :
         {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
        if (c == static_cast<unsigned char>(mark)) return true;
    return is_alphanumeric(c);
});

// What a request-target may have in it. More than RFC 3986 has, as browsers send some marks
// unescaped in queries; no fragment, as it is never sent (RFC 9112 §3.2).
inline constexpr ByteClass kTarget =
    ByteClass::of([](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; });

// uri-host [":" port], RFC 3986 §3.2.2, without a judgement of its order.
inline constexpr ByteClass kHost = ByteClass::of([](unsigned char c) {
    for (const char mark : {'-', '.', '_', '~', '%', '!', '$', '&', '\'', '(', ')', '*', '+', ',',
                            ';', '=', ':', '[', ']'})
        if (c == static_cast<unsigned char>(mark)) return true;
    return is_alphanumeric(c);
});

// Bytes at the start of the text that are in the class.
std::size_t leading(const ByteClass& of_class, const char* text, std::size_t bytes);
// Bytes before the first control character; HTAB is not one (RFC 9110 §5.5: a field's content).
std::size_t before_control(const char* text, std::size_t bytes);

// The same, one by one: what the ones above are compared with.
std::size_t leading_plain(const ByteClass& of_class, const char* text, std::size_t bytes);
std::size_t before_control_plain(const char* text, std::size_t bytes);

}  // namespace skerry::http
