#include "dataplane/auth/sha256.hpp"

// The functions that EVP's come down to. EVP allocates a context for each state, and another for
// each copy of one.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstring>
#include <type_traits>

namespace skerry::auth {
namespace {

static_assert(sizeof(SHA256_CTX) == sizeof(Sha256) && alignof(SHA256_CTX) <= alignof(Sha256));
static_assert(std::is_trivially_copyable_v<SHA256_CTX>);
static_assert(std::is_trivially_default_constructible_v<Sha256>);

SHA256_CTX* context(std::array<std::uint8_t, 112>& state) {
    return reinterpret_cast<SHA256_CTX*>(state.data());
}

constexpr std::size_t kBlockBytes = 64;

std::string_view text(const std::array<char, kBlockBytes>& block) {
    return {block.data(), block.size()};
}

}  // namespace

Sha256 Sha256::begin() {
    Sha256 made;
    SHA256_Init(context(made.state_));
    return made;
}

void Sha256::update(std::string_view bytes) {
    SHA256_Update(context(state_), bytes.data(), bytes.size());
}

Digest Sha256::finish() {
    Digest digest;
    SHA256_Final(digest.data(), context(state_));
    return digest;
}

Digest Sha256::of(std::string_view bytes) {
    Sha256 hash = begin();
    hash.update(bytes);
    return hash.finish();
}

HmacKey::HmacKey(std::string_view key) : inner_(Sha256::begin()), outer_(Sha256::begin()) {
    std::array<char, kBlockBytes> block{};
    if (key.size() > kBlockBytes) {
        const Digest digest = Sha256::of(key);
        std::memcpy(block.data(), digest.data(), digest.size());
    } else if (!key.empty()) {
        std::memcpy(block.data(), key.data(), key.size());
    }
    for (char& c : block) c = static_cast<char>(c ^ 0x36);
    inner_.update(text(block));
    for (char& c : block) c = static_cast<char>(c ^ (0x36 ^ 0x5c));
    outer_.update(text(block));
    OPENSSL_cleanse(block.data(), block.size());
}

Digest HmacKey::of(std::string_view message) const {
    Sha256 hash = inner_;
    hash.update(message);
    const Digest inner = hash.finish();
    hash = outer_;
    hash.update({reinterpret_cast<const char*>(inner.data()), inner.size()});
    return hash.finish();
}

bool equal(const Digest& a, const Digest& b) {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::array<char, 64> hex(const Digest& digest) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::array<char, 64> digits;
    for (std::size_t i = 0; i < digest.size(); ++i) {
        digits[2 * i] = kDigits[digest[i] >> 4];
        digits[2 * i + 1] = kDigits[digest[i] & 15];
    }
    return digits;
}

bool from_hex(std::string_view digits, Digest& digest) {
    const auto value = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    if (digits.size() != 2 * digest.size()) return false;
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const int high = value(digits[2 * i]), low = value(digits[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        digest[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

}  // namespace skerry::auth
