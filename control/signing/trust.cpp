#include "control/signing/trust.hpp"

#include <algorithm>

namespace skerry::signing {

Result<Trust> Trust::load(const std::vector<std::string>& key_files, bool required) {
    Trust trust;
    trust.required_ = required;
    for (const std::string& file : key_files) {
        auto key = PublicKey::load(file);
        if (!key) return key.error();
        if (trust.knows(key->fingerprint()))
            return Error{EEXIST, "key " + file + ": another file has the same key"};
        trust.keys_.push_back(std::move(*key));
    }
    return trust;
}

const PublicKey* Trust::find(const std::string& fingerprint) const {
    const auto at = std::find_if(keys_.begin(), keys_.end(), [&](const PublicKey& key) {
        return key.fingerprint() == fingerprint;
    });
    return at == keys_.end() ? nullptr : &*at;
}

bool Trust::knows(const std::string& fingerprint) const {
    return find(fingerprint) != nullptr;
}

Status Trust::judge(const Statement& statement, const std::string& signature) const {
    if (signature.empty()) {
        if (!required_) return ok();
        return Error{EPERM, "it is not signed, and this server takes signed versions only"};
    }
    const auto parsed = parse(signature);
    if (!parsed) return Error{EKEYREJECTED, "what it has for a signature is none"};
    const PublicKey* key = find(parsed->key);
    if (key == nullptr) {
        if (!required_) return ok();
        return Error{EPERM, "it is signed by " + parsed->key + ", which is no key trusted here"};
    }
    if (key->verifies(text_of(statement), *parsed)) return ok();
    return Error{EKEYREJECTED, "the signature of " + parsed->key +
                                   " is not of this function with this archive, runtime, handler "
                                   "and environment"};
}

}  // namespace skerry::signing
