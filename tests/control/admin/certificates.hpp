// A certificate authority made for one test, and what it signs.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <string>

#include "sandbox/base/check.hpp"

namespace skerry::admin {

class Authority {
  public:
    explicit Authority(std::string folder, const std::string& name)
        : folder_(std::move(folder)), key_(EVP_EC_gen("P-256")) {
        certificate_ = make(key_, name, nullptr, nullptr, true);
        path_ = folder_ + "/" + name + ".pem";
        write(path_, [&](FILE* f) { return PEM_write_X509(f, certificate_); });
    }
    ~Authority() {
        X509_free(certificate_);
        EVP_PKEY_free(key_);
    }
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;

    const std::string& path() const { return path_; }

    // Writes NAME.cert and NAME.key into the folder.
    void issue(const std::string& name) const {
        EVP_PKEY* key = EVP_EC_gen("P-256");
        X509* certificate = make(key, name, certificate_, key_, false);
        write(folder_ + "/" + name + ".cert",
              [&](FILE* f) { return PEM_write_X509(f, certificate); });
        write(folder_ + "/" + name + ".key", [&](FILE* f) {
            return PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr);
        });
        X509_free(certificate);
        EVP_PKEY_free(key);
    }

  private:
    static X509* make(EVP_PKEY* key, const std::string& name, X509* issuer, EVP_PKEY* issuer_key,
                      bool is_authority) {
        X509* x = X509_new();
        SKERRY_CHECK(x != nullptr && key != nullptr);
        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), is_authority ? 1 : 2);
        X509_gmtime_adj(X509_getm_notBefore(x), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), 86400);
        X509_set_pubkey(x, key);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        X509_set_issuer_name(x, X509_get_subject_name(issuer != nullptr ? issuer : x));
        if (is_authority) {
            X509_EXTENSION* e =
                X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
            X509_add_ext(x, e, -1);
            X509_EXTENSION_free(e);
        }
        SKERRY_CHECK(X509_sign(x, issuer_key != nullptr ? issuer_key : key, EVP_sha256()) > 0);
        return x;
    }
    template <typename Write>
    static void write(const std::string& path, Write&& write_pem) {
        FILE* file = std::fopen(path.c_str(), "w");
        SKERRY_CHECK(file != nullptr);
        SKERRY_CHECK(write_pem(file) == 1);
        std::fclose(file);
    }

    std::string folder_, path_;
    EVP_PKEY* key_;
    X509* certificate_;
};

}  // namespace skerry::admin
