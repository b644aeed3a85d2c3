#include "control/admin/query.hpp"

#include <gtest/gtest.h>

#include "control/admin/base64url.hpp"

namespace skerry::admin {
namespace {

const std::string kDigest(64, 'a');

std::string code_of(const std::string& query, Api api = Api::admin, const std::string& name = "f") {
    auto parsed = parse_deploy(name, query, api);
    EXPECT_TRUE(parsed.ok || parsed.error.http_status == 400);
    return parsed.ok ? "" : parsed.error.code;
}

TEST(DeployQuery, DefaultsAndValues) {
    auto parsed = parse_deploy("f", "", Api::admin);
    ASSERT_TRUE(parsed.ok);
    EXPECT_EQ(parsed.value.limits, catalog::Limits{});
    EXPECT_EQ(parsed.value.policy, catalog::Policy{});
    parsed = parse_deploy("f",
                          "memory_mib=256&timeout_ms=10&concurrency=4&warm_min=1&warm_max=2&"
                          "place=region&retry=never&regions=north,south&cold_cost_ms=90&"
                          "max_payload_bytes=1000",
                          Api::admin);
    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    EXPECT_EQ(parsed.value.limits, (catalog::Limits{256, 10, 4, 1, 2, 1000, 90}));
    EXPECT_EQ(parsed.value.policy,
              (catalog::Policy{Place::region, RetryPolicy::never, {"north", "south"}}));
    EXPECT_EQ(parse_deploy("f", "retry=marked", Api::admin).value.policy.retry,
              RetryPolicy::marked);
    parsed = parse_deploy("f", "regions=a%2Cb&", Api::admin);
    ASSERT_TRUE(parsed.ok);
    EXPECT_EQ(parsed.value.policy.regions.size(), 2u);
    parsed = parse_deploy("f", "warm_min=9", Api::admin);
    ASSERT_TRUE(parsed.ok);
    EXPECT_EQ(parsed.value.limits.warm_max, 9u) << "not given, so it follows";
}

TEST(DeployQuery, RefusesTheRest) {
    EXPECT_EQ(code_of("memory=1"), "unknown-parameter");
    EXPECT_EQ(code_of("digest=" + kDigest), "");
    EXPECT_EQ(code_of("origin=https%3A%2F%2Fa%2Fb.zip&digest=" + kDigest), "");
    EXPECT_EQ(code_of("origin=https%3A%2F%2Fa%2Fb.zip"), "missing-parameter") << "whose digest?";
    EXPECT_EQ(code_of("origin=https%3A%2F%2Fa%2Fb.zip&digest=" + kDigest, Api::management),
              "unknown-parameter");
    for (const char* bad :
         {"memory_mib=15", "memory_mib=4097", "memory_mib=", "memory_mib=1e2", "memory_mib=-1",
          "memory_mib=+128", "memory_mib= 128", "memory_mib=99999999999999999999", "place=here",
          "place=AUTO", "retry=", "regions=A", "regions=a,,b", "regions=a,a", "regions=,",
          "warm_min=3&warm_max=2", "concurrency=0", "timeout_ms=0x10", "memory_mib=128%00"})
        EXPECT_EQ(code_of(bad), "bad-value") << bad;
    for (const char* bad : {"memory_mib", "=1", "&&", "a=%", "a=%4", "a=%zz",
                            "memory_mib=128&memory_mib=128", "place=pop&pl%61ce=pop"})
        EXPECT_EQ(code_of(bad), "bad-query") << bad;
    EXPECT_EQ(code_of(std::string(8000, 'a')), "query-too-long");
    std::string many;
    for (int i = 0; i < 40; ++i) many += "a" + std::to_string(i) + "=1&";
    EXPECT_EQ(code_of(many), "bad-query");
    EXPECT_EQ(code_of("", Api::admin, "a/b"), "bad-name");
    EXPECT_EQ(code_of("", Api::admin, ""), "bad-name");
}

TEST(DeployQuery, SaysWhatIsAllowed) {
    auto parsed = parse_deploy("f", "place=here", Api::admin);
    EXPECT_EQ(parsed.error.allowed, (std::vector<std::string>{"auto", "pop", "region"}));
    parsed = parse_deploy("f", "memory_mib=1", Api::admin);
    EXPECT_EQ(parsed.error.allowed, (std::vector<std::string>{"16 to 4096"}));
    parsed = parse_deploy("f", "x=1", Api::admin);
    EXPECT_EQ(parsed.error.allowed.size(), 29u);
}

TEST(DeployQuery, ASignatureIsTakenAndTellsServersApart) {
    const std::string signature = "ed25519." + kDigest + "." + kDigest + kDigest;
    EXPECT_EQ(code_of("signature=" + signature), "");
    EXPECT_EQ(code_of("signature=" + signature + "0"), "bad-value");
    EXPECT_EQ(code_of("signature="), "bad-value");
    auto parsed =
        parse_deploy("f", "digest=" + kDigest + "&signature=" + signature, Api::management);
    ASSERT_TRUE(parsed.ok);
    EXPECT_EQ(parsed.value.signature, signature);
    const auto again = parse_deploy("f", render_deploy(parsed.value), Api::management);
    ASSERT_TRUE(again.ok);
    EXPECT_EQ(again.value.signature, signature);
    EXPECT_NE(settings_id({}, {}, {}, signature), settings_id({}, {}, {}));
}

TEST(DeployQuery, TheManagementApiNeedsADigest) {
    EXPECT_EQ(code_of("", Api::management), "missing-parameter");
    EXPECT_EQ(code_of("digest=abc", Api::management), "bad-value");
    EXPECT_EQ(code_of("digest=" + std::string(64, 'A'), Api::management), "bad-value");
    EXPECT_EQ(code_of("digest=" + kDigest, Api::management), "");
}

TEST(DeployQuery, WhatIsRenderedIsReadAgain) {
    DeployRequest request;
    request.name = "f";
    request.limits = {256, 10, 4, 1, 2, 1000, 90};
    request.policy = {Place::pop, RetryPolicy::idempotent, {"a", "b-2"}};
    request.digest = kDigest;
    auto parsed = parse_deploy("f", render_deploy(request), Api::management);
    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    EXPECT_EQ(parsed.value.limits, request.limits);
    EXPECT_EQ(parsed.value.policy, request.policy);
    EXPECT_EQ(parsed.value.digest, request.digest);
}

TEST(DeployQuery, RuntimeHandlerAndEnvironment) {
    const std::string packed("A=1\0B=\xc3\xa4 =\0", 11);
    auto parsed = parse_deploy(
        "f",
        "runtime=python3&handler=app.main&single_use=true&cpu_percent=150&"
        "cpu_weight=7&latency_weight=300&cpu_ms=250&max_per_s=70&max_burst=8&tmp_mib=32&pids_"
        "max=9&log_kib=3&egress=internet&tenant=gold&"
        "environment=" +
            base64url(packed),
        Api::admin);
    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    EXPECT_EQ(parsed.value.runtime, (catalog::Runtime{runtime::Kind::python3, "app.main", packed}));
    const catalog::Limits& l = parsed.value.limits;
    EXPECT_TRUE(l.single_use);
    EXPECT_EQ(l.cpu_percent, 150u);
    EXPECT_EQ(l.cpu_weight, 7u);
    EXPECT_EQ(l.latency_weight, 300u);
    EXPECT_EQ(l.cpu_ms, 250u);
    EXPECT_EQ(l.max_per_s, 70u);
    EXPECT_EQ(l.max_burst, 8u);
    EXPECT_EQ(l.tmp_mib, 32u);
    EXPECT_EQ(l.pids_max, 9u);
    EXPECT_EQ(l.log_kib, 3u);
    EXPECT_EQ(l.egress, "internet");
    EXPECT_EQ(l.tenant, "gold");
    parsed.value.digest = kDigest;
    const auto again = parse_deploy("f", render_deploy(parsed.value), Api::management);
    ASSERT_TRUE(again.ok) << again.error.message;
    EXPECT_EQ(again.value.runtime, parsed.value.runtime);
    EXPECT_EQ(again.value.limits, l);
    const auto swapped =
        parse_deploy("f", "environment=" + base64url(std::string("B=2\0A=1\0", 8)), Api::admin);
    ASSERT_TRUE(swapped.ok);
    EXPECT_EQ(swapped.value.runtime.environment, std::string("A=1\0B=2\0", 8));
}

TEST(DeployQuery, WhatIsNewerIsRenderedOnlyWhenItIsNotTheDefault) {
    DeployRequest request;
    request.digest = kDigest;
    const std::string query = render_deploy(request);
    for (const char* newer : {"runtime", "handler", "environment", "cpu_", "max_per", "max_burst",
                              "tmp_mib", "pids_max", "log_kib", "single", "egress", "tenant"})
        EXPECT_EQ(query.find(newer), std::string::npos) << newer;
}

TEST(DeployQuery, TheDefaultTenantIsNone) {
    const auto parsed = parse_deploy("f", "tenant=default", Api::admin);
    ASSERT_TRUE(parsed.ok);
    EXPECT_EQ(parsed.value.limits, catalog::Limits{});
}

TEST(DeployQuery, RefusesRuntimesThatDoNotFit) {
    for (const char* bad : {"runtime=ruby",
                            "runtime=",
                            "runtime=python3",
                            "handler=a.b",
                            "single_use=1",
                            "runtime=python3&handler=app.main&concurrency=2",
                            "runtime=nodejs&handler=app",
                            "runtime=nodejs&handler=../app.main",
                            "runtime=nodejs&handler=%2Fapp.main",
                            "runtime=nodejs&handler=a%20b.main",
                            "runtime=provided&concurrency=64",
                            "cpu_percent=6401",
                            "cpu_weight=0",
                            "latency_weight=0",
                            "cpu_ms=900001",
                            "tmp_mib=0",
                            "pids_max=1025",
                            "log_kib=0",
                            "egress=In",
                            "egress=a%26b",
                            "tenant=a%26b",
                            "tenant=a.b",
                            "tenant=a23456789012345678901234567890123",
                            "environment=QQ",
                            "environment=%3D",
                            "environment=QQ=="})
        EXPECT_EQ(code_of(bad), "bad-value") << bad;
    const auto refusal = [](const std::string& environment) {
        return parse_deploy("f", "environment=" + base64url(environment), Api::admin).error.message;
    };
    const auto variable = [](const std::string& text) { return text + '\0'; };
    for (const char* name : {"AWS_LAMBDA_X", "LAMBDA_TASK_ROOT", "_HANDLER", "_X_AMZN_TRACE_ID",
                             "SKERRY_X", "AWS_REGION", "AWS_DEFAULT_REGION"})
        EXPECT_NE(refusal(variable(name + std::string("=x"))).find("reserved"), std::string::npos)
            << name;
    EXPECT_NE(refusal(variable("1A=x")).find("allowed are"), std::string::npos);
    EXPECT_NE(refusal(variable("=x")).find("allowed are"), std::string::npos);
    EXPECT_NE(refusal(variable("A=x") + variable("A=y")).find("twice"), std::string::npos);
    EXPECT_NE(refusal(variable("A=\xff")).find("UTF-8"), std::string::npos);
    EXPECT_NE(refusal(variable("A=" + std::string(4094, 'x'))).find("4097"), std::string::npos);
    EXPECT_EQ(refusal(variable("A=" + std::string(4093, 'x'))), "");
}

TEST(LogsQuery, SinceAfterAndRequest) {
    auto parsed =
        parse_logs("since=2026-01-31T12:00:00Z&after=3.400&request=" + std::string(31, '0') + "a");
    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    EXPECT_EQ(parsed.value.since_us, 1769860800000000);
    EXPECT_EQ(parsed.value.after, (logs::Cursor{3, 400}));
    EXPECT_EQ(parsed.value.request, (logs::RequestId{0, 10}));
    EXPECT_TRUE(parse_logs("").ok);
    for (const char* bad : {"since=10m", "since=", "after=3", "request=1", "after=3.x"})
        EXPECT_EQ(parse_logs(bad).error.code, "bad-value") << bad;
    EXPECT_EQ(parse_logs("follow=1").error.code, "unknown-parameter");
}

TEST(Base64Url, BothWays) {
    for (const char* bytes : {"", "a", "ab", "abc", "\xff\xfe\xfd\xfc"})
        EXPECT_EQ(base64url_decoded(base64url(bytes)), bytes);
    EXPECT_EQ(base64url("\xfb\xff"), "-_8");
    for (const char* bad : {"A", "AB", "A+", "A=", "ABC=", "AAAAA", "AAB"})
        EXPECT_EQ(base64url_decoded(bad), std::nullopt) << bad;
}

TEST(Settings, DifferWhenLimitsPolicyOrRuntimeDo) {
    const catalog::Limits limits;
    catalog::Runtime runtime;
    const catalog::Policy policy;
    const std::string id = settings_id(limits, policy, runtime);
    EXPECT_EQ(id.size(), 16u);
    EXPECT_EQ(settings_id(limits, policy, runtime), id);
    catalog::Limits slower = limits;
    slower.timeout_ms = 3001;
    EXPECT_NE(settings_id(slower, policy, runtime), id);
    catalog::Policy narrow = policy;
    narrow.regions = {"north"};
    EXPECT_NE(settings_id(limits, narrow, runtime), id);
    narrow = policy;
    narrow.retry = RetryPolicy::never;
    EXPECT_NE(settings_id(limits, narrow, runtime), id);
    runtime.environment = std::string("A=1\0", 4);
    EXPECT_NE(settings_id(limits, policy, runtime), id);
}

}  // namespace
}  // namespace skerry::admin
