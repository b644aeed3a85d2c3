// The calls as a function: what is answered, word for word where clients depend on it.
#include "control/lambda_api/api.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "control/base64/base64.hpp"
#include "control/lambda_api/json_body.hpp"
#include "tests/control/lambda_api/memory_functions.hpp"

namespace skerry::lambda_api {
namespace {

using nlohmann::json;

constexpr const char* kRole = "arn:aws:iam::000000000000:role/r";
const std::string kFunctions = "/2015-03-31/functions";

struct Said {
    int status;
    std::string type;
    json body;
    std::string message() const { return body.value("message", body.value("Message", "")); }
};

class LambdaApi : public testing::Test {
  protected:
    LambdaApi() {
        spec_.id = "AKID";
        spec_.secret = std::string(20, 's');
        spec_.functions = {"f*"};
        spec_.manage = true;
        key_.emplace(spec_);
    }
    Said call(const std::string& method, const std::string& target, const json& body = nullptr) {
        const Answer answer = handle(
            {method, target, body.is_null() ? "" : body.dump(), &*key_, "eu-west-1"}, functions_);
        return {answer.status, answer.error_type,
                answer.body.empty() ? json() : json::parse(answer.body)};
    }
    static json code(const std::string& text) { return {{"ZipFile", base64("PK\3\4" + text)}}; }
    static json creation(const std::string& name, const std::string& text = "one") {
        return {{"FunctionName", name},
                {"Runtime", "python3.11"},
                {"Role", kRole},
                {"Handler", "app.handle"},
                {"Code", code(text)}};
    }
    Said create(const std::string& name) { return call("POST", kFunctions, creation(name)); }
    Said update(const std::string& name, const std::string& text) {
        return call("PUT", kFunctions + "/" + name + "/code", code(text));
    }
    Said publish(const std::string& name) {
        return call("POST", kFunctions + "/" + name + "/versions", json::object());
    }
    void expect(const Said& said, int status, const std::string& type, const std::string& words) {
        EXPECT_EQ(said.status, status) << said.body;
        EXPECT_EQ(said.type, type) << said.body;
        EXPECT_NE(said.message().find(words), std::string::npos) << said.body;
        EXPECT_EQ(said.body.value("Type", ""), status >= 500 ? "Service" : "User");
    }
    void bad(const json& creation, const std::string& words) {
        expect(call("POST", kFunctions, creation), 400, "InvalidParameterValueException", words);
        EXPECT_TRUE(functions_.state.functions.empty());
    }

    MemoryFunctions functions_;
    auth::AccessKeySpec spec_;
    std::optional<auth::AccessKey> key_;
};

TEST_F(LambdaApi, WhatIsMadeIsShown) {
    json wanted = creation("f");
    wanted["Timeout"] = 5;
    wanted["MemorySize"] = 256;
    wanted["Environment"] = {{"Variables", {{"A", "1"}}}};
    const Said made = call("POST", kFunctions, wanted);
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.body["FunctionArn"], "arn:aws:lambda:eu-west-1:000000000000:function:f");
    EXPECT_EQ(made.body["Runtime"], "python3.11");
    EXPECT_EQ(made.body["LastModified"], "2023-11-14T22:13:20.123+0000");
    EXPECT_EQ(made.body["CodeSize"], 7);
    EXPECT_EQ(made.body["CodeSha256"].get<std::string>().size(), 44u);
    EXPECT_EQ(made.body["RevisionId"].get<std::string>().size(), 36u);
    EXPECT_EQ(made.body["Environment"]["Variables"], (json{{"A", "1"}}));
    const catalog::Limits& limits = functions_.state.functions.at("f").limits;
    EXPECT_EQ(limits.timeout_ms, 5000u);
    EXPECT_EQ(limits.memory_mib, 256u);
    EXPECT_EQ(limits.max_payload_bytes, 6291456u);
    const Said shown = call("GET", kFunctions + "/f");
    EXPECT_EQ(shown.body["Configuration"], made.body);
    EXPECT_FALSE(shown.body.contains("Concurrency"));
    EXPECT_EQ(call("GET", kFunctions + "/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction"
                                       "%3Af/configuration")
                  .body,
              made.body);
}

TEST_F(LambdaApi, AKeyOfATenantMakesItsFunctionsAndSeesNoOthers) {
    EXPECT_EQ(call("POST", kFunctions, creation("f-others")).status, 201);
    spec_.tenant = "gold";
    key_.emplace(spec_);
    EXPECT_EQ(call("POST", kFunctions, creation("f-own")).status, 201);
    EXPECT_EQ(functions_.state.functions.at("f-own").limits.tenant, "gold");
    EXPECT_EQ(functions_.state.functions.at("f-others").limits.tenant, "");
    EXPECT_EQ(call("GET", kFunctions + "/f-own").status, 200);
    EXPECT_EQ(call("GET", kFunctions + "/f-others").status, 403);
    EXPECT_EQ(call("DELETE", kFunctions + "/f-others").status, 403);
    EXPECT_EQ(call("POST", kFunctions, creation("f-others")).status, 403);
    EXPECT_EQ(call("GET", kFunctions).body["Functions"].size(), 1u);
    // Changed, it stays whose it was.
    EXPECT_EQ(call("PUT", kFunctions + "/f-own/configuration", json{{"Timeout", 9}}).status, 200);
    EXPECT_EQ(functions_.state.functions.at("f-own").limits.tenant, "gold");
    spec_.tenant = "default";
    key_.emplace(spec_);
    EXPECT_EQ(call("GET", kFunctions + "/f-others").status, 200);
    EXPECT_EQ(call("GET", kFunctions + "/f-own").status, 403);
    EXPECT_EQ(call("POST", kFunctions, creation("f-third")).status, 201);
    EXPECT_EQ(functions_.state.functions.at("f-third").limits.tenant, "");
}

TEST_F(LambdaApi, WhatThereIsNotIsRefusedByName) {
    const std::pair<const char*, json> asked[] = {{"VpcConfig", {{"SubnetIds", {"s"}}}},
                                                  {"Layers", {"arn"}},
                                                  {"ImageUri", "i"},
                                                  {"FileSystemConfigs", {{{"Arn", "a"}}}},
                                                  {"KMSKeyArn", "k"},
                                                  {"PackageType", "Image"},
                                                  {"Architectures", {"arm64"}},
                                                  {"SnapStart", {{"ApplyOn", "PublishedVersions"}}},
                                                  {"Timeout", 901},
                                                  {"Timeout", 0},
                                                  {"Timeout", "3"},
                                                  {"MemorySize", 64},
                                                  {"MemorySize", 18446744073709551615u},
                                                  {"Runtime", "java21"},
                                                  {"Runtime", "python2.7"},
                                                  {"Runtime", "nodejs18.y"},
                                                  {"Role", "with spaces"},
                                                  {"EphemeralStorage", {{"Size", 4096}}},
                                                  {"Environment", {{"Variables", {{"A", 1}}}}},
                                                  {"Description", std::string(257, 'd')}};
    for (const auto& [key, value] : asked) {
        json wanted = creation("f");
        wanted[key] = value;
        bad(wanted, key);
    }
    json from_s3 = creation("f");
    from_s3["Code"] = {{"S3Bucket", "b"}, {"S3Key", "k"}};
    bad(from_s3, "S3Bucket");
    for (const char* key : {"Runtime", "Role", "Code", "FunctionName"}) {
        json wanted = creation("f");
        wanted.erase(key);
        if (std::string(key) != "FunctionName") bad(wanted, key);
    }
}

TEST_F(LambdaApi, EmptyWishesAreNone) {
    json wanted = creation("f");
    wanted["VpcConfig"] = {{"SubnetIds", json::array()}, {"SecurityGroupIds", json::array()}};
    wanted["Layers"] = json::array();
    wanted["Tags"] = {{"a", "b"}};
    wanted["TracingConfig"] = {{"Mode", "Active"}};
    wanted["KMSKeyArn"] = nullptr;
    EXPECT_EQ(call("POST", kFunctions, wanted).status, 201);
}

TEST_F(LambdaApi, BodiesThatAreNone) {
    const auto raw = [&](const std::string& text) {
        const Answer answer = handle({"POST", kFunctions, text, &*key_, "eu-west-1"}, functions_);
        EXPECT_EQ(answer.status, 400) << text;
        return answer.error_type;
    };
    const char* kType = "InvalidRequestContentException";
    for (const char* text : {"{", "[]", "1", "{\"a\":}", "\xff", "{\"a\":\"\xff\"}", "nul"})
        EXPECT_EQ(raw(text), kType) << text;
    EXPECT_EQ(raw(std::string(9, '[') + std::string(9, ']')), kType);
    std::string many = "{\"a\":[0";
    for (int i = 0; i < 5000; ++i) many += ",0";
    EXPECT_EQ(raw(many + "]}"), kType);
    EXPECT_EQ(raw(""), "InvalidParameterValueException");
}

TEST_F(LambdaApi, ZipsThatAreNone) {
    json wanted = creation("f");
    wanted["Code"]["ZipFile"] = base64("tar");
    expect(call("POST", kFunctions, wanted), 400, "InvalidZipFileException", "unzip");
    for (const char* text : {"====", "A", "UEsDB===", "UEsD BBB", "UE=DBBBB"}) {
        wanted["Code"]["ZipFile"] = text;
        expect(call("POST", kFunctions, wanted), 400, "InvalidParameterValueException", "ZipFile");
    }
    functions_.refuse_deploys = admin::ApiError{422, "bad-artifact", "a link that leaves", {}};
    expect(create("f"), 400, "InvalidZipFileException", "leaves");
}

TEST_F(LambdaApi, VersionsStayWhatTheyAre) {
    create("f");
    EXPECT_EQ(publish("f").body["Version"], "1");
    EXPECT_EQ(publish("f").body["Version"], "1") << "nothing has changed";
    const json first = call("GET", kFunctions + "/f?Qualifier=1").body["Configuration"];
    json second = code("two");
    second["Publish"] = true;
    EXPECT_EQ(call("PUT", kFunctions + "/f/code", second).body["Version"], "2");
    EXPECT_EQ(call("GET", kFunctions + "/f%3A1").body["Configuration"], first);
    EXPECT_EQ(call("GET", kFunctions + "/f/versions").body["Versions"].size(), 3u);
    EXPECT_EQ(call("DELETE", kFunctions + "/f?Qualifier=1").status, 204);
    EXPECT_EQ(call("GET", kFunctions + "/f?Qualifier=1").status, 404);
    update("f", "three");
    EXPECT_EQ(publish("f").body["Version"], "3") << "numbers are never given twice";
    expect(call("DELETE", kFunctions + "/f?Qualifier=$LATEST"), 400,
           "InvalidParameterValueException", "$LATEST");
}

TEST_F(LambdaApi, RevisionsKeepTwoApart) {
    const json made = create("f").body;
    json change = code("two");
    change["RevisionId"] = made["RevisionId"];
    const Said changed = call("PUT", kFunctions + "/f/code", change);
    EXPECT_EQ(changed.status, 200);
    EXPECT_NE(changed.body["RevisionId"], made["RevisionId"]);
    expect(call("PUT", kFunctions + "/f/code", change), 412, "PreconditionFailedException",
           "RevisionId");
}

TEST_F(LambdaApi, AliasesShareTheirRequests) {
    create("f");
    publish("f");
    update("f", "two");
    publish("f");
    const std::string aliases = kFunctions + "/f/aliases";
    const Said made = call("POST", aliases, {{"Name", "live"}, {"FunctionVersion", "1"}});
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.body["AliasArn"], "arn:aws:lambda:eu-west-1:000000000000:function:f:live");
    EXPECT_FALSE(made.body.contains("RoutingConfig"));
    const json weights = {{"AdditionalVersionWeights", {{"2", 0.25}}}};
    const Said split = call("PUT", aliases + "/live", {{"RoutingConfig", weights}});
    EXPECT_EQ(split.body["RoutingConfig"], weights);
    EXPECT_EQ(functions_.state.functions.at("f").alias_details.at("live").other_weight, 250'000u);
    EXPECT_EQ(call("GET", aliases + "/live").body, split.body);
    const json other = {{"RevisionId", made.body["RevisionId"]}};
    expect(call("PUT", aliases + "/live", other), 412, "PreconditionFailedException", "");
    const Said whole = call("PUT", aliases + "/live",
                            {{"FunctionVersion", "2"}, {"RoutingConfig", json::object()}});
    EXPECT_EQ(whole.body["FunctionVersion"], "2");
    EXPECT_FALSE(whole.body.contains("RoutingConfig"));
    EXPECT_EQ(call("GET", kFunctions + "/f?Qualifier=live").body["Configuration"]["Version"], "2");
    expect(call("DELETE", kFunctions + "/f?Qualifier=2"), 409, "ResourceConflictException",
           "alias");
    EXPECT_EQ(call("DELETE", aliases + "/live").status, 204);
    EXPECT_EQ(call("DELETE", aliases + "/live").status, 204);
    EXPECT_EQ(call("GET", aliases + "/live").status, 404);
}

TEST_F(LambdaApi, AliasesThatCanNotBe) {
    create("f");
    publish("f");
    const std::string aliases = kFunctions + "/f/aliases";
    const auto bad_alias = [&](const json& body, int status, const std::string& type) {
        expect(call("POST", aliases, body), status, type, "");
    };
    const char* kBad = "InvalidParameterValueException";
    bad_alias({{"Name", "7"}, {"FunctionVersion", "1"}}, 400, kBad);
    bad_alias({{"Name", "a b"}, {"FunctionVersion", "1"}}, 400, kBad);
    bad_alias({{"Name", "a"}}, 400, kBad);
    bad_alias({{"Name", "a"}, {"FunctionVersion", "9"}}, 404, "ResourceNotFoundException");
    for (const json& weights :
         {json{{"1", 0.5}}, json{{"9", 0.5}}, json{{"1", 2}}, json{{"1", "x"}}, json{{"a", 0.5}}})
        EXPECT_GE(call("POST", aliases,
                       {{"Name", "a"},
                        {"FunctionVersion", "1"},
                        {"RoutingConfig", {{"AdditionalVersionWeights", weights}}}})
                      .status,
                  400)
            << weights;
    bad_alias({{"Name", "a"},
               {"FunctionVersion", "$LATEST"},
               {"RoutingConfig", {{"AdditionalVersionWeights", {{"1", 0.5}}}}}},
              400, kBad);
    EXPECT_EQ(call("POST", aliases, {{"Name", "a"}, {"FunctionVersion", "1"}}).status, 201);
    bad_alias({{"Name", "a"}, {"FunctionVersion", "1"}}, 409, "ResourceConflictException");
    EXPECT_EQ(functions_.state.functions.at("f").aliases.size(), 1u);
}

TEST_F(LambdaApi, AnAliasOfLatestFollows) {
    create("f");
    call("POST", kFunctions + "/f/aliases", {{"Name", "new"}, {"FunctionVersion", "$LATEST"}});
    update("f", "two");
    const catalog::Function& function = functions_.state.functions.at("f");
    EXPECT_EQ(function.aliases.at("new"), function.current);
    EXPECT_EQ(call("GET", kFunctions + "/f/aliases/new").body["FunctionVersion"], "$LATEST");
}

TEST_F(LambdaApi, ConcurrencyIsReserved) {
    create("f");
    const std::string put = "/2017-10-31/functions/f/concurrency";
    const std::string get = "/2019-09-30/functions/f/concurrency";
    EXPECT_EQ(call("GET", get).body, json::object());
    const json two = {{"ReservedConcurrentExecutions", 2}};
    EXPECT_EQ(call("PUT", put, two).body, two);
    EXPECT_EQ(call("GET", get).body, two);
    EXPECT_EQ(call("GET", kFunctions + "/f").body["Concurrency"], two);
    expect(call("PUT", put, {{"ReservedConcurrentExecutions", -1}}), 400,
           "InvalidParameterValueException", "ReservedConcurrentExecutions");
    EXPECT_EQ(call("DELETE", put).status, 204);
    EXPECT_EQ(call("GET", get).body, json::object());
}

TEST_F(LambdaApi, PagesGoOnWhereTheyEnded) {
    for (const char* name : {"f", "f-a", "f0", "fz"}) create(name);
    std::vector<std::string> seen;
    std::string marker;
    for (int pages = 0; pages < 10; ++pages) {
        const Said page = call("GET", kFunctions + "/?MaxItems=1&FunctionVersion=ALL" + marker);
        ASSERT_EQ(page.status, 200) << page.body;
        for (const json& each : page.body["Functions"]) seen.push_back(each["FunctionName"]);
        if (!page.body.contains("NextMarker")) break;
        marker = "&Marker=" + page.body["NextMarker"].get<std::string>();
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"f", "f-a", "f0", "fz"}));
    for (const char* query : {"MaxItems=0", "MaxItems=x", "Marker=*", "FunctionVersion=1"})
        EXPECT_EQ(call("GET", kFunctions + "?" + query).status, 400) << query;
}

TEST_F(LambdaApi, KeysManageWhatTheyAreFor) {
    expect(create("other"), 403, "AccessDeniedException", "other");
    functions_.state.functions["other"].name = "other";
    expect(call("GET", kFunctions + "/other"), 403, "AccessDeniedException", "other");
    EXPECT_EQ(call("GET", kFunctions).body["Functions"].size(), 0u);
}

TEST_F(LambdaApi, PathsThatAreNone) {
    for (const char* target : {"/", "", "/2015-03-31", "/2015-03-31/functions/f/x", "/v1/status",
                               "/2017-10-31/functions/f", "/2015-03-31/functions/f/aliases/a/b",
                               "/2015-03-31/functions/f/invocations"})
        EXPECT_EQ(call("GET", target).status, 404) << target;
    EXPECT_EQ(call("PATCH", kFunctions + "/f").status, 405);
    EXPECT_EQ(call("GET", kFunctions + "/a%2").status, 400);
    EXPECT_EQ(call("GET", kFunctions + "/f?Qualifier=a&Qualifier=b").status, 400);
    EXPECT_EQ(call("GET", kFunctions + "/f%3A1?Qualifier=2").status, 400);
}

}  // namespace
}  // namespace skerry::lambda_api
