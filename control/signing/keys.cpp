#include "control/signing/keys.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::signing {
namespace {

constexpr std::size_t kMaxFileBytes = 16384;

struct FreeBio {
    void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

Error not_a_key(const char* kind) {
    ERR_clear_error();
    return {EINVAL, std::string("not an Ed25519 ") + kind + " key in PEM"};
}

Result<std::string> read_key(const std::string& path, bool secret) {
    // Not blocking: a FIFO in the place of the file must not hang who starts.
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) return errno_error("key " + path);
    if (!S_ISREG(info.st_mode)) return Error{EINVAL, "key " + path + ": not a regular file"};
    if (secret && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return Error{EPERM,
                     "key " + path + ": others than its owner may read it: chmod 600 " + path};
    std::string text(kMaxFileBytes + 1, '\0');
    const ssize_t size = ::read(fd.get(), text.data(), text.size());
    if (size < 0) return errno_error("key " + path);
    if (static_cast<std::size_t>(size) > kMaxFileBytes)
        return Error{EFBIG,
                     "key " + path + ": more than " + std::to_string(kMaxFileBytes) + " bytes"};
    text.resize(static_cast<std::size_t>(size));
    return text;
}

// The server has no terminal to ask at, and public keys are not encrypted.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

Bio bio_of(std::string_view text) {
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

template <typename Write>
Result<std::string> pem_of(Write write) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || write(bio.get()) != 1) return Error{ENOMEM, "the key can't be written as PEM"};
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

Result<PublicKey> PublicKey::of(KeyHandle key) {
    if (!key || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519) return not_a_key("public");
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    if (size <= 0) return not_a_key("public");
    PublicKey made;
    made.fingerprint_ = sha256_text({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    made.key_ = std::move(key);
    return made;
}

Result<PublicKey> PublicKey::parse(std::string_view pem) {
    if (pem.size() > kMaxFileBytes) return not_a_key("public");
    const Bio bio = bio_of(pem);
    return of(KeyHandle(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr)));
}

Result<PublicKey> PublicKey::load(const std::string& path) {
    const auto text = read_key(path, false);
    if (!text) return text.error();
    auto key = parse(*text);
    if (!key) return Error{key.error().code, "key " + path + ": " + key.error().text};
    return key;
}

bool PublicKey::verifies(std::string_view signed_bytes, const Signature& signature) const {
    const Context context(EVP_MD_CTX_new());
    const bool good =
        context &&
        EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
        EVP_DigestVerify(context.get(), signature.bytes.data(), signature.bytes.size(),
                         reinterpret_cast<const unsigned char*>(signed_bytes.data()),
                         signed_bytes.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
}

Result<PrivateKey> PrivateKey::load(const std::string& path) {
    const auto text = read_key(path, true);
    if (!text) return text.error();
    const Bio bio = bio_of(*text);
    PrivateKey made;
    made.key_.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    if (!made.key_ || EVP_PKEY_id(made.key_.get()) != EVP_PKEY_ED25519)
        return Error{EINVAL, "key " + path + ": " + not_a_key("private").text};
    return made;
}

Result<PrivateKey> PrivateKey::make() {
    PrivateKey made;
    made.key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!made.key_) return Error{ENOTSUP, "OpenSSL makes no Ed25519 keys here"};
    return made;
}

Result<Signature> PrivateKey::sign(std::string_view bytes) const {
    auto key = public_key();
    if (!key) return key.error();
    Signature signature{.key = key->fingerprint()};
    std::size_t size = signature.bytes.size();
    const Context context(EVP_MD_CTX_new());
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.bytes.data(), &size,
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) != 1 ||
        size != signature.bytes.size())
        return Error{ENOTSUP, "OpenSSL could not sign"};
    return signature;
}

Result<PublicKey> PrivateKey::public_key() const {
    const auto pem = public_pem();
    if (!pem) return pem.error();
    return PublicKey::parse(*pem);
}

Result<std::string> PrivateKey::private_pem() const {
    return pem_of([this](BIO* bio) {
        return PEM_write_bio_PKCS8PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr);
    });
}

Result<std::string> PrivateKey::public_pem() const {
    return pem_of([this](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key_.get()); });
}

}  // namespace skerry::signing
