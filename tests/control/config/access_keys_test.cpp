// [[access_key]]: what is taken, what is refused, and the files that secrets are in.
#include "control/config/access_keys.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "control/config/preflight.hpp"

namespace skerry::config {
namespace {

constexpr char kServer[] = R"(name = "pop-1"
state_dir = "/var/lib/skerry"
[[port]]
devargs = "net_af_packet0,iface=eth0"
addresses = ["10.0.0.2/24"]
)";

constexpr char kKey[] = R"([[access_key]]
id = "AKIDALICE"
secret_file = "/etc/skerry/keys/alice"
functions = ["echo", "team-*", "*"]
not_after = 2027-01-31T12:00:00+01:00
)";

std::string errors_with(const std::string& key, const std::string& line) {
    std::string text = kKey;
    const auto at = text.find("\n" + key + " = ") + 1;
    EXPECT_NE(at, 0u) << key;
    const auto result = parse(kServer + text.replace(at, text.find('\n', at) - at, line), "s.toml");
    return result ? "" : result.error().text;
}

TEST(ConfigAccessKeys, AreTaken) {
    const auto config = parse(std::string(kServer) + kKey + R"([[access_key]]
id = "AKIDBOB"
secret_file = "/etc/skerry/keys/bob"
functions = []
status = "retired"
)",
                              "s.toml");
    ASSERT_TRUE(config) << config.error().text;
    ASSERT_EQ(config->access_keys.size(), 2u);
    const AccessKey& alice = config->access_keys[0];
    EXPECT_EQ(alice.id, "AKIDALICE");
    EXPECT_TRUE(alice.active);
    EXPECT_EQ(alice.functions.size(), 3u);
    EXPECT_EQ(alice.not_after_s, 1801393200u);
    EXPECT_FALSE(config->access_keys[1].active);
    EXPECT_EQ(config->access_keys[1].not_after_s, 0u);
}

TEST(ConfigAccessKeys, SignaturesAreRequiredByDefault) {
    EXPECT_TRUE(parse(kServer, "s.toml")->http.require_signature);
    const auto open = parse(std::string(kServer) + "[http]\nrequire_signature = false\n" +
                                "signing_region = \"eu-central-1\"\n",
                            "s.toml");
    ASSERT_TRUE(open);
    EXPECT_FALSE(open->http.require_signature);
    EXPECT_EQ(open->http.signing_region, "eu-central-1");
    EXPECT_FALSE(parse(std::string(kServer) + "[http]\nsigning_region = \"EU\"\n", "s.toml"));
    EXPECT_FALSE(parse(std::string(kServer) + "[http]\nrequire_signature = \"no\"\n", "s.toml"));
}

TEST(ConfigAccessKeys, WhatIsRefused) {
    for (const auto& [key, line] : std::initializer_list<std::pair<const char*, const char*>>{
             {"id", "id = \"A\""},
             {"id", "id = \"AKID-ALICE\""},
             {"id", ""},
             {"secret_file", "secret_file = \"alice\""},
             {"secret_file", "secret = \"in the configuration itself\""},
             {"functions", ""},
             {"functions", "functions = [\"a b\"]"},
             {"functions", "functions = [\"*x\"]"},
             {"functions", "functions = \"*\""},
             {"not_after", "not_after = 2027-01-31T12:00:00"},
             {"not_after", "not_after = 2027-01-31"},
             {"not_after", "not_after = \"tomorrow\""},
             {"not_after", "status = \"gone\""}})
        EXPECT_NE(errors_with(key, line), "") << line;
    const auto twice = parse(std::string(kServer) + kKey + kKey, "s.toml");
    ASSERT_FALSE(twice);
    EXPECT_NE(twice.error().text.find("\"AKIDALICE\" again"), std::string::npos);
}

class Secrets : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        key_.id = "AKIDALICE";
        key_.secret_file = std::string(folder_) + "/alice";
        key_.functions = {"*"};
    }
    void TearDown() override {
        unlink(key_.secret_file.c_str());
        rmdir(folder_);
    }
    void write(const std::string& text, mode_t mode = 0600) {
        std::ofstream(key_.secret_file) << text;
        chmod(key_.secret_file.c_str(), mode);
    }
    std::string error() {
        const auto loaded = load_secrets({key_});
        return loaded ? "" : loaded.error().text;
    }

    char folder_[32] = "/tmp/skerry-secrets-XXXXXX";
    AccessKey key_;
    const std::string secret_ = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
};

TEST_F(Secrets, AreReadFromFilesOfTheirOwn) {
    for (const std::string& text : {secret_, secret_ + "\n", " " + secret_ + " \r\n\n"}) {
        write(text);
        const auto loaded = load_secrets({key_});
        ASSERT_TRUE(loaded) << loaded.error().text;
        EXPECT_EQ((*loaded)[0].secret, secret_);
        EXPECT_EQ((*loaded)[0].functions, key_.functions);
    }
}

TEST_F(Secrets, ThatOthersMayReadAreRefusedAndNeverShown) {
    for (const mode_t mode : {0640, 0604, 0660, 0622}) {
        write(secret_, mode);
        EXPECT_NE(error().find("chmod 600"), std::string::npos) << error();
    }
    write("");
    EXPECT_NE(error(), "");
    for (const std::string& text :
         {std::string("short"), secret_ + " " + secret_, std::string(2000, 'x'),
          secret_ + std::string(1, '\0'), secret_ + "\xc3\xbc"}) {
        write(text);
        EXPECT_NE(error(), "");
        EXPECT_EQ(error().find("wJalr"), std::string::npos) << "no secret is shown";
    }
    unlink(key_.secret_file.c_str());
    EXPECT_NE(error().find("No such file"), std::string::npos);
    ASSERT_EQ(mkfifo(key_.secret_file.c_str(), 0600), 0);
    EXPECT_NE(error().find("not a regular file"), std::string::npos);
    unlink(key_.secret_file.c_str());
    key_.secret_file = "/tmp";
    EXPECT_NE(error().find("not a regular file"), std::string::npos);
    key_.secret_file = std::string(folder_) + "/alice";
}

TEST_F(Secrets, PreflightSaysWhoMayInvoke) {
    Config config = *parse(kServer, "s.toml");
    const auto need = [&] {
        for (const Need& each : preflight(config))
            if (each.what == "access keys") return each;
        return Need{};
    };
    EXPECT_EQ(need().state, Need::warning) << "nobody may";
    config.access_keys = {key_};
    EXPECT_EQ(need().state, Need::failed) << "there is no file";
    write(secret_);
    EXPECT_EQ(need().state, Need::ok);
    config.http.require_signature = false;
    EXPECT_EQ(need().state, Need::warning) << "everybody may";
    config.http.port = 0;
    EXPECT_EQ(need().what, "");
}

TEST(ConfigLambdaApi, IsForPopsAndForKeysThatMayManage) {
    const std::string listens = "[lambda_api]\nlisten = \"127.0.0.1:4602\"\n";
    auto config = parse(std::string(kServer) + listens + kKey + "manage = true\n", "s.toml");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_EQ(config->lambda_api.listen, "127.0.0.1:4602");
    EXPECT_TRUE(config->access_keys[0].manage);
    EXPECT_FALSE(parse(std::string(kServer) + kKey, "s.toml")->access_keys[0].manage);
    EXPECT_EQ(parse(kServer, "s.toml")->lambda_api.listen, "");
    const auto error = [](const std::string& text) {
        const auto result = parse(text, "s.toml");
        return result ? "" : result.error().text;
    };
    EXPECT_NE(error(std::string(kServer) + "[lambda_api]\n").find("lambda_api.listen"),
              std::string::npos);
    EXPECT_NE(error(std::string(kServer) + "[lambda_api]\nlisten = \"here\"\n")
                  .find("lambda_api.listen: found \"here\""),
              std::string::npos);
    EXPECT_NE(error(std::string(kServer) + listens + kKey + "manage = 1\n").find("manage: found 1"),
              std::string::npos);
    const std::string region = "role = \"region\"\n" + std::string(kServer);
    EXPECT_NE(error(region + listens).find("nothing in a region"), std::string::npos);
}

TEST(ConfigLambdaApi, PreflightSaysWhoMayManageAndWhoMayListen) {
    Config config = *parse(kServer, "s.toml");
    const auto need = [&] {
        for (const Need& each : preflight(config))
            if (each.what == "lambda_api") return each;
        return Need{};
    };
    EXPECT_EQ(need().what, "");
    config.lambda_api.listen = "127.0.0.1:4602";
    EXPECT_EQ(need().state, Need::warning) << "nobody may manage";
    config.access_keys = {{.id = "A", .secret_file = "/a", .functions = {"*"}, .manage = true}};
    EXPECT_EQ(need().state, Need::ok);
    config.lambda_api.listen = "[::1]:4602";
    EXPECT_EQ(need().state, Need::ok);
    for (const char* open : {"0.0.0.0:4602", "[::]:4602", "10.0.0.1:4602", "[::10]:4602"}) {
        config.lambda_api.listen = open;
        EXPECT_EQ(need().state, Need::warning) << open;
        EXPECT_NE(need().found.find(open), std::string::npos);
    }
}

}  // namespace
}  // namespace skerry::config
