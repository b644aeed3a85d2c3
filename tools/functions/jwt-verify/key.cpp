#include "tools/functions/jwt-verify/key.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>

#include <cstdio>

namespace skerry::functions {
namespace {

// The key that sample.jwt and expired.jwt were signed with. Its private half was thrown away: no
// other token can be made for it, so a deploy without a public.pem of its own trusts nobody.
constexpr char kBuiltIn[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsJLY05GgOfQzi0Txg/Rd\n"
    "yPSEIvVmPRzpQBFxTG33eAcDqDGsym6hKPE3w9P6fmoBbdlkb3pTPsduoobGhMje\n"
    "1lJaOK1M/qnRiGqkBMVrKzPiOpJezg8D5MZZKE8+iWKyLaqBwSGwDIeAWRWb7DvZ\n"
    "tce5Fkvkz58KbzPLWUK+rTxA2E64d2CRVD3OjlKgHxVzGTz1/sdkCXs3VzqtZzLf\n"
    "2GbA3WOWJaOvP2O/9NXpqT9t+erqeNSgC+lpJOJUEi0kRDHPOqHCcm/HLszOO6nL\n"
    "SwzZLDw1iRxshsgbhEH6fzdtqgIynJlmJHLcvuiykzubI4ONw3C5Rhu1AJO1DHfV\n"
    "6QIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

constexpr long kMostPemBytes = 16384;
constexpr int kLeastBits = 2048;

BIO* open_key(std::string& why) {
    std::FILE* file = std::fopen("public.pem", "re");
    if (file == nullptr) return BIO_new_mem_buf(kBuiltIn, -1);
    std::string text(kMostPemBytes, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    if (text.size() == static_cast<std::size_t>(kMostPemBytes)) {
        why = "too long for a public key";
        return nullptr;
    }
    BIO* memory = BIO_new(BIO_s_mem());
    if (memory != nullptr) (void)BIO_write(memory, text.data(), static_cast<int>(text.size()));
    return memory;
}

}  // namespace

EVP_PKEY* load_public_key(std::string& why) {
    BIO* source = open_key(why);
    if (source == nullptr) return nullptr;
    EVP_PKEY* key = PEM_read_bio_PUBKEY(source, nullptr, nullptr, nullptr);
    BIO_free(source);
    if (key == nullptr) {
        why = "not a public key in PEM";
        return nullptr;
    }
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= kLeastBits)
        return key;
    why = "not an RSA key of 2048 bits or more";
    EVP_PKEY_free(key);
    return nullptr;
}

}  // namespace skerry::functions
