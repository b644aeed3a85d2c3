// The program itself, against a real admin server with a state in memory.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "control/admin/servers.hpp"
#include "tests/control/admin/memory_backend.hpp"
#include "tests/tools/client/small_server.hpp"
#include "tools/skerryctl/commands.hpp"

namespace skerry::ctl {
namespace {

using nlohmann::json;
using test::SmallServer;

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Skerryctl : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(root_), nullptr);
        auto started = admin::start_admin(std::string(root_) + "/admin.sock", backend_);
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(started).value();
        std::ofstream(std::string(root_) + "/run") << "#!/bin/sh\n";
    }
    void TearDown() override {
        server_.reset();
        std::filesystem::remove_all(root_);
    }
    // Exit code; what was printed is in out_ and err_.
    int run(const std::string& arguments) {
        const std::string root = root_;
        const std::string line = "SKERRY_ADMIN=" + root + "/admin.sock " +
                                 std::string(getenv("SKERRY_SKERRYCTL")) + " " + arguments + " >" +
                                 root + "/out 2>" + root + "/err </dev/null";
        const int status = std::system(line.c_str());
        out_ = read_file(root + "/out");
        err_ = read_file(root + "/err");
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    json out() const { return json::parse(out_, nullptr, false); }
    json err() const { return json::parse(err_, nullptr, false); }
    std::string deploy(const std::string& options = "") const {
        return "function deploy hello --artifact " + std::string(root_) + "/run " + options;
    }

    char root_[64] = "/tmp/skerry-ctl-XXXXXX";
    admin::MemoryBackend backend_;
    std::unique_ptr<admin::Server> server_;
    std::string out_, err_;
};

TEST_F(Skerryctl, StatusAsTextAndAsJson) {
    EXPECT_EQ(run("status"), 0);
    EXPECT_NE(out_.find("pop-1"), std::string::npos);
    EXPECT_EQ(run("--json status"), 0);
    EXPECT_EQ(out()["name"], "pop-1");
    EXPECT_EQ(run("status --json"), 0) << "behind the verb too";
    EXPECT_EQ(out()["boot_id"], "fedcba9876543210");
}

TEST_F(Skerryctl, DeployPassesOnWhatWasGivenAndNoMore) {
    EXPECT_EQ(run(deploy("--memory-mib 64 --place region --regions north,south --retry never")), 0)
        << err_;
    EXPECT_EQ(backend_.last_request.name, "hello");
    EXPECT_EQ(backend_.last_request.limits.memory_mib, 64u);
    EXPECT_EQ(backend_.last_request.limits.timeout_ms, catalog::Limits{}.timeout_ms);
    EXPECT_EQ(backend_.last_request.policy.place, Place::region);
    EXPECT_EQ(backend_.last_request.policy.regions, (std::vector<std::string>{"north", "south"}));
    EXPECT_NE(out_.find("south: does not have it: silent"), std::string::npos);
    EXPECT_EQ(run(deploy("--json")), 0);
    EXPECT_EQ(out()["version"], catalog::sha256_hex(backend_.last_archive));
}

TEST_F(Skerryctl, DeployPassesOnRuntimeAndEnvironment) {
    const std::string more = "--runtime provided --env B=2 --env A=1=1 --single-use --log-kib 9";
    EXPECT_EQ(run(deploy(more)), 0) << err_;
    const catalog::Runtime& made = backend_.last_request.runtime;
    EXPECT_EQ(made.kind, runtime::Kind::provided);
    EXPECT_EQ(made.environment, std::string("A=1=1\0B=2\0", 10));
    EXPECT_TRUE(backend_.last_request.limits.single_use);
    EXPECT_EQ(backend_.last_request.limits.log_kib, 9u);
    EXPECT_EQ(run(deploy("--env A")), 2);
    EXPECT_EQ(run(deploy("--env AWS_LAMBDA_X=1")), 2);
    EXPECT_NE(err_.find("reserved"), std::string::npos);
}

TEST_F(Skerryctl, LogsAreShownWithoutWhatATerminalActsOn) {
    EXPECT_EQ(run("logs hello"), 1);
    ASSERT_EQ(run(deploy()), 0);
    EXPECT_EQ(run("logs hello --since 10m --request 00000000000000010000000000000002"), 0) << err_;
    EXPECT_EQ(out_.find("2025-11-24T21:35:46.123456Z 3 00000000000000010000000000000002 said "
                        "\\x1b[31m"),
              0u)
        << out_;
    EXPECT_EQ(out_.find('\x1b'), std::string::npos);
    EXPECT_GT(backend_.last_question.since_us, 0);
    EXPECT_EQ(backend_.last_question.request, (logs::RequestId{1, 2}));
    EXPECT_EQ(run("logs hello --json"), 0);
    EXPECT_EQ(out()["records"].size(), 1u);
    EXPECT_EQ(run("logs hello --since yesterday"), 2);
    EXPECT_EQ(since_text("90s", 100'000'000), "1970-01-01T00:00:10.000000Z");
    EXPECT_EQ(since_text("1d", 100'000'000), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(since_text("2026-01-31T12:00:00+01:00", 0), "2026-01-31T12:00:00+01:00");
    for (const char* bad : {"", "m", "10", "10x", "-1m", "1.5h", "123456789d"})
        EXPECT_EQ(since_text(bad, 0), std::nullopt) << bad;
}

TEST_F(Skerryctl, WhatTheServerRefusesIsShownWithWhatIsAllowed) {
    EXPECT_EQ(run(deploy("--place moon --json")), 1);
    EXPECT_EQ(err()["error"]["code"], "bad-value");
    EXPECT_EQ(err()["error"]["allowed"], (json{"auto", "pop", "region"}));
    EXPECT_EQ(err()["exit"], 1);
    EXPECT_EQ(run("function describe nobody --json"), 1);
    EXPECT_EQ(err()["error"]["code"], "no-such-function");
    EXPECT_EQ(run("function describe ../status"), 1) << "a name is no path";
    EXPECT_EQ(run("region describe nowhere"), 1);
    EXPECT_NE(err_.find("allowed: north"), std::string::npos);
}

TEST_F(Skerryctl, EveryVerbAnswers) {
    ASSERT_EQ(run(deploy()), 0);
    for (const char* verb : {"function list", "function describe hello", "region list",
                             "region describe north", "explain hello", "stats", "drain",
                             "drain --undo", "status", "tenant list", "key list", "key reload"}) {
        EXPECT_EQ(run(verb), 0) << verb << err_;
        EXPECT_FALSE(out_.empty()) << verb;
        EXPECT_EQ(run(std::string("--json ") + verb), 0) << verb << err_;
        EXPECT_TRUE(out().is_object()) << verb << out_;
    }
    EXPECT_EQ(run("function alias hello stable --version 0123456789abcdef"), 0) << err_;
    EXPECT_EQ(out_, "stable of hello is 0123456789abcdef\n");
    EXPECT_EQ(run("function alias hello stable --delete"), 0) << err_;
    EXPECT_EQ(run("function alias hello stable"), 2);
    EXPECT_EQ(run("function delete hello"), 0);
    EXPECT_NE(out_.find("south: will be asked again: silent"), std::string::npos) << out_;
    EXPECT_EQ(run("function delete hello"), 1);
}

TEST_F(Skerryctl, UsageAndFilesThatCannotBeUsed) {
    for (const char* line :
         {"", "nonsense", "function", "function deploy", "status extra", "invoke echo",
          "invoke echo --pop nowhere", "invoke echo --pop 127.0.0.1 --payload @/nonexistent",
          "invoke echo --pop 127.0.0.1 --qualifier x.y",
          "invoke echo --pop 127.0.0.1 --deadline-ms 0",
          "function deploy hello --artifact /nonexistent"}) {
        EXPECT_EQ(run(line), 2) << line;
        EXPECT_EQ(run(std::string("--json ") + line), 2) << line;
        EXPECT_EQ(err()["exit"], 2) << line << err_;
        EXPECT_TRUE(out_.empty());
    }
}

TEST_F(Skerryctl, NobodyThere) {
    EXPECT_EQ(run("status --json --admin /nonexistent/admin.sock"), 3);
    EXPECT_EQ(err()["error"]["code"], "unreachable");
}

TEST_F(Skerryctl, InvokeGivesTheResultOnStdoutAndTheStatusAsExitCode) {
    const struct {
        int status, exit;
    } cases[] = {{0, 0}, {1, 4}, {9, 1}, {7, 5}, {16, 5}, {200, 5}};
    for (const auto& each : cases) {
        const SmallServer pop(
            [&](SmallServer::Datagram request, int) -> std::vector<SmallServer::Datagram> {
                SmallServer::header(request).status = static_cast<std::uint8_t>(each.status);
                return {SmallServer::as(request, wire::Kind::reply)};
            });
        const std::string line = "invoke echo --payload hello --pop " + pop.endpoint().to_string();
        EXPECT_EQ(run(line), each.exit) << each.status;
        EXPECT_EQ(out_, "hello");
        EXPECT_EQ(run(line + " --json"), each.exit);
        EXPECT_EQ(out()["payload"], "hello");
        EXPECT_EQ(out()["payload_bytes"], 5);
    }
}

TEST_F(Skerryctl, AResultThatIsNoTextIsBase64InJson) {
    const SmallServer pop(
        [&](SmallServer::Datagram request, int) -> std::vector<SmallServer::Datagram> {
            return {SmallServer::as(request, wire::Kind::reply)};
        });
    const std::string path = std::string(root_) + "/payload";
    const char* expected[] = {"/w==", "/wA=", "/wAB"};
    for (std::size_t bytes = 1; bytes <= 3; ++bytes) {
        std::ofstream(path, std::ios::binary) << std::string("\xff\x00\x01", 3).substr(0, bytes);
        EXPECT_EQ(
            run("invoke echo --json --payload @" + path + " --pop " + pop.endpoint().to_string()),
            0);
        EXPECT_EQ(out()["payload_base64"], expected[bytes - 1]);
    }
}

}  // namespace
}  // namespace skerry::ctl
