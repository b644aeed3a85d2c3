// A client that signs: written from AWS's description with strings and OpenSSL's one-shot
// functions, and nothing of what it tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skerry::auth::testing {

inline std::string raw_sha256(std::string_view bytes) {
    std::array<unsigned char, 32> digest;
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    return {digest.begin(), digest.end()};
}

inline std::string raw_hmac(std::string_view key, std::string_view text) {
    std::array<unsigned char, 32> digest;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), nullptr);
    return {digest.begin(), digest.end()};
}

inline std::string to_hex(std::string_view bytes) {
    std::string digits;
    for (const unsigned char c : bytes) {
        digits += "0123456789abcdef"[c >> 4];
        digits += "0123456789abcdef"[c & 15];
    }
    return digits;
}

struct Client {
    std::string id = "AKIDEXAMPLE";
    std::string secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    std::string time = "20261128T233000Z";
    std::string region = "eu-central-1";
    std::string service = "lambda";
    bool declares = false;  // the payload's hash, in the head

    std::string method = "POST";
    std::string path = "/2015-03-31/functions/echo/invocations";
    std::string query;           // in canonical form already
    std::string canonical_path;  // empty: as `path`, but for the escapes of its escapes
    std::string body = "{}";
    // Signed, by lower-case name: values in canonical form.
    std::map<std::string, std::string> headers = {{"host", "pop.example"}};

    std::string scope() const {
        return time.substr(0, 8) + "/" + region + "/" + service + "/aws4_request";
    }
    std::string names() const {
        std::string list;
        for (const auto& [name, value] : headers) list += (list.empty() ? "" : ";") + name;
        return list;
    }
    std::string canonical(const std::string& payload_hash) const {
        std::string escaped = canonical_path;
        if (escaped.empty())
            for (const char c : path) {
                if (c == '%')
                    escaped += "%25";
                else
                    escaped += c;
            }
        std::string text = method + "\n" + escaped + "\n" + query + "\n";
        for (const auto& [name, value] : headers) text += name + ":" + value + "\n";
        return text + "\n" + names() + "\n" + payload_hash;
    }
    std::string signature(const std::string& payload_hash) const {
        std::string key = raw_hmac("AWS4" + secret, time.substr(0, 8));
        for (const std::string& part : {region, service, std::string("aws4_request")})
            key = raw_hmac(key, part);
        return to_hex(raw_hmac(key, "AWS4-HMAC-SHA256\n" + time + "\n" + scope() + "\n" +
                                        to_hex(raw_sha256(canonical(payload_hash)))));
    }
    // Adds what the signature needs, and then itself.
    std::vector<std::pair<std::string, std::string>> signed_fields() {
        const std::string hash = to_hex(raw_sha256(body));
        headers["x-amz-date"] = time;
        if (declares) headers["x-amz-content-sha256"] = hash;
        std::vector<std::pair<std::string, std::string>> fields(headers.begin(), headers.end());
        fields.emplace_back("Authorization", "AWS4-HMAC-SHA256 Credential=" + id + "/" + scope() +
                                                 ", SignedHeaders=" + names() +
                                                 ", Signature=" + signature(hash));
        return fields;
    }
    // The whole request, as HTTP/1.1.
    std::string request(const std::string& more_fields = "") {
        std::string text =
            method + " " + path + (query.empty() ? "" : "?" + query) + " HTTP/1.1\r\n";
        for (const auto& [name, value] : signed_fields()) text += name + ": " + value + "\r\n";
        return text + more_fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
               body;
    }
};

// 2026-11-28 23:30:00, the default time of a Client.
inline constexpr std::uint64_t kNow_s = 1795908600;

}  // namespace skerry::auth::testing
