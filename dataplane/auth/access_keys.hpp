// Who may invoke what: the access keys of the configuration, as the packet path reads them.
// Immutable; made and published by the control thread like a snapshot, and freed by it when no core
// can hold it: what allocates here is set-up.
//
// No secret is kept as it was given: only what HMAC makes of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/auth/sha256.hpp"

namespace skerry::auth {

inline constexpr std::size_t kAccessKeysMax = 256;
inline constexpr std::size_t kKeyIdBytesMin = 3, kKeyIdBytesMax = 128;  // AWS's own are 20
inline constexpr std::size_t kSecretBytesMin = 16, kSecretBytesMax = 128;
inline constexpr std::size_t kPatternsMax = 64;  // of one key

// What a key is made of. Key ids are unique and is_key_id().
struct AccessKeySpec {
    std::string id;
    std::string secret;
    bool active = true;                       // false: retired, as good as unknown
    std::vector<std::string> functions = {};  // patterns: see is_pattern()
    std::uint64_t not_after_s = 0;            // Unix time; 0: for ever
    bool manage = false;                      // may change those functions, too
    // Those that it makes are this tenant's, and it changes no others'; empty: any tenant's.
    std::string tenant = {};
};

// The characters that AWS has in its key ids (docs: [\w]{16,128}); none needs an escape in JSON.
bool is_key_id(std::string_view text);
// A function's name, or the beginning of one followed by "*"; "*" alone is every function.
bool is_pattern(std::string_view text);
bool matches(std::string_view pattern, std::string_view function);

class AccessKey {
  public:
    explicit AccessKey(const AccessKeySpec& spec);
    std::string_view id() const { return id_; }
    bool active() const { return active_; }
    bool manages() const { return manage_; }
    const std::string& tenant() const { return tenant_; }
    bool expired(std::uint64_t unix_s) const { return not_after_s_ != 0 && unix_s > not_after_s_; }
    // kPatternsMax comparisons at most.
    bool allows(std::string_view function) const;
    // "AWS4" and the secret: where the derivation of signing keys begins.
    const HmacKey& secret() const { return secret_; }

  private:
    std::string id_;
    HmacKey secret_;
    std::vector<std::string> functions_;
    std::string tenant_;
    std::uint64_t not_after_s_;
    bool active_, manage_;
};

class AccessKeys {
  public:
    // `generation`: another one for each that is published. At most kAccessKeysMax specs.
    AccessKeys(std::uint64_t generation, const std::vector<AccessKeySpec>& specs);
    // nullptr: there is none. Logarithmic, and not in constant time: ids are no secrets.
    const AccessKey* find(std::string_view id) const;
    std::uint32_t index_of(const AccessKey& key) const {
        return static_cast<std::uint32_t>(&key - keys_.data());
    }
    std::uint64_t generation() const { return generation_; }
    std::size_t size() const { return keys_.size(); }

  private:
    std::uint64_t generation_;
    std::vector<AccessKey> keys_;  // by id
};

}  // namespace skerry::auth
