#include "dataplane/auth/access_keys.hpp"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>

#include <algorithm>

#include "sandbox/base/check.hpp"

namespace skerry::auth {
namespace {

bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

HmacKey first_key(const std::string& secret) {
    std::string text = "AWS4" + secret;
    const HmacKey key(text);
    OPENSSL_cleanse(text.data(), text.size());
    return key;
}

}  // namespace

bool is_key_id(std::string_view text) {
    return text.size() >= kKeyIdBytesMin && text.size() <= kKeyIdBytesMax &&
           std::all_of(text.begin(), text.end(), is_word);
}

bool is_pattern(std::string_view text) {
    if (!text.empty() && text.back() == '*') {
        text.remove_suffix(1);
        if (text.empty()) return true;
    }
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_word(c) || c == '-' || c == '.';
    });
}

bool matches(std::string_view pattern, std::string_view function) {
    if (pattern.empty() || pattern.back() != '*') return pattern == function;
    pattern.remove_suffix(1);
    return function.substr(0, pattern.size()) == pattern;
}

AccessKey::AccessKey(const AccessKeySpec& spec)
    : id_(spec.id),
      secret_(first_key(spec.secret)),
      functions_(spec.functions),
      tenant_(spec.tenant),
      not_after_s_(spec.not_after_s),
      active_(spec.active),
      manage_(spec.manage) {
    SKERRY_CHECK(is_key_id(spec.id) && spec.functions.size() <= kPatternsMax);
}

bool AccessKey::allows(std::string_view function) const {
    return std::any_of(functions_.begin(), functions_.end(),
                       [&](const std::string& pattern) { return matches(pattern, function); });
}

AccessKeys::AccessKeys(std::uint64_t generation, const std::vector<AccessKeySpec>& specs)
    : generation_(generation), keys_(specs.begin(), specs.end()) {
    SKERRY_CHECK(specs.size() <= kAccessKeysMax);
    std::sort(keys_.begin(), keys_.end(),
              [](const AccessKey& a, const AccessKey& b) { return a.id() < b.id(); });
    SKERRY_CHECK(
        std::adjacent_find(keys_.begin(), keys_.end(), [](const AccessKey& a, const AccessKey& b) {
            return a.id() == b.id();
        }) == keys_.end());
}

const AccessKey* AccessKeys::find(std::string_view id) const {
    const auto at = std::lower_bound(
        keys_.begin(), keys_.end(), id,
        [](const AccessKey& key, std::string_view text) { return key.id() < text; });
    return at != keys_.end() && at->id() == id ? &*at : nullptr;
}

}  // namespace skerry::auth
