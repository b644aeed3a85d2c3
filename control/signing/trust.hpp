// Whose signatures count on this server. Made at start, and never changed: any thread may ask.
#pragma once

#include <string>
#include <vector>

#include "control/signing/keys.hpp"
#include "control/signing/signature.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::signing {

inline constexpr std::size_t kMaxTrustedKeys = 32;

class Trust {
  public:
    // Without keys and not `required` nothing is refused.
    Trust() = default;
    // Blocks on the disk. The error names the file. EEXIST: two files have one key.
    static Result<Trust> load(const std::vector<std::string>& key_files, bool required);

    bool required() const { return required_; }
    const std::vector<PublicKey>& keys() const { return keys_; }
    bool knows(const std::string& fingerprint) const;

    // Whether what the statement says may be executed here. `signature`: as parse() takes it;
    // empty: there is none. What is signed by a trusted key must be signed well, even where nothing
    // has to be signed. EPERM: it is not signed, or by none of the keys; EKEYREJECTED: the
    // signature is not of this statement, or none at all.
    Status judge(const Statement& statement, const std::string& signature) const;

  private:
    const PublicKey* find(const std::string& fingerprint) const;
    std::vector<PublicKey> keys_;
    bool required_ = false;
};

}  // namespace skerry::signing
