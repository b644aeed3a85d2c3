// Verifies a JSON Web Token (RFC 7519) at the edge: RS256, with one public key.
//
//   payload   TOKEN, or "aud=NAME", a newline and TOKEN: then the claim `aud` must be or contain
//   NAME answer    the token's claims, exactly as they were signed; or a function error that says
//   what
//             is wrong with it
//
// Only RS256 is accepted, whatever the token's header asks for (RFC 8725 §3.1), `exp` is required,
// `nbf` is honoured, and a header with `crit` is refused, for no extension is understood here.
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <time.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/functions/json_depth.hpp"
#include "tools/functions/jwt-verify/base64url.hpp"
#include "tools/functions/jwt-verify/key.hpp"
#include "tools/functions/serve.hpp"

namespace {

using nlohmann::json;
using skerry::functions::base64url_decode;
using skerry::functions::error;
using skerry::functions::json_is_shallow;
using skerry::functions::Outcome;

constexpr std::size_t kMostTokenBytes = 16384;

struct Token {
    std::string_view signed_part;  // header.claims
    std::string header;
    std::string claims;
    std::string signature;
};

bool split(std::string_view text, Token& token) {
    const auto first = text.find('.');
    const auto second = first == text.npos ? text.npos : text.find('.', first + 1);
    if (second == text.npos || text.find('.', second + 1) != text.npos) return false;
    const auto header = base64url_decode(text.substr(0, first));
    const auto claims = base64url_decode(text.substr(first + 1, second - first - 1));
    const auto signature = base64url_decode(text.substr(second + 1));
    if (!header || !claims || !signature) return false;
    token = {text.substr(0, second), *header, *claims, *signature};
    return true;
}

json parse_object(const std::string& text) {
    if (!json_is_shallow(text)) return nullptr;
    json value = json::parse(text, nullptr, false);
    return value.is_object() ? value : json(nullptr);
}

bool signature_is_good(EVP_PKEY* key, const Token& token) {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free);
    return context != nullptr &&
           EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
           EVP_DigestVerify(context.get(),
                            reinterpret_cast<const unsigned char*>(token.signature.data()),
                            token.signature.size(),
                            reinterpret_cast<const unsigned char*>(token.signed_part.data()),
                            token.signed_part.size()) == 1;
}

bool is_for(const json& claims, const std::string& audience) {
    if (!claims.contains("aud")) return false;
    const json& aud = claims["aud"];
    if (aud.is_string()) return aud == audience;
    if (!aud.is_array()) return false;
    return std::any_of(aud.begin(), aud.end(), [&](const json& one) { return one == audience; });
}

Outcome judge(const json& claims, const std::string& audience, double now) {
    if (!claims.contains("exp") || !claims["exp"].is_number()) return error("the token has no exp");
    if (claims["exp"].get<double>() <= now) return error("the token has expired");
    if (claims.contains("nbf") && (!claims["nbf"].is_number() || claims["nbf"].get<double>() > now))
        return error("the token is not valid yet");
    if (!audience.empty() && !is_for(claims, audience))
        return error("the token is for another audience");
    return {};
}

Outcome verify(EVP_PKEY* key, std::string_view payload) {
    std::string audience;
    if (payload.substr(0, 4) == "aud=") {
        const auto end = payload.find('\n');
        if (end == payload.npos) return error("no token after the line with aud=");
        audience = payload.substr(4, end - 4);
        payload.remove_prefix(end + 1);
    }
    while (!payload.empty() && (payload.back() == '\n' || payload.back() == '\r'))
        payload.remove_suffix(1);
    if (payload.size() > kMostTokenBytes) return error("the token is too long");
    Token token;
    if (!split(payload, token)) return error("not a compact JSON Web Token");
    const json header = parse_object(token.header);
    if (!header.is_object()) return error("the token's header is not a JSON object");
    if (!header.contains("alg") || header["alg"] != "RS256")
        return error("the token's algorithm is not RS256");
    if (header.contains("crit")) return error("the token asks for an extension not known here");
    // Nothing of the claims is looked at before this.
    if (!signature_is_good(key, token)) return error("the token's signature is wrong");
    const json claims = parse_object(token.claims);
    if (!claims.is_object()) return error("the token's claims are not a JSON object");
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    Outcome outcome = judge(claims, audience, static_cast<double>(now.tv_sec));
    if (outcome.status == SKERRY_OK) outcome.text = std::move(token.claims);
    return outcome;
}

}  // namespace

int main() {
    // The system's openssl.cnf is not in the jail, and none is wanted.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    std::string why;
    EVP_PKEY* key = skerry::functions::load_public_key(why);
    if (key == nullptr) {
        std::fprintf(stderr, "public.pem: %s\n", why.c_str());
        return 1;
    }
    return skerry::functions::serve(
        [&](std::string_view payload, const skerry_invocation&) { return verify(key, payload); });
}
