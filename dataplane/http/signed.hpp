// What a Server has for requests that must be signed: the verifier, and for each connection what is
// kept until the body that a signature covers has come.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/auth/verifier.hpp"
#include "dataplane/http/head.hpp"
#include "dataplane/http/refusal.hpp"
#include "dataplane/http/routes.hpp"

namespace skerry::http {

// Trivial: costs no memory before a connection's first request with a body.
struct Claim {
    auth::Proof proof;
    // What is to be said when it is proved. Before that nobody learns what there is here.
    Refusal refusal;  // none: Session::answer
    std::uint8_t function_bytes, qualifier_bytes;
    std::array<char, kNameBytesMax> function;
    std::array<char, kQualifierBytesMax> qualifier;
};

// In the words that clients know.
Refusal refusal_of(auth::Verdict verdict);

class Signed {
  public:
    Signed(std::uint32_t connections, const std::string& region)
        : verifier_(region), claims_(std::make_unique_for_overwrite<Claim[]>(connections)) {}
    void begin_turn(std::uint64_t unix_s, const auth::AccessKeys* keys) {
        verifier_.begin_turn(unix_s, keys);
    }
    // Refusal::none: so far; see auth::Verifier.
    Refusal begin(const Head& head, Claim& claim, const auth::AccessKey*& key);
    Refusal finish(Claim& claim);
    Claim& claim(std::uint32_t connection) { return claims_[connection]; }

  private:
    auth::Verifier verifier_;
    std::unique_ptr<Claim[]> claims_;
};

}  // namespace skerry::http
