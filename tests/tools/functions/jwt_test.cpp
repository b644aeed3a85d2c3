#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <time.h>

#include <memory>

#include "tests/tools/functions/worker.hpp"
#include "tools/functions/jwt-verify/base64url.hpp"

namespace skerry::test {
namespace {

using functions::base64url_decode;

std::string base64url(const std::string& bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    text.resize(static_cast<std::size_t>(EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(text.data()),
        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()))));
    for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
    while (!text.empty() && text.back() == '=') text.pop_back();
    return text;
}

class Key {
  public:
    explicit Key(unsigned bits = 2048) : key_(EVP_RSA_gen(bits)) {}
    ~Key() { EVP_PKEY_free(key_); }
    std::string public_pem() const {
        BIO* memory = BIO_new(BIO_s_mem());
        PEM_write_bio_PUBKEY(memory, key_);
        char* data = nullptr;
        const long bytes = BIO_get_mem_data(memory, &data);
        std::string pem(data, static_cast<std::size_t>(bytes));
        BIO_free(memory);
        return pem;
    }
    std::string sign(const std::string& text) const {
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        std::size_t bytes = 1024;
        std::string signature(bytes, '\0');
        EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_);
        EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &bytes,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size());
        EVP_MD_CTX_free(context);
        signature.resize(bytes);
        return signature;
    }
    std::string token(const std::string& claims,
                      const std::string& header = R"({"alg":"RS256","typ":"JWT"})") const {
        const std::string text = base64url(header) + "." + base64url(claims);
        return text + "." + base64url(sign(text));
    }

  private:
    EVP_PKEY* key_;
};

std::string in_seconds(long seconds) {
    return std::to_string(time(nullptr) + seconds);
}

class Jwt : public testing::Test {
  protected:
    void SetUp() override {
        worker_.add_file("public.pem", key_.public_pem());
        ASSERT_TRUE(worker_.start("jwt-verify"));
    }
    void refuse(const std::string& payload, const std::string& why) {
        const Answer answer = worker_.ask(payload);
        EXPECT_EQ(answer.status, kFunctionError) << answer.bytes;
        EXPECT_NE(answer.bytes.find(why), std::string::npos) << answer.bytes;
    }
    void accept(const std::string& payload, const std::string& claims) {
        const Answer answer = worker_.ask(payload);
        EXPECT_EQ(answer.status, kOk) << answer.bytes;
        EXPECT_EQ(answer.bytes, claims);
    }
    Key key_;
    Worker worker_;
    const std::string good_ = R"({"sub":"ada","aud":["x","edge"],"exp":)" + in_seconds(3600) + "}";
};

TEST_F(Jwt, AGoodTokenGivesItsClaims) {
    const std::string token = key_.token(good_);
    accept(token, good_);
    accept(token + "\n", good_);
    accept("aud=edge\n" + token, good_);
    const std::string with_nbf = R"({"exp":)" + in_seconds(9) + R"(,"nbf":)" + in_seconds(-9) + "}";
    accept(key_.token(with_nbf), with_nbf);
}

TEST_F(Jwt, TimesAndAudienceAreChecked) {
    refuse(key_.token(R"({"exp":)" + in_seconds(-1) + "}"), "expired");
    refuse(key_.token(R"({"sub":"ada"})"), "no exp");
    refuse(key_.token(R"({"exp":"tomorrow"})"), "no exp");
    refuse(key_.token(R"({"exp":)" + in_seconds(9) + R"(,"nbf":)" + in_seconds(600) + "}"),
           "not valid yet");
    refuse("aud=other\n" + key_.token(good_), "another audience");
    refuse("aud=edge\n", "not a compact");
    refuse("aud=edge", "no token");
}

TEST_F(Jwt, OnlyThisKeyAndThisAlgorithm) {
    const Key other;
    refuse(other.token(good_), "signature");
    refuse(key_.token(good_, R"({"alg":"none"})"), "RS256");
    refuse(key_.token(good_, R"({"alg":"RS512"})"), "RS256");
    refuse(key_.token(good_, R"({"alg":["RS256"]})"), "RS256");
    refuse(key_.token(good_, R"({})"), "RS256");
    refuse(key_.token(good_, R"({"alg":"RS256","crit":["b64"]})"), "extension");
    refuse(base64url(R"({"alg":"none"})") + "." + base64url(good_) + ".", "RS256");
    // The public key as an HMAC secret (RFC 8725 §2.1).
    const std::string text = base64url(R"({"alg":"HS256"})") + "." + base64url(good_);
    const std::string secret = key_.public_pem();
    unsigned char mac[32];
    unsigned bytes = sizeof mac;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &bytes);
    refuse(text + "." + base64url({reinterpret_cast<char*>(mac), bytes}), "RS256");
}

TEST_F(Jwt, EveryChangedCharacterIsNoticed) {
    const std::string token = key_.token(good_);
    for (std::size_t at = 0; at < token.size(); at += 7) {
        std::string changed = token;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        EXPECT_EQ(worker_.ask(changed).status, kFunctionError) << at;
    }
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{1}, token.size() / 2, token.size() - 1})
        EXPECT_EQ(worker_.ask(token.substr(0, length)).status, kFunctionError) << length;
}

TEST_F(Jwt, GarbageIsRefused) {
    for (const std::string& payload :
         {std::string(".."), std::string("a.b.c"), std::string("....."), std::string(60000, '.'),
          std::string(60000, 'A'), std::string("\0\0\0", 3), key_.token("[]"), key_.token("{")})
        EXPECT_EQ(worker_.ask(payload).status, kFunctionError) << payload.substr(0, 20);
    const std::string deep = std::string(3000, '[') + std::string(3000, ']');
    refuse(key_.token(R"({"exp":1,"x":)" + deep + "}"), "not a JSON object");
    accept(key_.token(good_), good_);
}

TEST(JwtKey, AKeyThatCannotBeUsedEndsTheWorkerBeforeItIsReady) {
    const Key weak(1024);
    for (const std::string& pem :
         {std::string("not a key"), weak.public_pem(), std::string(20000, 'x')}) {
        Worker worker;
        worker.add_file("public.pem", pem);
        (void)worker.start_without_waiting("jwt-verify");
        const int status = worker.wait_for_end();
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        EXPECT_NE(worker.log().find("public.pem"), std::string::npos);
    }
}

TEST(JwtKey, TheBuiltInKeyVerifiesTheSample) {
    Worker worker;
    ASSERT_TRUE(worker.start("jwt-verify"));
    const auto read = [](const char* name) {
        std::ifstream file(std::string(getenv("SKERRY_SAMPLES")) + "/" + name);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    EXPECT_NE(worker.ask(read("sample.jwt")).bytes.find("Ada"), std::string::npos);
    EXPECT_EQ(worker.ask(read("expired.jwt")).bytes, "the token has expired");
}

TEST(Base64Url, IsStrict) {
    EXPECT_EQ(base64url_decode(""), "");
    EXPECT_EQ(base64url_decode("Zg"), "f");
    EXPECT_EQ(base64url_decode("Zm9vYmE"), "fooba");
    EXPECT_EQ(base64url_decode("-_8"), "\xfb\xff");
    for (const char* text : {"Z", "Zg=", "Zg==", "Zh", "Zm+v", "Zm/v", "Zm 9", "Zm9v\n"})
        EXPECT_FALSE(base64url_decode(text)) << text;
}

}  // namespace
}  // namespace skerry::test
