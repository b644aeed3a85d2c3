#include "dataplane/auth/verifier.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

namespace skerry::auth {
namespace {

static_assert(std::is_trivially_default_constructible_v<Proof> && sizeof(Proof) <= 448);

constexpr std::string_view kService = "lambda";
constexpr std::string_view kTerminator = "aws4_request";

template <std::size_t kBytes>
std::string_view text_of(const std::array<char, kBytes>& text) {
    return {text.data(), text.size()};
}

bool begins_lower(std::string_view name, std::string_view lower) {
    return name.size() >= lower.size() && is_named({name.substr(0, lower.size()), {}}, lower);
}

// The field of that name. False: there are several.
bool find_one(const Request& request, std::string_view name, const Field*& found) {
    found = nullptr;
    for (const Field& field : request.fields) {
        if (!is_named(field, name)) continue;
        if (found != nullptr) return false;
        found = &field;
    }
    return true;
}

// Whatever AWS gives a meaning, and whom the request is for, must be signed.
bool all_signed(const Request& request, const SignedFields& fields) {
    for (std::size_t i = 0; i < request.fields.size(); ++i) {
        const std::string_view name = request.fields[i].name;
        if (fields.has(i)) continue;
        if (begins_lower(name, "x-amz-") || is_named(request.fields[i], "host")) return false;
    }
    return true;
}

}  // namespace

Digest signing_key(const HmacKey& secret, std::string_view date, std::string_view region,
                   std::string_view service) {
    const Digest of_date = secret.of(date);
    const Digest of_region = HmacKey(of_date).of(region);
    const Digest of_service = HmacKey(of_region).of(service);
    return HmacKey(of_service).of(kTerminator);
}

Verifier::Verifier(std::string region)
    : region_(std::move(region)),
      buffer_(std::make_unique<CanonicalBuffer>()),
      cache_(std::make_unique<std::array<Cached, kCached>>()) {}

Verdict Verifier::check_fields(const Request& request, Authorization& authorization,
                               std::string_view& time, std::string_view& payload_hash) const {
    const Field *said = nullptr, *date = nullptr, *hash = nullptr;
    if (!find_one(request, "authorization", said)) return Verdict::incomplete;
    if (said == nullptr) return Verdict::no_signature;
    if (!find_one(request, "x-amz-date", date) || date == nullptr ||
        !find_one(request, "x-amz-content-sha256", hash) ||
        !parse_authorization(said->value, authorization))
        return Verdict::incomplete;
    time = date->value;
    if (hash != nullptr) payload_hash = hash->value;
    return hash != nullptr && hash->value.empty() ? Verdict::unsigned_payload : Verdict::good;
}

Verdict Verifier::check_time(const Authorization& authorization, std::string_view time) const {
    std::uint64_t at_s = 0;
    if (!parse_time(time, at_s)) return Verdict::incomplete;
    if (authorization.service != kService || authorization.terminator != kTerminator ||
        authorization.date != time.substr(0, 8) ||
        (!region_.empty() && authorization.region != region_))
        return Verdict::wrong_scope;
    if (at_s + kClockSkew_s < unix_s_) return Verdict::too_old;
    return at_s > unix_s_ + kClockSkew_s ? Verdict::too_new : Verdict::good;
}

Verifier::Cached& Verifier::cell(const Proof& proof) const {
    std::uint64_t hash = proof.generation * 0x9e3779b97f4a7c15ull ^ proof.key;
    for (std::size_t i = 0; i < proof.region_bytes; ++i)
        hash = (hash ^ static_cast<unsigned char>(proof.region[i])) * 0x100000001b3ull;
    hash = (hash ^ static_cast<unsigned char>(proof.time[7])) * 0xd6e8feb86659fd93ull;
    return (*cache_)[hash >> 32 & (kCached - 1)];
}

void Verifier::find_signing_key(const AccessKey& key, const Authorization& authorization,
                                Proof& proof) {
    proof.generation = keys_->generation();
    proof.key = keys_->index_of(key);
    proof.region_bytes = static_cast<std::uint8_t>(authorization.region.size());
    proof.region = {};
    std::memcpy(proof.region.data(), authorization.region.data(), authorization.region.size());
    const Cached& found = cell(proof);
    proof.cached = found.generation == proof.generation && found.key == proof.key &&
                   text_of(found.date) == authorization.date && found.region == proof.region &&
                   found.region_bytes == proof.region_bytes;
    proof.signing_key = proof.cached ? found.signing_key
                                     : signing_key(key.secret(), authorization.date,
                                                   authorization.region, kService);
}

// IAM User Guide, "Create a signed AWS API request", steps 2 … 4. What was proved is kept.
bool Verifier::is_signed(Proof& proof, const Digest& payload) {
    proof.canonical.update(text_of(hex(payload)));
    std::array<char, 160> text;
    std::size_t size = 0;
    const auto put = [&](std::string_view part) {
        std::memcpy(text.data() + size, part.data(), part.size());
        size += part.size();
    };
    static_assert(kAlgorithm.size() + 16 + 8 + kRegionBytesMax + kService.size() +
                      kTerminator.size() + 64 + 6 <=
                  sizeof text);
    const std::string_view time = text_of(proof.time);
    put(kAlgorithm);
    put("\n");
    put(time);
    put("\n");
    put(time.substr(0, 8));
    put("/");
    put({proof.region.data(), proof.region_bytes});
    put("/");
    put(kService);
    put("/");
    put(kTerminator);
    put("\n");
    put(text_of(hex(proof.canonical.finish())));
    if (!equal(HmacKey(proof.signing_key).of({text.data(), size}), proof.signature)) return false;
    if (!proof.cached) {
        Cached& into = cell(proof);
        into = {.generation = proof.generation,
                .key = proof.key,
                .region_bytes = proof.region_bytes,
                .region = proof.region,
                .signing_key = proof.signing_key};
        std::copy_n(proof.time.begin(), into.date.size(), into.date.begin());
    }
    return true;
}

Verdict Verifier::begin(const Request& request, Proof& proof, const AccessKey*& key) {
    Authorization authorization;
    std::string_view time, payload_hash;
    Verdict verdict = check_fields(request, authorization, time, payload_hash);
    if (verdict != Verdict::good) return verdict;
    verdict = check_time(authorization, time);
    if (verdict != Verdict::good) return verdict;
    const Field* token = nullptr;
    key = keys_ == nullptr ? nullptr : keys_->find(authorization.key_id);
    if (!find_one(request, "x-amz-security-token", token) || token != nullptr || key == nullptr ||
        !key->active())
        return Verdict::unknown_key;
    if (key->expired(unix_s_)) return Verdict::expired_key;
    const bool declared = !payload_hash.empty();
    if (declared && !from_hex(payload_hash, proof.declared)) return Verdict::unsigned_payload;

    SignedFields fields;
    const std::string_view canonical =
        canonical_request(request, authorization.signed_headers, *buffer_, fields);
    if (canonical.empty()) return Verdict::mismatch;
    if (!all_signed(request, fields)) return Verdict::unsigned_header;
    find_signing_key(*key, authorization, proof);
    std::copy_n(time.data(), proof.time.size(), proof.time.begin());
    proof.signature = authorization.signature;
    proof.payload = Sha256::begin();
    proof.canonical = Sha256::begin();
    proof.canonical.update(canonical);
    proof.signature_done = declared;
    return declared && !is_signed(proof, proof.declared) ? Verdict::mismatch : Verdict::good;
}

Verdict Verifier::finish(Proof& proof) {
    const Digest payload = proof.payload.finish();
    const bool good =
        proof.signature_done ? equal(payload, proof.declared) : is_signed(proof, payload);
    return good ? Verdict::good : Verdict::mismatch;
}

}  // namespace skerry::auth
