// A signature of a function's version, as it is written down, and the bytes that it is of.
//
//   ed25519.KEY.SIGNATURE    KEY: the fingerprint of the public key, 64 hex digits;
//                            SIGNATURE: 64 bytes as 128 hex digits (RFC 8032, pure Ed25519)
//
// What is signed is a Statement, not the archive's digest alone: a signature must not be good for
// another function, nor for the same archive with another handler or environment, which decide
// what code is executed. Its first line is of use to nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skerry::signing {

inline constexpr std::size_t kSignatureBytes = 64;
inline constexpr std::size_t kFingerprintDigits = 64;
inline constexpr std::string_view kAlgorithm = "ed25519";
inline constexpr std::size_t kSignatureTextBytes =
    kAlgorithm.size() + 1 + kFingerprintDigits + 1 + 2 * kSignatureBytes;

struct Statement {
    std::string function;     // its name: no line breaks
    std::string archive;      // SHA-256, 64 hex digits
    std::string runtime;      // "native", …
    std::string handler;      // may be empty; no line breaks
    std::string environment;  // "NAME=value" with a NUL behind each, sorted; may be empty
};

// The bytes that are signed: six lines. The environment is in them as its SHA-256.
std::string text_of(const Statement& statement);

struct Signature {
    std::string key;  // fingerprint
    std::array<std::uint8_t, kSignatureBytes> bytes{};
    bool operator==(const Signature&) const = default;
};

// Strict: only what render() writes. Nothing of it is verified.
std::optional<Signature> parse(std::string_view text);
std::string render(const Signature& signature);

// SHA-256, 64 hex digits.
std::string sha256_text(std::string_view bytes);

}  // namespace skerry::signing
