// SHA-256 and HMAC against OpenSSL's own ways to them, at every length around their blocks.
#include "dataplane/auth/sha256.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/dataplane/auth/signer.hpp"

namespace skerry::auth {
namespace {

using testing::raw_hmac;
using testing::raw_sha256;

std::string text_of(const Digest& digest) {
    return {digest.begin(), digest.end()};
}

std::string random_text(std::mt19937_64& random, std::size_t bytes) {
    std::string text(bytes, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
}

TEST(Sha256, IsOpenSslsAtEveryLengthAndCut) {
    std::mt19937_64 random(1);
    for (std::size_t bytes = 0; bytes < 300; ++bytes) {
        const std::string text = random_text(random, bytes);
        EXPECT_EQ(text_of(Sha256::of(text)), raw_sha256(text));
        Sha256 pieces = Sha256::begin();
        const std::size_t cut = random() % (bytes + 1);
        pieces.update(std::string_view(text).substr(0, cut));
        Sha256 copy = pieces;
        pieces.update("something else");
        copy.update(std::string_view(text).substr(cut));
        EXPECT_EQ(text_of(copy.finish()), raw_sha256(text)) << "a copy is a state of its own";
    }
}

TEST(HmacKey, IsOpenSslsForEveryLengthOfKey) {
    std::mt19937_64 random(2);
    for (std::size_t bytes = 0; bytes < 200; ++bytes) {
        const std::string key = random_text(random, bytes);
        const std::string message = random_text(random, random() % 300);
        const HmacKey made(key);
        EXPECT_EQ(text_of(made.of(message)), raw_hmac(key, message));
        EXPECT_EQ(text_of(made.of(message)), raw_hmac(key, message)) << "it can be used again";
    }
}

// RFC 4231 §4.3.
TEST(HmacKey, Rfc4231) {
    const auto digits = hex(HmacKey("Jefe").of("what do ya want for nothing?"));
    EXPECT_EQ(std::string(digits.begin(), digits.end()),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digests, AreWrittenReadAndCompared) {
    const Digest digest = Sha256::of("text");
    const auto digits = hex(digest);
    const std::string text(digits.begin(), digits.end());
    Digest read{};
    ASSERT_TRUE(from_hex(text, read));
    EXPECT_TRUE(equal(read, digest));
    for (std::size_t i = 0; i < read.size(); ++i) {
        Digest other = digest;
        other[i] ^= 1;
        EXPECT_FALSE(equal(other, digest));
    }
    for (const std::string& wrong :
         {text.substr(1), text + "0", std::string(64, 'A'), std::string(64, 'g'), std::string()})
        EXPECT_FALSE(from_hex(wrong, read)) << wrong;
}

}  // namespace
}  // namespace skerry::auth
