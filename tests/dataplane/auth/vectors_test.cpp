// Cases of AWS's published test suite for Signature Version 4 (aws-sig-v4-test-suite: its requests,
// and the signatures it gives for them), and the worked example of its documentation.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/auth/authorization.hpp"
#include "dataplane/auth/canonical.hpp"
#include "dataplane/auth/verifier.hpp"

namespace skerry::auth {
namespace {

struct Vector {
    const char* name;
    const char* method;
    const char* path;
    const char* query;
    std::vector<Field> more;
    const char* signed_headers;
    const char* payload;
    const char* signature;
};

constexpr char kPlain[] = "host;x-amz-date";
constexpr char kOne[] = "host;my-header1;x-amz-date";
constexpr char kVanilla[] = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
constexpr char kUnreserved[] =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const std::vector<Vector>& vectors() {
    static const std::vector<Vector> all = {
        {"get-vanilla", "GET", "/", "", {}, kPlain, "", kVanilla},
        {"get-relative", "GET", "/example/..", "", {}, kPlain, "", kVanilla},
        {"get-relative-relative", "GET", "/example1/example2/../..", "", {}, kPlain, "", kVanilla},
        {"get-slash", "GET", "//", "", {}, kPlain, "", kVanilla},
        {"get-slash-dot-slash", "GET", "/./", "", {}, kPlain, "", kVanilla},
        {"get-slashes",
         "GET",
         "//example//",
         "",
         {},
         kPlain,
         "",
         "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
        {"get-slash-pointless-dot",
         "GET",
         "/./example",
         "",
         {},
         kPlain,
         "",
         "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
        {"get-space",
         "GET",
         "/example space/",
         "",
         {},
         kPlain,
         "",
         "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        {"get-utf8",
         "GET",
         "/\xe1\x88\xb4",
         "",
         {},
         kPlain,
         "",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"get-vanilla-query-order-key-case",
         "GET",
         "/",
         "Param2=value2&Param1=value1",
         {},
         kPlain,
         "",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-vanilla-empty-query-key",
         "GET",
         "/",
         "Param1=value1",
         {},
         kPlain,
         "",
         "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        {"get-vanilla-query-order-encoded",
         "GET",
         "/",
         "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
         {},
         kPlain,
         "",
         "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
        {"get-vanilla-query-unreserved",
         "GET",
         "/",
         kUnreserved,
         {},
         kPlain,
         "",
         "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
        {"get-vanilla-utf8-query",
         "GET",
         "/",
         "\xe1\x88\xb4=bar",
         {},
         kPlain,
         "",
         "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        {"get-header-key-duplicate",
         "GET",
         "/",
         "",
         {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
         kOne,
         "",
         "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        {"get-header-value-order",
         "GET",
         "/",
         "",
         {{"My-Header1", "value4"},
          {"My-Header1", "value1"},
          {"My-Header1", "value3"},
          {"My-Header1", "value2"}},
         kOne,
         "",
         "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
        {"get-header-value-trim",
         "GET",
         "/",
         "",
         {{"My-Header1", "value1"}, {"My-Header2", "\"a   b   c\""}},
         "host;my-header1;my-header2;x-amz-date",
         "",
         "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        {"post-vanilla",
         "POST",
         "/",
         "",
         {},
         kPlain,
         "",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"post-vanilla-query",
         "POST",
         "/",
         "Param1=value1",
         {},
         kPlain,
         "",
         "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
        {"post-header-value-case",
         "POST",
         "/",
         "",
         {{"My-Header1", "VALUE1"}},
         kOne,
         "",
         "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
        {"post-x-www-form-urlencoded",
         "POST",
         "/",
         "",
         {{"Content-Type", "application/x-www-form-urlencoded"},
          {"Content-Length", "13"},
          {"x-amz-content-sha256",
           "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"}},
         "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
         "Param1=value1",
         "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
    };
    return all;
}

std::string text_of(const Digest& digest) {
    const auto digits = hex(digest);
    return {digits.begin(), digits.end()};
}

TEST(Vectors, OfTheTestSuite) {
    const auto buffer = std::make_unique<CanonicalBuffer>();
    const HmacKey secret("AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    for (const Vector& vector : vectors()) {
        std::vector<Field> fields = {{"Host", "example.amazonaws.com"}};
        fields.insert(fields.end(), vector.more.begin(), vector.more.end());
        fields.push_back({"X-Amz-Date", "20150830T123600Z"});
        SignedFields which;
        const std::string_view text =
            canonical_request({vector.method, vector.path, vector.query, fields},
                              vector.signed_headers, *buffer, which);
        ASSERT_FALSE(text.empty()) << vector.name;
        const std::string canonical = std::string(text) + text_of(Sha256::of(vector.payload));
        const std::string to_sign =
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n" +
            text_of(Sha256::of(canonical));
        const Digest key = signing_key(secret, "20150830", "us-east-1", "service");
        EXPECT_EQ(text_of(HmacKey(key).of(to_sign)), vector.signature) << vector.name << canonical;
        for (std::size_t i = 0; i < fields.size(); ++i) EXPECT_TRUE(which.has(i)) << vector.name;
    }
}

// AWS General Reference, "Examples of how to derive a signing key".
TEST(Vectors, TheDocumentationsSigningKey) {
    const HmacKey secret("AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    EXPECT_EQ(text_of(signing_key(secret, "20150830", "us-east-1", "iam")),
              "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

}  // namespace
}  // namespace skerry::auth
