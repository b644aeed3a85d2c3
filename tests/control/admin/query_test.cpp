#include "control/admin/query.hpp"

#include <gtest/gtest.h>

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
    parsed = parse_deploy("f", "regions=a%2Cb&", Api::admin);
    ASSERT_TRUE(parsed.ok);
    EXPECT_EQ(parsed.value.policy.regions.size(), 2u);
    parsed = parse_deploy("f", "warm_min=9", Api::admin);
    ASSERT_TRUE(parsed.ok);
    EXPECT_EQ(parsed.value.limits.warm_max, 9u) << "not given, so it follows";
}

TEST(DeployQuery, RefusesTheRest) {
    EXPECT_EQ(code_of("memory=1"), "unknown-parameter");
    EXPECT_EQ(code_of("digest=" + kDigest), "unknown-parameter") << "not in the admin API";
    for (const char* bad :
         {"memory_mib=15", "memory_mib=4097", "memory_mib=", "memory_mib=1e2", "memory_mib=-1",
          "memory_mib=+128", "memory_mib= 128", "memory_mib=99999999999999999999", "place=here",
          "place=AUTO", "retry=", "regions=A", "regions=a,,b", "regions=a,a", "regions=,",
          "warm_min=3&warm_max=2", "concurrency=0", "timeout_ms=0x10", "memory_mib=128%00"})
        EXPECT_EQ(code_of(bad), "bad-value") << bad;
    for (const char* bad : {"memory_mib", "=1", "&&", "a=%", "a=%4", "a=%zz",
                            "memory_mib=128&memory_mib=128", "place=pop&pl%61ce=pop"})
        EXPECT_EQ(code_of(bad), "bad-query") << bad;
    EXPECT_EQ(code_of(std::string(5000, 'a')), "query-too-long");
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
    EXPECT_EQ(parsed.error.allowed.size(), 10u);
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

TEST(Settings, DifferWhenLimitsOrPolicyDo) {
    const catalog::Limits limits;
    const catalog::Policy policy;
    const std::string id = settings_id(limits, policy);
    EXPECT_EQ(id.size(), 16u);
    EXPECT_EQ(settings_id(limits, policy), id);
    catalog::Limits slower = limits;
    slower.timeout_ms = 3001;
    EXPECT_NE(settings_id(slower, policy), id);
    catalog::Policy narrow = policy;
    narrow.regions = {"north"};
    EXPECT_NE(settings_id(limits, narrow), id);
    narrow = policy;
    narrow.retry = RetryPolicy::never;
    EXPECT_NE(settings_id(limits, narrow), id);
}

}  // namespace
}  // namespace skerry::admin
