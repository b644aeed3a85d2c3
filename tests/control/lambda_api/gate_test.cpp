// Who gets through: clients that sign, written from AWS's description alone, with their own clocks.
#include "control/lambda_api/gate.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "tests/control/lambda_api/memory_functions.hpp"
#include "tests/dataplane/auth/signer.hpp"

namespace skerry::lambda_api {
namespace {

auth::AccessKeySpec manager(const std::string& secret = std::string(20, 'm')) {
    return {.id = "AKIDMANAGER", .secret = secret, .functions = {"*"}, .manage = true};
}
auth::AccessKeySpec invoker() {
    return {.id = "AKIDINVOKER", .secret = std::string(20, 'i'), .functions = {"*"}};
}

auth::testing::Client client(const auth::AccessKeySpec& key, std::time_t late_s = 0) {
    auth::testing::Client signs;
    signs.id = key.id;
    signs.secret = key.secret;
    signs.path = "/2015-03-31/functions";
    const std::time_t now = std::time(nullptr) - late_s;
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[20];
    (void)std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
    signs.time = text;
    return signs;
}

class GateTest : public testing::Test {
  protected:
    struct Passage {
        Gate::Visit visit;
        Request request;
        Answer refusal;
    };
    bool begin(auth::testing::Client& signs, Passage& passage) {
        const auto fields = signs.signed_fields();
        std::vector<auth::Field> seen;
        for (const auto& [name, value] : fields) seen.push_back({name, value});
        return gate_.begin({signs.method, signs.path, signs.query, seen}, passage.visit,
                           passage.request, passage.refusal);
    }
    bool finish(const std::string& body, Passage& passage) {
        passage.visit.proof.update(body);
        return gate_.finish(passage.visit, passage.request, passage.refusal);
    }
    // Of the refusal, or "".
    std::string passes(auth::testing::Client signs) {
        Passage passage;
        if (begin(signs, passage)) (void)finish(signs.body, passage);
        return passage.refusal.error_type;
    }

    MemoryFunctions functions_{{manager(), invoker()}};
    Gate gate_{functions_, ""};
};

TEST_F(GateTest, WhoMayManageIsKnownByNameAndRegion) {
    auto signs = client(manager());
    Passage passage;
    ASSERT_TRUE(begin(signs, passage)) << passage.refusal.body;
    EXPECT_EQ(passage.visit.body_bytes_max, kBodyBytesMax);
    ASSERT_TRUE(finish(signs.body, passage)) << passage.refusal.body;
    EXPECT_EQ(passage.request.key->id(), "AKIDMANAGER");
    EXPECT_EQ(passage.request.region, "eu-central-1");
}

TEST_F(GateTest, OthersAreToldWhy) {
    EXPECT_EQ(passes(client(manager())), "");
    EXPECT_EQ(passes(client(manager(std::string(20, 'w')))), "InvalidSignatureException");
    EXPECT_EQ(passes(client(manager(), 400)), "InvalidSignatureException") << "its clock";
    EXPECT_EQ(passes(client({.id = "AKIDNOBODY", .secret = std::string(20, 'n')})),
              "UnrecognizedClientException");
    auto s3 = client(manager());
    s3.service = "s3";
    EXPECT_EQ(passes(s3), "InvalidSignatureException");
    Gate only_here(functions_, "us-east-1");
    auto signs = client(manager());
    const auto fields = signs.signed_fields();
    std::vector<auth::Field> seen;
    for (const auto& [name, value] : fields) seen.push_back({name, value});
    Passage passage;
    EXPECT_FALSE(only_here.begin({signs.method, signs.path, "", seen}, passage.visit,
                                 passage.request, passage.refusal));
    Passage none;
    EXPECT_FALSE(gate_.begin({"GET", signs.path, "", {}}, none.visit, none.request, none.refusal));
    EXPECT_EQ(none.refusal.error_type, "MissingAuthenticationTokenException");
    EXPECT_EQ(none.refusal.status, 403);
}

// Whether the body's hash was in the head or not.
TEST_F(GateTest, AnotherBodyThanTheSignedOneIsRefused) {
    for (const bool declares : {false, true}) {
        auto signs = client(manager());
        signs.declares = declares;
        Passage passage;
        ASSERT_TRUE(begin(signs, passage));
        EXPECT_FALSE(finish("{ }", passage));
        EXPECT_EQ(passage.refusal.error_type, "InvalidSignatureException");
    }
}

// It brings less, too: before its signature is proved nobody has to keep megabytes for it.
TEST_F(GateTest, WhoMayOnlyInvokeMayNotManage) {
    auto signs = client(invoker());
    Passage passage;
    ASSERT_TRUE(begin(signs, passage));
    EXPECT_EQ(passage.visit.body_bytes_max, kDeniedBodyBytesMax);
    EXPECT_FALSE(finish(signs.body, passage));
    EXPECT_EQ(passage.refusal.error_type, "AccessDeniedException");
    EXPECT_EQ(passage.refusal.status, 403);
}

// What was begun with the keys of before is judged by them, whoever comes between.
TEST_F(GateTest, KeysMayChangeBetweenHeadAndBody) {
    auto signs = client(manager());
    Passage old;
    ASSERT_TRUE(begin(signs, old));
    const auto renewed = manager(std::string(20, 'r'));
    functions_.publish_keys(2, {renewed});
    EXPECT_EQ(passes(client(renewed)), "");
    EXPECT_EQ(passes(client(manager())), "InvalidSignatureException");
    functions_.publish_keys(3, {});
    EXPECT_EQ(passes(client(renewed)), "UnrecognizedClientException");
    ASSERT_TRUE(finish(signs.body, old)) << old.refusal.body;
    EXPECT_EQ(old.request.key->id(), "AKIDMANAGER");
}

}  // namespace
}  // namespace skerry::lambda_api
