// The admin server on a real Unix socket, called with a real HTTP client.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "control/admin/servers.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "tests/control/admin/memory_backend.hpp"

// After ours: <resolv.h>, which httplib includes, defines a macro STATUS.
#include <httplib.h>

namespace skerry::admin {
namespace {

using nlohmann::json;

class Admin : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        path_ = std::string(folder_) + "/admin.sock";
        auto started = start_admin(path_, backend_);
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(started).value();
    }
    void TearDown() override {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    httplib::Client client() {
        httplib::Client c(path_, 1);
        c.set_address_family(AF_UNIX);
        return c;
    }
    json get(const std::string& target, int status = 200) {
        return body(client().Get(target), status);
    }
    json post(const std::string& target, const std::string& bytes, int status = 200) {
        return body(client().Post(target, bytes, "application/octet-stream"), status);
    }
    json body(const httplib::Result& result, int status) {
        EXPECT_TRUE(result) << httplib::to_string(result.error());
        if (!result) return {};
        EXPECT_EQ(result->status, status) << result->body;
        EXPECT_EQ(result->get_header_value("Content-Type"), "application/json");
        return json::parse(result->body, nullptr, false);
    }
    static std::string code(const json& answer) {
        return answer.contains("error") ? answer["error"]["code"].get<std::string>() : "";
    }
    // Bytes as they are, and what came back until the server closed.
    std::string raw(const std::string& bytes) {
        UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
        shutdown(fd.get(), SHUT_WR);
        std::string answer;
        char buffer[4096];
        for (ssize_t n; (n = read(fd.get(), buffer, sizeof buffer)) > 0;)
            answer.append(buffer, static_cast<std::size_t>(n));
        return answer;
    }

    char folder_[32] = "/tmp/skerry-admin-XXXXXX";
    std::string path_;
    MemoryBackend backend_;
    std::unique_ptr<Server> server_;
};

TEST_F(Admin, SocketIsForItsOwnerAlone) {
    struct stat info {};
    ASSERT_EQ(stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    server_.reset();
    EXPECT_NE(stat(path_.c_str(), &info), 0) << "removed at the end";
}

TEST_F(Admin, ALivingSocketIsAnErrorAStaleOneIsReplaced) {
    auto second = start_admin(path_, backend_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EADDRINUSE);
    EXPECT_EQ(get("/v1/status")["name"], "pop-1") << "the first one still serves";

    const std::string stale = std::string(folder_) + "/stale.sock";
    {
        UniqueFd fd(socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        stale.copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    auto third = start_admin(stale, backend_);
    EXPECT_TRUE(third) << third.error().text;

    const std::string file = std::string(folder_) + "/file";
    std::ofstream(file) << "precious";
    auto fourth = start_admin(file, backend_);
    EXPECT_FALSE(fourth);
    EXPECT_TRUE(std::filesystem::is_regular_file(file));
    EXPECT_FALSE(start_admin(std::string(200, 'x'), backend_));
    EXPECT_FALSE(start_admin(std::string(folder_) + "/none/a.sock", backend_));
}

TEST_F(Admin, Status) {
    const json status = get("/v1/status");
    for (const char* key :
         {"name", "role", "version", "boot_id", "uptime_s", "draining", "udp_port", "addresses",
          "cores", "workers", "functions", "regions", "in_flight", "store", "pid", "warden_pid"})
        EXPECT_TRUE(status.contains(key)) << key;
    EXPECT_EQ(status["boot_id"], "fedcba9876543210");
    EXPECT_EQ(status["addresses"].size(), 2u) << "bytes that are no text do no harm";
}

TEST_F(Admin, AFunctionsLife) {
    EXPECT_EQ(get("/v1/functions")["functions"].size(), 0u);
    EXPECT_EQ(code(get("/v1/functions/hello", 404)), "no-such-function");
    const std::string bytes("PK\0\1 any bytes\r\n\r\n", 19);
    const json first = post("/v1/functions/hello/versions?memory_mib=64&place=pop", bytes);
    EXPECT_EQ(first["version"], catalog::sha256_hex(bytes));
    EXPECT_FALSE(first.contains("previous"));
    EXPECT_EQ(first["regions"][1]["error"], "silent");
    EXPECT_FALSE(first["regions"][0].contains("error"));
    EXPECT_EQ(backend_.last_archive, bytes);
    EXPECT_EQ(backend_.last_request.limits.memory_mib, 64u);
    EXPECT_EQ(backend_.last_request.policy.place, Place::pop);
    EXPECT_EQ(post("/v1/functions/hello/versions", "2")["previous"], first["version"]);
    const json view = get("/v1/functions/hello");
    EXPECT_EQ(view["key"], "2cf24dba5fb0a30e");
    EXPECT_EQ(view["limits"]["memory_mib"], 128);
    EXPECT_EQ(view["place"], "auto");
    EXPECT_EQ(get("/v1/functions")["functions"].size(), 1u);
    const json deleted = body(client().Delete("/v1/functions/hello"), 200);
    EXPECT_EQ(deleted["deleted"], "hello");
    EXPECT_EQ(deleted["regions"][0]["ok"], true);
    EXPECT_EQ(deleted["regions"][1]["error"], "silent");
    EXPECT_EQ(code(body(client().Delete("/v1/functions/hello"), 404)), "no-such-function");
}

TEST_F(Admin, BodiesOfAnyKindAreTakenAsBytes) {
    const std::string form = "a=1&b=" + std::string(20000, 'x');
    body(client().Post("/v1/functions/f/versions", form, "application/x-www-form-urlencoded"), 200);
    EXPECT_EQ(backend_.last_archive, form) << "what curl --data-binary says of it is ignored";
    body(client().Post(
             "/v1/functions/f/versions",
             [](std::size_t offset, httplib::DataSink& sink) {
                 if (offset < 3u << 20)
                     return sink.write(std::string(1 << 20, 'y').data(), 1 << 20);
                 sink.done();
                 return true;
             },
             "application/octet-stream"),
         200);
    EXPECT_EQ(backend_.last_archive.size(), 3u << 20) << "chunked";
    const json refused = body(client().Post("/v1/functions/f/versions", "--x\r\n\r\n--x--",
                                            "multipart/form-data; boundary=x"),
                              415);
    EXPECT_EQ(code(refused), "bad-content-type");
}

TEST_F(Admin, BodiesHaveALimit) {
    std::string large(catalog::kMaxArchiveBytes + 1, 'x');
    EXPECT_EQ(code(post("/v1/functions/f/versions", large, 413)), "too-large");
    // Chunked: no length says beforehand how much it will be.
    const auto result = client().Post(
        "/v1/functions/f/versions",
        [&](std::size_t offset, httplib::DataSink& sink) {
            if (offset >= large.size() + (8u << 20)) {
                sink.done();
                return true;
            }
            return sink.write(large.data(), 1 << 20);
        },
        "application/octet-stream");
    if (result) {
        EXPECT_EQ(result->status, 413);
    }
    EXPECT_TRUE(backend_.last_archive.empty());
    EXPECT_EQ(code(post("/v1/functions/f/versions", "", 400)), "no-artifact");
}

TEST_F(Admin, WrongCallsGetAClearAnswer) {
    EXPECT_EQ(code(get("/", 404)), "no-such-path");
    EXPECT_EQ(code(get("/v1/functions/", 404)), "no-such-path");
    EXPECT_EQ(code(get("/v1/functions/a/b/c", 404)), "no-such-path");
    EXPECT_EQ(code(get("/v1/functions/..", 400)), "bad-name");
    EXPECT_EQ(code(get("/v1/functions/a%2Fb", 400)), "bad-name");
    EXPECT_EQ(code(get("/v1/status?x=1", 400)), "unknown-parameter");
    EXPECT_EQ(code(get("/v1/versions", 404)), "no-such-path") << "of the management API";
    EXPECT_EQ(code(get("/" + std::string(4000, 'a'), 404)), "no-such-path");
    const json method = body(client().Delete("/v1/status"), 405);
    EXPECT_EQ(method["error"]["allowed"], json::array({"GET"}));
    EXPECT_EQ(code(post("/v1/functions/f/versions?memory_mib=1", "x", 400)), "bad-value");
    EXPECT_EQ(code(post("/v1/functions/f/versions?memmory=1", std::string(1 << 20, 'x'), 400)),
              "unknown-parameter")
        << "with its body read, so that the answer arrives";
    const json region = get("/v1/regions/south", 404);
    EXPECT_EQ(region["error"]["allowed"], json::array({"north"}));
    backend_.throws = true;
    EXPECT_EQ(code(get("/v1/status", 500)), "internal");
    backend_.throws = false;
    EXPECT_EQ(get("/v1/status")["name"], "pop-1") << "and it goes on";
}

TEST_F(Admin, Routes) {
    const std::string route = R"({"path":"/a/:b","function":"f","methods":["GET"]})";
    EXPECT_EQ(post("/v1/routes", route)["routes"][0]["auth"], "AWS_IAM") << "unless told otherwise";
    for (const char* wrong : {"[]", "{", R"({"path":"/a"})", R"({"path":1,"function":"f"})",
                              R"({"path":"/a","function":"f","auth":"none"})",
                              R"({"path":"/a","function":"f","auth":1})",
                              R"({"path":"/a","function":"f","methods":"GET"})",
                              R"({"path":"/a","function":"f","colour":"red"})"})
        EXPECT_FALSE(code(post("/v1/routes", wrong, 400)).empty()) << wrong;
    EXPECT_EQ(code(post("/v1/routes?x=1", route, 400)), "unknown-parameter");
    const auto put = [&](const std::string& text, int status) {
        return body(client().Put("/v1/routes", text, "application/json"), status);
    };
    const std::string all =
        R"({"version":1,"routes":[{"path":"/b","function":"f","auth":"NONE"}]})";
    EXPECT_EQ(put(all, 200)["routes"].size(), 1u);
    EXPECT_EQ(code(put(R"({"version":2,"routes":[]})", 400)), "bad-route");
    EXPECT_EQ(get("/v1/routes")["routes"][0]["auth"], "NONE");
    EXPECT_EQ(body(client().Delete("/v1/routes/0"), 200)["routes"].size(), 0u);
    EXPECT_EQ(code(body(client().Delete("/v1/routes/0"), 404)), "no-such-route");
    EXPECT_EQ(code(body(client().Delete("/v1/routes/x"), 400)), "bad-number");
}

TEST_F(Admin, Rules) {
    const std::string rule = R"({"name":"a","in":"body","pattern":"x","action":"deny"})";
    const json added = post("/v1/rules", rule)["rules"][0];
    EXPECT_EQ(added["matched"], 7);
    for (const char* wrong : {"", "[]", R"({"name":"a"})", R"({"name":1,"in":"body"})"})
        EXPECT_FALSE(code(post("/v1/rules", wrong, 400)).empty()) << wrong;
    EXPECT_EQ(code(post("/v1/rules?x=1", rule, 400)), "unknown-parameter");
    const auto put = [&](const std::string& text, int status) {
        return body(client().Put("/v1/rules", text, "application/json"), status);
    };
    const json all = get("/v1/rules");
    EXPECT_EQ(put(all.dump(), 200)["rules"].size(), 1u) << "what was said is taken back";
    EXPECT_EQ(code(put(R"({"version":2,"rules":[]})", 400)), "bad-rule");
    const std::string text = client().Get("/metrics")->body;
    EXPECT_NE(text.find("skerry_rule_matched_total{rule=\"a\"} 7"), std::string::npos);
    EXPECT_NE(text.find("skerry_rule_refused_total{rule=\"a\"} 3"), std::string::npos);
    const json told = post("/v1/rule-test", R"({"url":"/b?c","body":"text"})");
    EXPECT_EQ(told["path"], "/b");
    EXPECT_EQ(told["verdict"], "text");
    EXPECT_EQ(code(post("/v1/rule-test", R"({"url":"/","body":1})", 400)), "bad-request");
    EXPECT_EQ(body(client().Delete("/v1/rules/a"), 200)["rules"].size(), 0u);
    EXPECT_EQ(code(body(client().Delete("/v1/rules/a"), 404)), "no-such-rule");
}

TEST_F(Admin, RouteTestsOfTheWrongTypesAreToldSo) {
    const json told = post("/v1/route-test", R"({"url":"http://a/b?c=d","headers":{"X-A":"1"}})");
    EXPECT_EQ(told["host"], "a");
    EXPECT_EQ(told["path"], "/b?c=d");
    for (const char* wrong :
         {R"({"url":1})", R"({"method":["GET"],"url":"/"})", R"({"url":"/","headers":["a"]})",
          R"({"url":"/","headers":{"a":1}})", R"({"url":"/","headers":"a"})", R"({"url":null})"})
        EXPECT_EQ(code(post("/v1/route-test", wrong, 400)), "bad-request") << wrong;
    EXPECT_EQ(code(post("/v1/route-test", R"({"url":"/","method":"BREW"})", 400)), "bad-method");
    EXPECT_EQ(code(post("/v1/route-test", R"({"url":"ftp://a"})", 400)), "bad-url");
}

TEST_F(Admin, WhatIsNotHttpIsRefused) {
    for (const std::string& bytes :
         {"POST /" + std::string(4000, 'a') + " HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
          std::string("\0\1\2\3\r\n\r\n", 8), std::string("GET\r\n\r\n"),
          "GET /" + std::string(20000, 'a') + " HTTP/1.1\r\n\r\n",
          std::string("POST /v1/functions/f/versions HTTP/1.1\r\nContent-Length: -1\r\n\r\nx"),
          std::string("POST /v1/functions/f/versions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "zz\r\nx")})
        (void)raw(bytes);
    // One request a connection: what follows is not a second one.
    const std::string two = raw("DELETE /v1/drain HTTP/1.1\r\n\r\nPOST /v1/drain HTTP/1.1\r\n\r\n");
    EXPECT_EQ(two.find("\"draining\":true"), std::string::npos) << two;
    EXPECT_EQ(get("/v1/status")["draining"], false);
    EXPECT_TRUE(backend_.last_archive.empty());
}

TEST_F(Admin, RegionsAndExplain) {
    EXPECT_EQ(get("/v1/regions")["regions"][0]["rtt_us"], 1500);
    EXPECT_EQ(get("/v1/regions/north")["healthy"], true);
    EXPECT_EQ(code(get("/v1/explain/f", 404)), "no-such-function");
    post("/v1/functions/f/versions", "x");
    json explain = get("/v1/explain/f");
    EXPECT_EQ(explain["verdict"], "refuse");
    EXPECT_EQ(explain["reason"], "refused_no_region");
    EXPECT_FALSE(explain.contains("region"));
    EXPECT_EQ(explain["candidates"][0]["eligibility"], "too_far");
    EXPECT_EQ(explain["candidates"][0]["cost_us"], 123);
    EXPECT_EQ(explain["local"]["slot_free"], false);
    backend_.decision = {Verdict::forward, 0, Reason::refused_no_capacity};
    explain = get("/v1/explain/f");
    EXPECT_EQ(explain["verdict"], "forward");
    EXPECT_EQ(explain["region"], "north");
}

TEST_F(Admin, Drain) {
    json answer = post("/v1/drain", "");
    EXPECT_EQ(answer["draining"], true);
    EXPECT_EQ(answer["in_flight"], 3);
    EXPECT_EQ(get("/v1/status")["draining"], true);
    answer = body(client().Delete("/v1/drain"), 200);
    EXPECT_EQ(answer["draining"], false);
}

TEST_F(Admin, StatsHaveEveryReasonAndStage) {
    backend_.counters->count(Reason::served_local, 5);
    backend_.counters->stages[0].packets.add(10);
    backend_.counters->stages[0].cycles.add(25);
    const json stats = get("/v1/stats");
    EXPECT_EQ(stats["tsc_hz"], 2000000000u);
    EXPECT_EQ(stats["reasons"].size(), kReasonCount);
    EXPECT_EQ(stats["reasons"]["served_local"]["count"], 5);
    EXPECT_EQ(stats["reasons"]["served_local"]["status"], "ok");
    EXPECT_EQ(stats["reasons"]["drop_runt"]["status"], "none");
    EXPECT_EQ(stats["cores"][0]["stages"].size(), kStageCount);
    EXPECT_EQ(stats["cores"][0]["stages"][0]["cycles_per_packet"], 2.5);
    EXPECT_EQ(stats["cores"][0]["reasons"]["served_local"], 5);
}

TEST_F(Admin, MetricsAreInPrometheusText) {
    backend_.counters->count(Reason::served_region, 7);
    backend_.counters->rx_packets.add(9);
    backend_.counters->rx_merged.add(4);
    post("/v1/functions/f/versions", "x");
    backend_.others = {.functions = 3, .rate_per_s = 2, .arrivals = 11, .local = 1, .forwarded = 9};
    const auto result = client().Get("/metrics");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->get_header_value("Content-Type").find("text/plain; version=0.0.4"), 0u);
    const std::string& text = result->body;
    for (const char* line :
         {"# TYPE skerry_reason_total counter", "skerry_reason_total{reason=\"served_region\"} 7",
          "skerry_reason_total{reason=\"drop_runt\"} 0", "skerry_rx_packets_total{core=\"0\"} 9",
          "skerry_rx_merged_total{core=\"0\"} 4",
          "skerry_stage_cycles_total{core=\"0\",stage=\"decide\"} 0",
          "skerry_region_rtt_us{region=\"north\"} 1500",
          "skerry_region_healthy{region=\"north\"} 1",
          "skerry_worker_denied_calls_total{call=\"ptrace\"} 3",
          "skerry_worker_denied_calls_total{call=\"x32:getpid\"} 1",
          "skerry_function_arrivals_total{function=\"f\"} 0",
          "skerry_function_arrivals_total{function=\"(others)\"} 11",
          "skerry_function_forwarded_total{function=\"(others)\"} 9",
          "skerry_functions_without_row 3", "skerry_function_rows_free 7",
          "skerry_catalog_epoch 8"})
        EXPECT_NE(text.find(std::string(line) + "\n"), std::string::npos) << line << "\n" << text;
    // Each line is a comment, or a name, its labels and a number; each family is there once.
    std::istringstream lines(text);
    std::set<std::string> families;
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("# TYPE ", 0) == 0) {
            EXPECT_TRUE(families.insert(line).second) << line;
        }
        if (line.empty() || line[0] == '#') continue;
        EXPECT_EQ(line.rfind("skerry_", 0), 0u) << line;
        EXPECT_NE(line.find_last_of(' '), std::string::npos) << line;
    }
}

TEST_F(Admin, StopsWhileCallersAreConnected) {
    std::vector<UniqueFd> idle;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    for (int i = 0; i < 10; ++i) {
        idle.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        (void)connect(idle.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    const auto begin = std::chrono::steady_clock::now();
    server_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    auto again = start_admin(path_, backend_);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(get("/v1/status")["name"], "pop-1");
}

}  // namespace
}  // namespace skerry::admin
