#include "control/signing/signature.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "sandbox/base/check.hpp"

namespace skerry::signing {
namespace {

constexpr std::string_view kContext = "skerry artifact signature 1";

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return digit_of(c) >= 0; });
}

std::string hex(const std::uint8_t* bytes, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        text += "0123456789abcdef"[bytes[i] >> 4];
        text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
}

}  // namespace

std::string sha256_text(std::string_view bytes) {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    SKERRY_CHECK(
        EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
    return hex(digest.data(), size);
}

std::string text_of(const Statement& statement) {
    // A line break in one of them could be read as the next line.
    for (const std::string& line :
         {statement.function, statement.archive, statement.runtime, statement.handler})
        SKERRY_CHECK(line.find('\n') == std::string::npos);
    return std::string(kContext) + "\nfunction " + statement.function + "\narchive " +
           statement.archive + "\nruntime " + statement.runtime + "\nhandler " + statement.handler +
           "\nenvironment " + sha256_text(statement.environment) + "\n";
}

std::optional<Signature> parse(std::string_view text) {
    constexpr std::size_t kKey = kAlgorithm.size() + 1, kBytes = kKey + kFingerprintDigits + 1;
    if (text.size() != kSignatureTextBytes || text.substr(0, kAlgorithm.size()) != kAlgorithm ||
        text[kKey - 1] != '.' || text[kBytes - 1] != '.')
        return std::nullopt;
    const std::string_view key = text.substr(kKey, kFingerprintDigits), rest = text.substr(kBytes);
    if (!is_hex(key) || !is_hex(rest)) return std::nullopt;
    Signature signature{.key = std::string(key)};
    for (std::size_t i = 0; i < kSignatureBytes; ++i)
        signature.bytes[i] =
            static_cast<std::uint8_t>(digit_of(rest[2 * i]) << 4 | digit_of(rest[2 * i + 1]));
    return signature;
}

std::string render(const Signature& signature) {
    return std::string(kAlgorithm) + "." + signature.key + "." +
           hex(signature.bytes.data(), signature.bytes.size());
}

}  // namespace skerry::signing
