// Ed25519 keys, in the PEM files that `openssl genpkey -algorithm ed25519` and
// `openssl pkey -pubout` make (RFC 8410: PKCS #8 and SubjectPublicKeyInfo).
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "control/signing/signature.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::signing {

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyHandle = std::unique_ptr<EVP_PKEY, FreeKey>;

// Verifying from several threads at once is fine: nothing in it changes.
class PublicKey {
  public:
    // Of PEM text. EINVAL: it is no Ed25519 public key.
    static Result<PublicKey> parse(std::string_view pem);
    // Blocks on the disk. The error names the file.
    static Result<PublicKey> load(const std::string& path);

    // SHA-256 of the key's SubjectPublicKeyInfo in DER, 64 hex digits:
    //   openssl pkey -pubin -in FILE -outform DER | sha256sum
    const std::string& fingerprint() const { return fingerprint_; }
    bool verifies(std::string_view signed_bytes, const Signature& signature) const;

  private:
    friend class PrivateKey;
    static Result<PublicKey> of(KeyHandle key);
    KeyHandle key_;
    std::string fingerprint_;
};

// For tools: a server has none.
class PrivateKey {
  public:
    // Asks for a passphrase on the terminal if the file is encrypted. An error if others than its
    // owner may read it, or it is no Ed25519 private key.
    static Result<PrivateKey> load(const std::string& path);
    static Result<PrivateKey> make();

    Result<Signature> sign(std::string_view bytes) const;
    Result<PublicKey> public_key() const;
    Result<std::string> private_pem() const;
    Result<std::string> public_pem() const;

  private:
    KeyHandle key_;
};

}  // namespace skerry::signing
