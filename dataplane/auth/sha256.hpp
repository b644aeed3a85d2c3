// SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), as plain values: no heap, so that the packet
// path can keep states for as long as a request comes in. OpenSSL's implementation, which takes the
// CPU's SHA instructions where there are any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skerry::auth {

using Digest = std::array<std::uint8_t, 32>;

// A hash that is being made. Trivial: an array of them costs no memory until it is used. Holds
// nothing before begin().
class Sha256 {
  public:
    static Sha256 begin();
    static Digest of(std::string_view bytes);
    void update(std::string_view bytes);
    Digest finish();  // once; then it holds nothing

  private:
    alignas(8) std::array<std::uint8_t, 112> state_;
};

// A key of HMAC, ready: what it costs to take it in has been paid.
class HmacKey {
  public:
    explicit HmacKey(std::string_view key);
    explicit HmacKey(const Digest& key)
        : HmacKey(std::string_view(reinterpret_cast<const char*>(key.data()), key.size())) {}
    Digest of(std::string_view message) const;

  private:
    Sha256 inner_, outer_;
};

// In time that does not depend on the bytes.
bool equal(const Digest& a, const Digest& b);

// 64 digits of 0-9a-f, and no others.
std::array<char, 64> hex(const Digest& digest);
bool from_hex(std::string_view digits, Digest& digest);

}  // namespace skerry::auth
