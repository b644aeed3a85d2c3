// [artifacts]: whose signatures count, and where artifacts are fetched from.
#include <gtest/gtest.h>

#include <string>

#include "control/config/config.hpp"

namespace skerry::config {
namespace {

std::string file(const std::string& artifacts) {
    return R"(name = "one"
state_dir = "/var/lib/skerry"
[[port]]
devargs = "net_af_packet0,iface=eth0"
addresses = ["10.0.0.2/24"]
[artifacts]
)" + artifacts;
}

std::string errors_of(const std::string& artifacts) {
    const auto config = parse(file(artifacts), "a.toml");
    return config ? "" : config.error().text;
}

TEST(Artifacts, NothingHasToBeSignedByDefault) {
    const auto config = parse(file(""), "a.toml");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_FALSE(config->artifacts.require_signature);
    EXPECT_TRUE(config->artifacts.trusted_keys.empty() && config->artifacts.origins.empty());
    EXPECT_EQ(config->artifacts.fetch_timeout_s, 120u);
}

TEST(Artifacts, EveryKeyIsTaken) {
    const auto config =
        parse(file("trusted_keys = [\"/etc/skerry/a.pub\", \"/etc/skerry/b.pub\"]\n"
                   "require_signature = true\n"
                   "origins = [\"https://builds.example:8443\", \"http://10.0.0.9\"]\n"
                   "tls_ca = \"/etc/skerry/ca.pem\"\nfetch_timeout_s = 30\n"),
              "a.toml");
    ASSERT_TRUE(config) << config.error().text;
    const Artifacts& a = config->artifacts;
    EXPECT_TRUE(a.require_signature);
    EXPECT_EQ(a.trusted_keys.size(), 2u);
    EXPECT_EQ(a.origins.size(), 2u);
    EXPECT_EQ(a.tls_ca, "/etc/skerry/ca.pem");
    EXPECT_EQ(a.fetch_timeout_s, 30u);
}

TEST(Artifacts, WhatIsWrongIsSaid) {
    const std::pair<const char*, const char*> wrong[] = {
        {"require_signature = true", "at least one of trusted_keys"},
        {"trusted_keys = [\"a.pub\"]", "absolute paths"},
        {"trusted_keys = [\"/a.pub\", \"/a.pub\"]", "each once"},
        {"trusted_keys = \"/a.pub\"", "a list"},
        {"origins = [\"builds.example\"]", "origins without a path"},
        {"origins = [\"https://builds.example/path\"]", "origins without a path"},
        {"origins = [\"file:///etc\"]", "origins without a path"},
        {"fetch_timeout_s = 0", "1 to 500"},
        {"tls_ca = \"ca.pem\"", "absolute path"},
        {"required = true", "artifacts.required"},
    };
    for (const auto& [text, says] : wrong)
        EXPECT_NE(errors_of(text).find(says), std::string::npos) << text << ": " << errors_of(text);
}

}  // namespace
}  // namespace skerry::config
