// Signatures of versions: what they are of, whose they are, and what is made of wrong ones.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "control/catalog/catalog.hpp"
#include "control/catalog/catalog_file.hpp"
#include "control/signing/trust.hpp"

namespace skerry::signing {
namespace {

// RFC 8032 §7.1, test 1; the key of RFC 8410 §10.3 as OpenSSL writes it.
constexpr char kPublicPem[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kPrivatePem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";

class Signing : public testing::Test {
  protected:
    void SetUp() override { ASSERT_NE(mkdtemp(folder_), nullptr); }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string file(const std::string& name, const std::string& text, mode_t mode = 0600) {
        const std::string path = std::string(folder_) + "/" + name;
        std::ofstream(path) << text;
        EXPECT_EQ(chmod(path.c_str(), mode), 0);
        return path;
    }
    Trust trusting(const std::vector<PrivateKey*>& keys, bool required = true) {
        std::vector<std::string> files;
        for (PrivateKey* key : keys)
            files.push_back(file(std::to_string(files.size()) + ".pub", *key->public_pem()));
        auto trust = Trust::load(files, required);
        EXPECT_TRUE(trust);
        return std::move(trust).value();
    }

    PrivateKey one_ = PrivateKey::make().value(), other_ = PrivateKey::make().value();
    const Statement statement_{.function = "f",
                               .archive = std::string(64, 'a'),
                               .runtime = "python3",
                               .handler = "app.main",
                               .environment = std::string("A=1\0", 4)};
    std::string signature_ = render(*one_.sign(text_of(statement_)));
    char folder_[32] = "/tmp/skerry-signing-XXXXXX";
};

TEST_F(Signing, WhatIsSignedIsSixLines) {
    EXPECT_EQ(text_of(statement_),
              "skerry artifact signature 1\n"
              "function f\n"
              "archive " +
                  std::string(64, 'a') +
                  "\n"
                  "runtime python3\n"
                  "handler app.main\n"
                  "environment " +
                  sha256_text(std::string("A=1\0", 4)) + "\n");
}

TEST_F(Signing, KeysAreOpenSslsFiles) {
    const auto open = PublicKey::load(file("k.pub", kPublicPem));
    const auto secret = PrivateKey::load(file("k", kPrivatePem));
    ASSERT_TRUE(open && secret);
    EXPECT_EQ(secret->public_key()->fingerprint(), open->fingerprint());
    EXPECT_EQ(*secret->public_pem(), kPublicPem);
    EXPECT_EQ(*secret->private_pem(), kPrivatePem);
    EXPECT_TRUE(open->verifies("text", *secret->sign("text")));
    EXPECT_FALSE(open->verifies("texts", *secret->sign("text")));
}

TEST_F(Signing, ASecretThatOthersMayReadIsNotUsed) {
    const auto key = PrivateKey::load(file("k", kPrivatePem, 0640));
    ASSERT_FALSE(key);
    EXPECT_NE(key.error().text.find("chmod 600"), std::string::npos);
}

TEST_F(Signing, WhatIsNoKeyIsRefused) {
    constexpr char kP256[] =
        "-----BEGIN PUBLIC KEY-----\n"
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
        "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
        "-----END PUBLIC KEY-----\n";
    for (const std::string& text : {std::string(), std::string("x"), std::string(kP256),
                                    std::string(kPrivatePem), std::string(20000, '-')})
        EXPECT_FALSE(PublicKey::load(file("k.pub", text))) << text;
    EXPECT_FALSE(PublicKey::load(folder_));
    EXPECT_FALSE(PublicKey::load(std::string(folder_) + "/nothing"));
    EXPECT_FALSE(PrivateKey::load(file("k", kPublicPem)));
}

TEST_F(Signing, ASignatureIsWrittenInOneWay) {
    const auto parsed = parse(signature_);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(render(*parsed), signature_);
    std::string upper = signature_;
    upper[20] = 'F';
    for (const std::string& wrong :
         {std::string(), signature_ + "\n", signature_.substr(1), "ED" + signature_.substr(2),
          upper, signature_.substr(0, 72) + "-" + signature_.substr(73),
          signature_ + std::string(1, '\0'), std::string(kSignatureTextBytes, '.')})
        EXPECT_FALSE(parse(wrong)) << wrong;
}

TEST_F(Signing, ASignatureIsGoodForItsStatementAlone) {
    const Trust trust = trusting({&one_});
    EXPECT_TRUE(trust.judge(statement_, signature_));
    const auto changed = [&](auto change) {
        Statement statement = statement_;
        change(statement);
        return trust.judge(statement, signature_);
    };
    for (const Status& judged : {changed([](Statement& s) { s.function = "g"; }),
                                 changed([](Statement& s) { s.archive[0] = 'b'; }),
                                 changed([](Statement& s) { s.runtime = "nodejs"; }),
                                 changed([](Statement& s) { s.handler = "app.other"; }),
                                 changed([](Statement& s) { s.environment.clear(); })}) {
        ASSERT_FALSE(judged);
        EXPECT_EQ(judged.error().code, EKEYREJECTED);
    }
}

TEST_F(Signing, EachBitOfItCounts) {
    const Trust trust = trusting({&one_});
    const Signature good = *parse(signature_);
    for (std::size_t bit = 0; bit < 8 * kSignatureBytes; ++bit) {
        Signature bad = good;
        bad.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        EXPECT_FALSE(trust.judge(statement_, render(bad))) << bit;
    }
}

TEST_F(Signing, KeysAreAddedAndWithdrawn) {
    const std::string second = render(*other_.sign(text_of(statement_)));
    const Trust both = trusting({&one_, &other_}), new_one = trusting({&other_});
    EXPECT_TRUE(both.judge(statement_, signature_));
    EXPECT_TRUE(both.judge(statement_, second));
    EXPECT_TRUE(new_one.judge(statement_, second));
    const Status withdrawn = new_one.judge(statement_, signature_);
    ASSERT_FALSE(withdrawn);
    EXPECT_EQ(withdrawn.error().code, EPERM);
    EXPECT_NE(withdrawn.error().text.find(one_.public_key()->fingerprint()), std::string::npos);
    // Another key's name on a signature does not help.
    Signature renamed = *parse(signature_);
    renamed.key = other_.public_key()->fingerprint();
    EXPECT_FALSE(new_one.judge(statement_, render(renamed)));
}

TEST_F(Signing, WhereNothingHasToBeSignedAWrongSignatureIsWrongAllTheSame) {
    const Trust trust = trusting({&one_}, /*required=*/false);
    EXPECT_TRUE(trust.judge(statement_, ""));
    EXPECT_TRUE(trust.judge(statement_, render(*other_.sign("anything"))));
    EXPECT_FALSE(trust.judge(statement_, render(*one_.sign("anything"))));
    EXPECT_FALSE(trust.judge(statement_, "no signature"));
    EXPECT_TRUE(Trust().judge(statement_, ""));
    const Status unsigned_one = trusting({&one_}).judge(statement_, "");
    ASSERT_FALSE(unsigned_one);
    EXPECT_EQ(unsigned_one.error().code, EPERM);
}

TEST_F(Signing, OneKeyInTwoFilesIsAMistake) {
    const auto trust = Trust::load({file("a", kPublicPem), file("b", kPublicPem)}, true);
    ASSERT_FALSE(trust);
    EXPECT_EQ(trust.error().code, EEXIST);
}

TEST_F(Signing, TheCatalogKeepsSignaturesAndForgetsThemWithTheirVersions) {
    catalog::Function f;
    f.name = "f";
    for (std::size_t i = 0; i <= catalog::kMaxVersionsKept; ++i) {
        f.current = sha256_text(std::to_string(i));
        f.versions.push_back(f.current);
        f.signatures[f.current] = signature_;
    }
    const std::string oldest = f.versions.front();
    catalog::forget_oldest(f);
    EXPECT_EQ(f.signature_of(oldest), "");
    EXPECT_EQ(f.signature_of(f.current), signature_);
    const auto again = catalog::parse_function(catalog::render(f));
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(*again, f);
    f.signatures[oldest] = signature_;
    EXPECT_FALSE(catalog::parse_function(catalog::render(f))) << "of a version that is not kept";
    f.signatures.erase(oldest);
    f.signatures[f.current] = "something else";
    EXPECT_FALSE(catalog::parse_function(catalog::render(f)));
}

}  // namespace
}  // namespace skerry::signing
