// Requests that must be signed: what a client is told, one test for each row of the table, and what
// is told when.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/dataplane/auth/keys.hpp"
#include "tests/dataplane/http/memory.hpp"

namespace skerry::http {
namespace {

using auth::testing::Client;

// The time of the rig's clock.
constexpr char kTime[] = "20261128T200000Z";

class SignedTest : public ::testing::Test {
  protected:
    static Options options() {
        Options made;
        made.require_signature = true;
        return made;
    }
    void SetUp() override {
        client.time = kTime;
        client.id = "AKIDALICE";
        other = client;
        other.id = "AKIDBOB";
        other.secret = "the secret of somebody else";
        auth::AccessKeySpec narrow = auth::testing::spec_of(other);
        narrow.functions = {"echo", "team-*"};
        auth::AccessKeySpec past = auth::testing::spec_of(client);
        past.id = "AKIDPAST";
        past.not_after_s = testing::Rig::kUnix_s - 1;
        auth::AccessKeySpec retired = auth::testing::spec_of(client);
        retired.id = "AKIDRETIRED";
        retired.active = false;
        rig.keys = std::make_unique<const auth::AccessKeys>(
            1, std::vector<auth::AccessKeySpec>{auth::testing::spec_of(client), narrow, past,
                                                retired});
        rig.pass(1);
    }
    std::string ask(const std::string& request, std::size_t piece = ~std::size_t{0}) {
        connection = rig.open(piece);
        rig.send(connection, request);
        return rig.heard(connection);
    }
    // Of both kinds of clients: those that say the payload's hash first, and those that don't.
    void expect_refused(Client who, const std::string& type, Reason reason) {
        for (const bool declares : {false, true}) {
            who.declares = declares;
            const std::size_t begun = rig.invocations.all.size();
            const std::uint64_t counted = rig.count(reason);
            const std::string text = ask(who.request());
            EXPECT_EQ(text.substr(0, 22), "HTTP/1.1 403 Forbidden") << text;
            EXPECT_NE(text.find("\r\nx-amzn-ErrorType: " + type + "\r\n"), std::string::npos)
                << text;
            EXPECT_NE(text.find("\r\n\r\n{\"Type\":\"User\",\"message\":\""), std::string::npos)
                << text;
            EXPECT_NE(text.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
            EXPECT_EQ(rig.count(reason), counted + 1);
            for (std::size_t i = begun; i < rig.invocations.all.size(); ++i)
                EXPECT_FALSE(rig.invocations.all[i].complete) << "nothing was executed";
            // It can go on.
            rig.send(connection, testing::get());
            EXPECT_EQ(rig.heard(connection).substr(0, 15), "HTTP/1.1 200 OK");
        }
    }

    testing::Rig rig{options()};
    Client client, other;
    std::uint32_t connection = 0;
};

TEST_F(SignedTest, IsExecutedOnceWhateverTheCut) {
    for (const bool declares : {false, true})
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100000}})
            for (const std::string& body :
                 {std::string(), std::string("{}"), std::string(3000, 'x')}) {
                client.declares = declares;
                client.body = body;
                const std::size_t before = rig.invocations.all.size();
                EXPECT_EQ(ask(client.request(), piece), "");
                ASSERT_EQ(rig.invocations.all.size(), before + 1);
                EXPECT_TRUE(rig.invocations.all.back().complete);
                EXPECT_EQ(rig.invocations.all.back().payload, body);
                rig.answer(before, "answer");
                EXPECT_EQ(rig.heard(connection).substr(0, 15), "HTTP/1.1 200 OK");
            }
}

TEST_F(SignedTest, NothingMayBeUnsignedButPagesOfTheService) {
    const std::string text = ask(testing::post("{}"));
    EXPECT_NE(text.find("MissingAuthenticationTokenException"), std::string::npos) << text;
    EXPECT_NE(text.find("\"message\":\"Missing Authentication Token\""), std::string::npos) << text;
    EXPECT_EQ(rig.count(Reason::http_unsigned), 1u);
    for (const char* path : {"/healthz", "/readyz"})
        EXPECT_EQ(ask(testing::get(path)).substr(0, 15), "HTTP/1.1 200 OK");
    EXPECT_TRUE(rig.invocations.all.empty());
}

TEST_F(SignedTest, IncompleteSignature) {
    std::string request = client.request();
    request.replace(request.find("SignedHeaders="), 14, "signedheaders=");
    EXPECT_NE(ask(request).find("IncompleteSignatureException"), std::string::npos);
    EXPECT_EQ(rig.count(Reason::http_signature_malformed), 1u);
}

TEST_F(SignedTest, WrongSecret) {
    client.secret += "?";
    expect_refused(client, "InvalidSignatureException", Reason::http_signature_wrong);
}

TEST_F(SignedTest, WrongScope) {
    client.service = "s3";
    expect_refused(client, "InvalidSignatureException", Reason::http_signature_wrong);
}

TEST_F(SignedTest, ClocksApart) {
    client.time = "20261128T195459Z";
    expect_refused(client, "InvalidSignatureException", Reason::http_clock_skew);
    EXPECT_EQ(rig.count(Reason::http_clock_skew), 2u);
    client.time = "20261128T200501Z";
    expect_refused(client, "InvalidSignatureException", Reason::http_clock_skew);
}

TEST_F(SignedTest, UnknownKey) {
    client.id = "AKIDNOBODY";
    expect_refused(client, "UnrecognizedClientException", Reason::http_key_unknown);
}

TEST_F(SignedTest, RetiredKey) {
    client.id = "AKIDRETIRED";
    expect_refused(client, "UnrecognizedClientException", Reason::http_key_unknown);
}

TEST_F(SignedTest, SessionsThatThereAreNone) {
    client.headers["x-amz-security-token"] = "token";
    expect_refused(client, "UnrecognizedClientException", Reason::http_key_unknown);
}

TEST_F(SignedTest, KeyPastItsTime) {
    client.id = "AKIDPAST";
    expect_refused(client, "ExpiredTokenException", Reason::http_key_expired);
}

TEST_F(SignedTest, KeyThatMayNot) {
    other.path = "/2015-03-31/functions/another/invocations";
    expect_refused(other, "AccessDeniedException", Reason::http_key_denied);
    other.path = "/2015-03-31/functions/team-7/invocations";
    EXPECT_EQ(ask(other.request()), "");
    EXPECT_TRUE(rig.invocations.all.back().complete);
}

TEST_F(SignedTest, PayloadThatIsNotTheOneThatWasSigned) {
    for (const bool declares : {false, true}) {
        client.declares = declares;
        std::string request = client.request();
        request.back() = ']';
        EXPECT_NE(ask(request).find("InvalidSignatureException"), std::string::npos);
        ASSERT_FALSE(rig.invocations.all.empty());
        EXPECT_FALSE(rig.invocations.all.back().complete);
        EXPECT_TRUE(rig.invocations.all.back().cancelled);
    }
    client.declares = true;
    std::string request = client.request();
    const std::size_t at = request.find("x-amz-content-sha256: ") + 22;
    request.replace(at, 64, "UNSIGNED-PAYLOAD");
    EXPECT_NE(ask(request).find("InvalidSignatureException"), std::string::npos);
}

// Who is not proved learns of no function whether it is there, and of no key what it may invoke.
TEST_F(SignedTest, NobodyLearnsAnythingBeforeTheProof) {
    rig.invocations.refusal.status = ReplyStatus::no_such_function;
    rig.invocations.refusal.reason = Reason::refused_no_function;
    for (const bool declares : {false, true}) {
        client.declares = declares;
        const std::string good = client.request();
        EXPECT_EQ(ask(good.substr(0, good.size() - 2)).empty(), !declares);
        if (!declares) {
            rig.send(connection, "{}");
            const std::string text = rig.heard(connection);
            EXPECT_NE(text.find("404 Not Found"), std::string::npos) << text;
            EXPECT_NE(text.find("Function not found: echo"), std::string::npos) << text;
            rig.send(connection, testing::get());
            EXPECT_EQ(rig.heard(connection).substr(0, 15), "HTTP/1.1 200 OK");
        }
        Client forged = client;
        forged.secret = "not the secret that it should be";
        const std::string text = ask(forged.request());
        EXPECT_NE(text.find("InvalidSignatureException"), std::string::npos) << text;
        EXPECT_EQ(text.find("not found"), std::string::npos) << text;
    }
    rig.invocations.refusal = {};
    Client forged = other;
    forged.secret = "not the secret that it should be";
    forged.path = "/2015-03-31/functions/another/invocations";
    expect_refused(forged, "InvalidSignatureException", Reason::http_signature_wrong);
}

TEST_F(SignedTest, DryRuns) {
    client.headers["x-amz-invocation-type"] = "DryRun";
    for (const bool declares : {false, true}) {
        client.declares = declares;
        EXPECT_EQ(ask(client.request()).substr(0, 23), "HTTP/1.1 204 No Content");
        Client forged = client;
        forged.secret = "not the secret that it should be";
        EXPECT_NE(ask(forged.request()).find("InvalidSignatureException"), std::string::npos);
    }
}

TEST_F(SignedTest, ExpectationsAreMetOnceTheHeadIsGood) {
    const std::string expect = "Expect: 100-continue\r\n";
    const std::string request = client.request(expect);
    EXPECT_EQ(ask(request.substr(0, request.size() - 2)), "HTTP/1.1 100 Continue\r\n\r\n");
    rig.send(connection, "{}");
    EXPECT_TRUE(rig.invocations.all.back().complete);
    client.id = "AKIDNOBODY";
    const std::string stranger = client.request(expect);
    EXPECT_EQ(ask(stranger.substr(0, stranger.size() - 2)).substr(0, 12), "HTTP/1.1 403");
}

TEST_F(SignedTest, ChunkedBodies) {
    client.body = "{\"a\":1}";
    std::string request = client.request();
    const std::size_t at = request.find("Content-Length: 7");
    request = request.substr(0, at) +
              "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n";
    EXPECT_EQ(ask(request), "");
    EXPECT_TRUE(rig.invocations.all.back().complete);
    EXPECT_EQ(rig.invocations.all.back().payload, client.body);
}

TEST_F(SignedTest, ClientsThatGoOrAreSlowMeanwhile) {
    client.body = std::string(100, 'x');
    const std::string request = client.request();
    EXPECT_EQ(ask(request.substr(0, request.size() - 10)), "");
    rig.server.closed(connection);
    EXPECT_TRUE(rig.invocations.all.back().cancelled);
    // The same while an answer is withheld.
    rig.invocations.refusal.status = ReplyStatus::no_such_function;
    EXPECT_EQ(ask(request.substr(0, request.size() - 10)), "");
    rig.server.closed(connection);
    EXPECT_EQ(ask(request.substr(0, request.size() - 10)), "");
    rig.pass(60'000'000);
    EXPECT_NE(rig.heard(connection).find("408 Request Timeout"), std::string::npos);
}

TEST_F(SignedTest, KeysChangeBetweenTurns) {
    EXPECT_EQ(ask(client.request()), "");
    rig.keys = std::make_unique<const auth::AccessKeys>(
        2, std::vector<auth::AccessKeySpec>{auth::testing::spec_of(other)});
    rig.pass(1);
    EXPECT_NE(ask(client.request()).find("UnrecognizedClientException"), std::string::npos);
    rig.keys.reset();
    rig.pass(1);
    EXPECT_NE(ask(client.request()).find("UnrecognizedClientException"), std::string::npos);
}

}  // namespace
}  // namespace skerry::http
