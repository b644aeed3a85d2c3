// Whether a request is signed by one of the access keys (AWS Signature Version 4, service lambda).
//
// A signature covers the payload's hash. Clients that send it in the head (x-amz-content-sha256)
// are judged when the head has come, and then the payload must have that hash; of others the rest
// of the judgement waits for the payload's end. A Proof is what is kept meanwhile.
//
// Owned by one core. No heap after the constructor, no clock, no system call.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/auth/access_keys.hpp"
#include "dataplane/auth/authorization.hpp"
#include "dataplane/auth/canonical.hpp"
#include "dataplane/auth/request.hpp"
#include "dataplane/auth/sha256.hpp"

namespace skerry::auth {

inline constexpr std::uint64_t kClockSkew_s = 300;  // AWS's, either way

enum class Verdict : std::uint8_t {
    good,
    no_signature,     // nothing says who it is from
    incomplete,       // Authorization or X-Amz-Date: not there, there twice, or malformed
    wrong_scope,      // for another service, region, or day than that of X-Amz-Date
    unsigned_header,  // host, x-amz-date or another x-amz-… is not among the signed
    too_old,
    too_new,
    unknown_key,  // or retired, or with a session token: there are none here
    expired_key,
    unsigned_payload,  // x-amz-content-sha256 is no hash: Lambda takes none of those
    mismatch,          // of the signature, or of the payload and its hash
};

// Trivial: an array of them costs no memory until it is used.
struct Proof {
    Sha256 payload;    // of what has come
    Sha256 canonical;  // the canonical request but its last line
    Digest declared;   // the payload's hash, if the head said it
    Digest signing_key;
    Digest signature;
    std::uint64_t generation;
    std::uint32_t key;  // index of the access key
    std::uint8_t region_bytes;
    bool signature_done;  // it was right, for the declared hash
    bool cached;          // the signing key is in the cache
    std::array<char, 16> time;
    std::array<char, kRegionBytesMax> region;

    void update(std::string_view piece) { payload.update(piece); }
};

class Verifier {
  public:
    // `region`: the only one that scopes may name; empty: any.
    explicit Verifier(std::string region = {});

    // The keys of this turn; nullptr: there are none, and nobody has one of them.
    void begin_turn(std::uint64_t unix_s, const AccessKeys* keys) {
        unix_s_ = unix_s;
        keys_ = keys;
    }
    // The request's head. good: so far; `key` is whose it is if finish() says good, too, and lives
    // for this turn.
    Verdict begin(const Request& request, Proof& proof, const AccessKey*& key);
    // The payload has come to its end, all of it through Proof::update().
    Verdict finish(Proof& proof);

  private:
    // Signing keys last a day. One that is not there costs four HMACs; those that proved right are
    // kept, so nobody without a secret can drive others out.
    static constexpr std::size_t kCached = 256;
    struct Cached {
        std::uint64_t generation = 0;
        std::uint32_t key = ~0u;
        std::uint8_t region_bytes = 0;
        std::array<char, 8> date{};
        std::array<char, kRegionBytesMax> region{};
        Digest signing_key{};
    };
    Verdict check_fields(const Request& request, Authorization& authorization,
                         std::string_view& time, std::string_view& payload_hash) const;
    Verdict check_time(const Authorization& authorization, std::string_view time) const;
    void find_signing_key(const AccessKey& key, const Authorization& authorization, Proof& proof);
    Cached& cell(const Proof& proof) const;
    bool is_signed(Proof& proof, const Digest& payload);

    std::string region_;
    std::unique_ptr<CanonicalBuffer> buffer_;
    std::unique_ptr<std::array<Cached, kCached>> cache_;
    std::uint64_t unix_s_ = 0;
    const AccessKeys* keys_ = nullptr;
};

// What AWS's signers derive from a secret, for one day, region and service.
Digest signing_key(const HmacKey& secret, std::string_view date, std::string_view region,
                   std::string_view service);

}  // namespace skerry::auth
