// [[tenant]], [limits] concurrency, and keys that belong to a tenant.
#include <gtest/gtest.h>

#include "control/config/config.hpp"

namespace skerry::config {
namespace {

constexpr char kRegion[] =
    "role = \"region\"\nname = \"a\"\nstate_dir = \"/var/lib/a\"\n"
    "[management]\nlisten = \"127.0.0.1:4601\"\ntls_cert = \"/c\"\ntls_key = \"/k\"\ntls_ca = "
    "\"/a\"\n"
    "[[port]]\ndevargs = \"net_af_packet0,iface=lo\"\naddresses = [\"10.0.0.1/24\"]\n";

Result<Config> with(const std::string& more) {
    return parse(kRegion + more, "s.toml");
}
std::string error(const std::string& more) {
    const auto config = with(more);
    return config ? std::string() : config.error().text;
}
std::string tenant(const std::string& name, const std::string& more = "") {
    return "[[tenant]]\nname = \"" + name + "\"\n" + more;
}

TEST(Tenants, NoneAreCountedWithoutATable) {
    const auto config = with("");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_FALSE(config->counts_tenants());
    EXPECT_EQ(config->tenant_number("gold"), 0u);
}

TEST(Tenants, TheDefaultOneIsThereAndFirst) {
    const auto config =
        with(tenant("gold", "weight = 300\nreserved = 2\nlimit = 9\n") + tenant("silver"));
    ASSERT_TRUE(config) << config.error().text;
    ASSERT_EQ(config->tenants.size(), 3u);
    EXPECT_EQ(config->tenants[0].name, "default");
    EXPECT_EQ(config->tenants[0].weight, 100u);
    EXPECT_EQ(config->tenant_number("gold"), 1u);
    EXPECT_EQ(config->tenant_number("silver"), 2u);
    EXPECT_EQ(config->tenant_number("who"), 0u);
    EXPECT_EQ(config->tenants[1].weight, 300u);
    EXPECT_EQ(config->tenants[1].reserved, 2u);
    EXPECT_EQ(config->tenants[1].limit, 9u);
    EXPECT_EQ(config->permits(), 64u) << "as many as workers.max";
    const auto own = with(tenant("gold") + tenant("default", "weight = 7\n"));
    ASSERT_TRUE(own);
    ASSERT_EQ(own->tenants.size(), 2u);
    EXPECT_EQ(own->tenants[0].weight, 7u);
    EXPECT_EQ(own->tenant_number("gold"), 1u);
}

TEST(Tenants, ConcurrencyAloneIsOneTenants) {
    const auto config = with("[limits]\nconcurrency = 5\n");
    ASSERT_TRUE(config);
    ASSERT_EQ(config->tenants.size(), 1u);
    EXPECT_EQ(config->permits(), 5u);
}

TEST(Tenants, WhatIsWrongIsSaid) {
    EXPECT_NE(error("[[tenant]]\nweight = 1\n").find("tenant[0].name: found nothing"),
              std::string::npos)
        << error("[[tenant]]\nweight = 1\n");
    EXPECT_NE(error(tenant("a b")).find("allowed: 1 to 32"), std::string::npos);
    EXPECT_NE(error(tenant("a") + tenant("a")).find("again"), std::string::npos);
    EXPECT_NE(error(tenant("a", "weight = 0\n")).find("tenant[0].weight"), std::string::npos);
    EXPECT_NE(error(tenant("a", "reserved = 3\nlimit = 2\n")).find("tenant[0].limit"),
              std::string::npos);
    EXPECT_NE(error("[limits]\nconcurrency = 4\n" + tenant("a", "reserved = 2\n") +
                    tenant("b", "reserved = 2\n"))
                  .find("found 4 for all tenants"),
              std::string::npos);
    std::string many;
    for (int i = 0; i < 64; ++i) many += tenant("t" + std::to_string(i));
    EXPECT_NE(error(many), "");
}

TEST(Tenants, AKeyThatManagesMayBelongToOne) {
    const std::string key =
        "[[access_key]]\nid = \"AKIDEXAMPLE\"\nsecret_file = \"/s\"\nfunctions = [\"*\"]\n"
        "tenant = \"gold\"\n";
    const auto config = with(key + "manage = true\n");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_EQ(config->access_keys[0].tenant, "gold");
    EXPECT_NE(error(key).find("access_key[0].tenant"), std::string::npos);
}

}  // namespace
}  // namespace skerry::config
