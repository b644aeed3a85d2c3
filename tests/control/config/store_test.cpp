// [store], and what it needs of [management].
#include <gtest/gtest.h>

#include <string>

#include "control/config/config.hpp"

namespace skerry::config {
namespace {

std::string file(const std::string& role, const std::string& management, const std::string& store) {
    return "role = \"" + role + R"("
name = "one"
state_dir = "/var/lib/skerry"
[[port]]
devargs = "net_af_packet0,iface=eth0"
addresses = ["10.0.0.2/24"]
[management]
tls_cert = "/etc/skerry/cert.pem"
tls_key = "/etc/skerry/key.pem"
tls_ca = "/etc/skerry/ca.pem"
)" + management +
           "\n[store]\n" + store;
}

constexpr char kListens[] = "listen = \"10.0.0.2:4601\"";
constexpr char kEtcd[] =
    "kind = \"etcd\"\nendpoints = [\"https://10.0.0.5:2379\", \"http://[fd00::5]:2379\"]\n";

std::string errors_of(const std::string& text) {
    const auto config = parse(text, "s.toml");
    return config ? "" : config.error().text;
}

TEST(Store, IsTheServersOwnByDefault) {
    const auto config = parse(file("pop", "", ""), "s.toml");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_FALSE(config->in_fleet());
    EXPECT_EQ(config->store.prefix, "/skerry");
    EXPECT_EQ(config->store.lease_s, 10u);
}

TEST(Store, EveryKeyIsTaken) {
    const auto config =
        parse(file("pop", kListens,
                   std::string(kEtcd) +
                       "prefix = \"/fleets/one\"\nuser = \"skerry\"\n"
                       "password_file = \"/etc/skerry/password\"\n"
                       "tls_ca = \"/etc/a\"\ntls_cert = \"/etc/b\"\ntls_key = \"/etc/c\"\n"
                       "lease_s = 3\n"),
              "s.toml");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_TRUE(config->in_fleet());
    const Store& store = config->store;
    EXPECT_EQ(store.endpoints.size(), 2u);
    EXPECT_EQ(store.prefix + store.user + store.password_file + store.tls_ca + store.tls_cert +
                  store.tls_key,
              "/fleets/oneskerry/etc/skerry/password/etc/a/etc/b/etc/c");
    EXPECT_EQ(store.lease_s, 3u);
}

TEST(Store, WhatCanNotBeIsNamed) {
    const std::pair<std::string, const char*> wrong[] = {
        {file("pop", "", kEtcd), "management.listen: found nothing"},
        {file("region", kListens, kEtcd),
         "store.kind: found \"etcd\"; allowed: \"embedded\" in a region"},
        {file("pop", kListens, "kind = \"etcd\""), "store.endpoints: found nothing"},
        {file("pop", "", "endpoints = [\"http://a:1\"]"),
         "store.endpoints: found endpoints of etcd"},
        {file("pop", kListens, "kind = \"etcd\"\nendpoints = [\"ftp://a\"]"),
         "store.endpoints: found \"ftp://a\""},
        {file("pop", kListens, "kind = \"etcd\"\nendpoints = [\"http://a/b\"]"), "store.endpoints"},
        {file("pop", kListens, std::string(kEtcd) + "prefix = \"/\""), "store.prefix"},
        {file("pop", kListens, std::string(kEtcd) + "prefix = \"/a/\""), "store.prefix"},
        {file("pop", kListens, std::string(kEtcd) + "user = \"a\""), "store.user"},
        {file("pop", kListens, std::string(kEtcd) + "tls_key = \"/a\""), "store.tls_cert"},
        {file("pop", kListens, std::string(kEtcd) + "lease_s = 2"), "store.lease_s: found 2"},
        {file("pop", "", "kind = \"sqlite\""), "store.kind: found \"sqlite\""},
    };
    for (const auto& [text, said] : wrong)
        EXPECT_NE(errors_of(text).find(said), std::string::npos) << said << "\n" << errors_of(text);
}

}  // namespace
}  // namespace skerry::config
