#include "tools/client/keys.hpp"

#include <openssl/sha.h>

#include <charconv>

namespace skerry::client {

std::uint64_t function_key(std::string_view name) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest);
    std::uint64_t key = 0;
    for (int i = 0; i < 8; ++i) key = key << 8 | digest[i];
    return key == 0 ? 1 : key;
}

std::optional<std::uint64_t> version_key(std::string_view digest_hex) {
    if (digest_hex.size() < 16 || digest_hex.size() > 64) return std::nullopt;
    if (digest_hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
        return std::nullopt;
    std::uint64_t key = 0;
    std::from_chars(digest_hex.data(), digest_hex.data() + 16, key, 16);
    return key == 0 ? 1 : key;
}

std::optional<std::uint64_t> alias_key(std::string_view alias) {
    const bool good = !alias.empty() && alias.size() <= 63 &&
                      alias.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789-_") == std::string_view::npos;
    // A function's name is hashed in the same way.
    return good ? std::optional(function_key(alias)) : std::nullopt;
}

}  // namespace skerry::client
