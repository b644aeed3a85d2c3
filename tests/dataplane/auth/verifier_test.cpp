// Every verdict, and that a byte that was changed is a signature that does not match.
#include "dataplane/auth/verifier.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/dataplane/auth/keys.hpp"

namespace skerry::auth {
namespace {

using testing::Client;
using testing::kNow_s;
using testing::spec_of;

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Sent {
    std::string method, path, query, body;
    Fields fields;
};

Sent send(Client client) {
    Sent sent;
    sent.fields = client.signed_fields();
    sent.method = client.method;
    sent.path = client.path;
    sent.query = client.query;
    sent.body = client.body;
    return sent;
}

class VerifierTest : public ::testing::Test {
  protected:
    Verdict judge(const Sent& sent, std::uint64_t now_s = kNow_s) {
        std::vector<Field> fields;
        for (const auto& [name, value] : sent.fields) fields.push_back({name, value});
        verifier.begin_turn(now_s, &keys);
        Proof proof;
        const AccessKey* key = nullptr;
        const Verdict verdict =
            verifier.begin({sent.method, sent.path, sent.query, fields}, proof, key);
        if (verdict != Verdict::good) return verdict;
        whose = key->id();
        early = proof.signature_done;
        for (const char& c : sent.body) proof.update({&c, 1});
        return verifier.finish(proof);
    }
    Verdict judge(const Client& client, std::uint64_t now_s = kNow_s) {
        return judge(send(client), now_s);
    }
    static std::string& field(Sent& sent, const std::string& name) {
        for (auto& [key, value] : sent.fields)
            if (key == name) return value;
        return sent.fields.emplace_back(name, "").second;
    }

    Client client;
    AccessKeys keys{1, {spec_of(client)}};
    Verifier verifier;
    std::string whose;
    bool early = false;
};

TEST_F(VerifierTest, TakesWhatIsSigned) {
    for (const bool declares : {false, true})
        for (const std::string& body : {std::string(), std::string("{}"), std::string(5000, 'x')})
            for (int again = 0; again < 2; ++again) {
                client.declares = declares;
                client.body = body;
                EXPECT_EQ(judge(client), Verdict::good);
                EXPECT_EQ(whose, "AKIDEXAMPLE");
                EXPECT_EQ(early, declares);
            }
}

TEST_F(VerifierTest, QueriesPathsAndHeadersInAnyOfTheirForms) {
    client.path = "/2015-03-31/functions/echo%3AAlias/invocations";
    client.query = "Qualifier=%24LATEST";
    client.headers["x-amz-client-context"] = "a b";
    client.headers["content-type"] = "application/json";
    Sent sent = send(client);
    EXPECT_EQ(judge(sent), Verdict::good);
    sent.query = "Qualifier=$LATEST";
    field(sent, "x-amz-client-context") = "a \t  b";
    for (auto& [name, value] : sent.fields) name[0] = static_cast<char>(std::toupper(name[0]));
    std::swap(sent.fields.front(), sent.fields.back());
    sent.fields.emplace_back("User-Agent", "not signed, as all SDKs have it");
    EXPECT_EQ(judge(sent), Verdict::good);
    sent.path = "/2015-03-31/functions/echo:Alias/invocations";
    EXPECT_EQ(judge(sent), Verdict::mismatch) << "a path's escapes are part of what is signed";
}

TEST_F(VerifierTest, EveryChangedByteOfAPieceIsRefused) {
    for (const bool declares : {false, true}) {
        client.declares = declares;
        client.query = "Qualifier=1";
        client.headers["x-amz-invocation-type"] = "RequestResponse";
        const Sent good = send(client);
        ASSERT_EQ(judge(good), Verdict::good);
        const auto change = [&](std::string Sent::*member) {
            for (std::size_t i = 0; i < (good.*member).size(); ++i)
                for (const unsigned char flip : {0x01, 0x02, 0x20, 0x40}) {
                    Sent sent = good;
                    (sent.*member)[i] = static_cast<char>((sent.*member)[i] ^ flip);
                    EXPECT_NE(judge(sent), Verdict::good) << sent.*member;
                }
        };
        change(&Sent::method);
        change(&Sent::path);
        change(&Sent::query);
        change(&Sent::body);
        for (std::size_t f = 0; f < good.fields.size(); ++f) {
            for (std::size_t i = 0; i < good.fields[f].second.size(); ++i)
                for (const unsigned char flip : {0x01, 0x02, 0x20, 0x40}) {
                    Sent sent = good;
                    std::string& value = sent.fields[f].second;
                    value[i] = static_cast<char>(value[i] ^ flip);
                    EXPECT_NE(judge(sent), Verdict::good) << value;
                }
            Sent without = good;
            without.fields.erase(without.fields.begin() + static_cast<std::ptrdiff_t>(f));
            EXPECT_NE(judge(without), Verdict::good) << good.fields[f].first;
            Sent twice = good;
            twice.fields.push_back(good.fields[f]);
            EXPECT_NE(judge(twice), Verdict::good) << good.fields[f].first;
        }
        Sent longer = good;
        longer.body += ' ';
        EXPECT_EQ(judge(longer), Verdict::mismatch);
        longer.body = "";
        EXPECT_EQ(judge(longer), Verdict::mismatch);
    }
}

TEST_F(VerifierTest, ClocksFiveMinutesApart) {
    EXPECT_EQ(judge(client, kNow_s + kClockSkew_s), Verdict::good);
    EXPECT_EQ(judge(client, kNow_s + kClockSkew_s + 1), Verdict::too_old);
    EXPECT_EQ(judge(client, kNow_s - kClockSkew_s), Verdict::good);
    EXPECT_EQ(judge(client, kNow_s - kClockSkew_s - 1), Verdict::too_new);
}

TEST_F(VerifierTest, WhatIsNotAnAuthorization) {
    Sent sent = send(client);
    sent.fields.pop_back();
    EXPECT_EQ(judge(sent), Verdict::no_signature);
    const std::string good = field(sent = send(client), "Authorization");
    const auto replaced = [&](const std::string& what, const std::string& by) {
        std::string text = good;
        text.replace(text.find(what), what.size(), by);
        return text;
    };
    for (const std::string& wrong : {std::string("Bearer x"),
                                     std::string(),
                                     std::string("AWS4-HMAC-SHA256"),
                                     replaced("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
                                     replaced("Credential", "credential"),
                                     replaced(", SignedHeaders", ", Credential"),
                                     replaced("AKIDEXAMPLE", "AK"),
                                     replaced("AKIDEXAMPLE", "AKID\"EXAMPLE"),
                                     replaced("/20261128", "/2026112"),
                                     replaced("/eu-central-1", ""),
                                     replaced("eu-central-1", "EU"),
                                     replaced("host;x-amz-date", "host;;x-amz-date"),
                                     replaced("host;x-amz-date", ""),
                                     replaced("host;x-amz-date", "x-amz-date;host"),
                                     replaced("host;x-amz-date", "host;host"),
                                     replaced("host;x-amz-date", "Host;x-amz-date"),
                                     good + "0",
                                     good + ", Signature=",
                                     good + ", More=1",
                                     good.substr(0, good.size() - 1)}) {
        field(sent, "Authorization") = wrong;
        EXPECT_EQ(judge(sent), Verdict::incomplete) << wrong;
    }
    field(sent, "Authorization") = good;
    for (const char* time : {"20261128T2330", "2026-11-28T23:30Z", "20261128T236000Z",
                             "20261328T233000Z", "20261131T233000Z", "20260229T233000Z"}) {
        field(sent, "x-amz-date") = time;
        EXPECT_EQ(judge(sent), Verdict::incomplete) << time;
    }
}

TEST_F(VerifierTest, ScopesOfSomethingElse) {
    Client other = client;
    other.service = "s3";
    EXPECT_EQ(judge(other), Verdict::wrong_scope);
    Sent sent = send(client);
    std::string& text = field(sent, "Authorization");
    text.replace(text.find("aws4_request"), 12, "aws4_presign");
    EXPECT_EQ(judge(sent), Verdict::wrong_scope);
    sent = send(client);
    field(sent, "x-amz-date") = "20261129T000100Z";
    EXPECT_EQ(judge(sent, kNow_s + 1860), Verdict::wrong_scope) << "a day that is not the time's";
    verifier = Verifier("us-east-1");
    EXPECT_EQ(judge(client), Verdict::wrong_scope);
    client.region = "us-east-1";
    EXPECT_EQ(judge(client), Verdict::good);
}

TEST_F(VerifierTest, WhatMustBeSigned) {
    Sent sent = send(client);
    sent.fields.emplace_back("X-Amz-Invocation-Type", "DryRun");
    EXPECT_EQ(judge(sent), Verdict::unsigned_header);
    client.headers.erase("host");
    sent = send(client);
    EXPECT_EQ(judge(sent), Verdict::good) << "HTTP/1.0 need not have one";
    sent.fields.emplace_back("Host", "another");
    EXPECT_EQ(judge(sent), Verdict::unsigned_header);
}

TEST_F(VerifierTest, PayloadsWithoutAHash) {
    client.declares = true;
    for (const char* text : {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""}) {
        Sent sent = send(client);
        field(sent, "x-amz-content-sha256") = text;
        EXPECT_EQ(judge(sent), Verdict::unsigned_payload) << text;
    }
}

TEST_F(VerifierTest, KeysThatAreNotOrNotAnyMore) {
    Client stranger = client;
    stranger.id = "AKIDSTRANGER";
    EXPECT_EQ(judge(stranger), Verdict::unknown_key);
    stranger = client;
    stranger.secret += "x";
    EXPECT_EQ(judge(stranger), Verdict::mismatch);
    Client with_token = client;
    with_token.headers["x-amz-security-token"] = "of a session";
    EXPECT_EQ(judge(with_token), Verdict::unknown_key);

    AccessKeySpec spec = spec_of(client);
    spec.not_after_s = kNow_s;
    keys = AccessKeys(2, {spec});
    EXPECT_EQ(judge(client), Verdict::good);
    EXPECT_EQ(judge(client, kNow_s + 1), Verdict::expired_key);
    spec.active = false;
    keys = AccessKeys(3, {spec});
    EXPECT_EQ(judge(client), Verdict::unknown_key);
    keys = AccessKeys(4, {});
    EXPECT_EQ(judge(client), Verdict::unknown_key);
    verifier.begin_turn(kNow_s, nullptr);
    Proof proof;
    const AccessKey* key = nullptr;
    const Sent sent = send(client);
    std::vector<Field> fields;
    for (const auto& [name, value] : sent.fields) fields.push_back({name, value});
    EXPECT_EQ(verifier.begin({sent.method, sent.path, sent.query, fields}, proof, key),
              Verdict::unknown_key);
}

// Two keys at once while clients change from one to the other; a secret that changes under its id.
TEST_F(VerifierTest, KeysRotate) {
    Client next = client;
    next.id = "AKIDNEXT";
    next.secret = "another secret of sixteen or more";
    EXPECT_EQ(judge(client), Verdict::good);
    keys = AccessKeys(2, {spec_of(next), spec_of(client)});
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(judge(client), Verdict::good);
        EXPECT_EQ(whose, "AKIDEXAMPLE");
        EXPECT_EQ(judge(next), Verdict::good);
        EXPECT_EQ(whose, "AKIDNEXT");
    }
    keys = AccessKeys(3, {spec_of(next)});
    EXPECT_EQ(judge(client), Verdict::unknown_key);
    EXPECT_EQ(judge(next), Verdict::good);
    AccessKeySpec changed = spec_of(next);
    changed.secret = "and one more, for the same key id";
    keys = AccessKeys(4, {changed});
    EXPECT_EQ(judge(next), Verdict::mismatch) << "no signing key of the old secret is believed";
    next.secret = changed.secret;
    EXPECT_EQ(judge(next), Verdict::good);
}

// More keys, days and regions than signing keys are kept.
TEST_F(VerifierTest, ManySigningKeys) {
    std::vector<AccessKeySpec> specs;
    std::vector<Client> clients;
    for (int i = 0; i < 100; ++i) {
        Client& each = clients.emplace_back();
        each.id = "AKID" + std::to_string(i);
        each.secret = "secret number " + std::to_string(1000 + i);
        specs.push_back(spec_of(each));
    }
    keys = AccessKeys(7, specs);
    for (const char* region : {"a", "b", "eu-central-1", "z"})
        for (int day = 0; day < 3; ++day)
            for (Client each : clients) {
                each.region = region;
                each.time = "202611" + std::to_string(26 + day) + "T233000Z";
                ASSERT_EQ(judge(each, kNow_s - static_cast<std::uint64_t>(2 - day) * 86400),
                          Verdict::good);
            }
}

TEST(AccessKeys, Patterns) {
    for (const char* good : {"*", "echo", "echo*", "a-b_c.d", "a"}) EXPECT_TRUE(is_pattern(good));
    for (const char* bad : {"", "**", "a*b", "a b", "a/b", "*a"}) EXPECT_FALSE(is_pattern(bad));
    EXPECT_FALSE(is_pattern(std::string(65, 'a')));
    AccessKeySpec spec{.id = "AKID", .secret = "x", .functions = {"echo", "team-a-*"}};
    const AccessKey key(spec);
    EXPECT_TRUE(key.allows("echo"));
    EXPECT_TRUE(key.allows("team-a-x"));
    EXPECT_TRUE(key.allows("team-a-"));
    EXPECT_FALSE(key.allows("team-a"));
    EXPECT_FALSE(key.allows("echo2"));
    spec.functions = {};
    EXPECT_FALSE(AccessKey(spec).allows("echo"));
    spec.functions = {"*"};
    EXPECT_TRUE(AccessKey(spec).allows("anything"));
}

TEST(Time, IsUnixTime) {
    std::uint64_t unix_s = 0;
    ASSERT_TRUE(parse_time("20150830T123600Z", unix_s));
    EXPECT_EQ(unix_s, 1440938160u);
    ASSERT_TRUE(parse_time("19700101T000000Z", unix_s));
    EXPECT_EQ(unix_s, 0u);
    ASSERT_TRUE(parse_time("20240229T235959Z", unix_s));
    EXPECT_EQ(unix_s, 1709251199u);
    ASSERT_TRUE(parse_time("21000301T000000Z", unix_s));
    EXPECT_EQ(unix_s, 4107542400u);
    EXPECT_FALSE(parse_time("21000229T000000Z", unix_s));
    EXPECT_FALSE(parse_time("19691231T235959Z", unix_s));
}

}  // namespace
}  // namespace skerry::auth
