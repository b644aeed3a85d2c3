// Every kind of runtime in a real jail, with its real image and its system-call policy: the real
// functions of tools/functions, and AWS's own client if npm had it. This plays skerryd. Needs root.
#include <csignal>

#include "tests/runtime/jail_server.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

// Images of this build, made once and brought up to date by each run.
const std::string& images() {
    static const std::string folder = [] {
        const char* tool = std::getenv("SKERRY_RUNTIME_IMAGES");
        const char* where = std::getenv("SKERRY_TEST_IMAGES");
        if (tool == nullptr || where == nullptr) std::abort();
        const std::string command = std::string(tool) + " " + where;
        return std::system(command.c_str()) == 0 ? std::string(where) : std::string();
    }();
    return folder;
}

class Jailed : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        ASSERT_FALSE(images().empty()) << "tools/runtime-images failed";
        auto client = warden::Client::start(
            {.artifacts_dir = folder_.path(), .runtimes_dir = images(), .server_name = "pop-1"});
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
    }
    // The files of a function, in place of the rig's own.
    void take(const std::string& from) {
        const auto options = std::filesystem::copy_options::recursive |
                             std::filesystem::copy_options::overwrite_existing;
        std::filesystem::copy(from, folder_.artifact(), options);
    }
    static std::string tests() { return std::getenv("SKERRY_RUNTIME_TESTS"); }
    // The folder of a package that npm has; empty: it can't be had here.
    static std::string installed(const std::string& package) {
        const char* kept = std::getenv("SKERRY_NPM_CACHE");
        const std::string cache = kept != nullptr ? kept : std::getenv("SKERRY_TEST_NPM");
        FILE* pipe = ::popen((tests() + "/npm-install " + package + " " + cache).c_str(), "r");
        if (pipe == nullptr) return "";
        char line[4096] = "";
        const bool read = std::fgets(line, sizeof line, pipe) != nullptr;
        const bool good = ::pclose(pipe) == 0 && read;
        return good ? std::string(line, std::strcspn(line, "\n")) : "";
    }
    static std::string functions() { return std::getenv("SKERRY_FUNCTIONS_SOURCE"); }

    void start(runtime::Kind kind, const std::string& handler, std::uint32_t memory_mib = 512) {
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        log_ = UniqueFd(ends[0]);
        ASSERT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        const UniqueFd log_end(ends[1]);
        warden::SpawnRequest order;
        order.worker_id = 1;
        order.runtime = kind;
        order.artifact_dir = folder_.artifact();
        order.function = "tested";
        order.version_hex = "00ff";
        order.handler = handler;
        order.host_uid = host_uid();
        order.memory_mib = memory_mib;
        order.log_fd = log_end.get();
        ASSERT_TRUE(client_->spawn(order));
        auto event = next_event(*client_);
        ASSERT_TRUE(event);
        ASSERT_EQ(event->kind, MessageKind::spawned) << event->text;
        server_.emplace(std::move(event->listener));
    }
    std::string log() const {
        std::string text;
        char piece[65536];
        for (ssize_t got = 0; (got = ::read(log_.get(), piece, sizeof piece)) > 0;)
            text.append(piece, static_cast<std::size_t>(got));
        return text;
    }
    // What the worker posts in answer to `event`: its path's end, and its body.
    ApiRequest ask(const std::string& event) {
        const ApiRequest next = server_->next_request();
        EXPECT_EQ(next.line, "GET /2018-06-01/runtime/invocation/next HTTP/1.1") << log();
        server_->answer_next(next, event);
        ApiRequest posted = server_->next_request();
        EXPECT_EQ(posted.line.rfind("POST /2018-06-01/runtime/invocation/the-id/", 0), 0u)
            << posted.line << log();
        server_->accept_post(posted);
        return posted;
    }
    void expect_greeting(const std::string& by) {
        const ApiRequest good = ask(R"({"name": "Ada"})");
        EXPECT_NE(good.line.find("/response "), std::string::npos) << good.body;
        EXPECT_NE(good.body.find("Hello, Ada!"), std::string::npos) << good.body;
        EXPECT_NE(good.body.find(by), std::string::npos) << good.body;
        const ApiRequest bad = ask(R"({"nobody": 1})");
        EXPECT_NE(bad.line.find("/error "), std::string::npos) << bad.body;
        EXPECT_NE(bad.body.find("name is missing"), std::string::npos) << bad.body;
        const std::string big(1 << 20, 'x');
        const ApiRequest long_one = ask(R"({"name": ")" + big + "\"}");
        EXPECT_GT(long_one.body.size(), big.size());
        EXPECT_NE(ask(R"({"name": "Ada"})").body.find("Hello, Ada!"), std::string::npos);
    }

    Folder folder_;
    std::optional<warden::Client> client_;
    std::optional<ApiServer> server_;
    UniqueFd log_;
};

TEST_F(Jailed, Bash) {
    take(functions() + "/greet-bash");
    start(runtime::Kind::provided, "");
    expect_greeting("bash");
    EXPECT_EQ(log(), "");
}

TEST_F(Jailed, Cpp) {
    start(runtime::Kind::provided, "");
    EXPECT_EQ(ask("one two\n").body, R"({"bytes":8,"words":2,"lines":1})");
    EXPECT_NE(ask("").body.find("Function.EmptyEvent"), std::string::npos);
}

TEST_F(Jailed, Python) {
    take(functions() + "/greet-python");
    start(runtime::Kind::python3, "app.greet");
    expect_greeting("python 3");
    EXPECT_EQ(log().rfind("greeting 3 letters, ", 0), 0u);
}

TEST_F(Jailed, PythonWithoutItsHandler) {
    start(runtime::Kind::python3, "app.greet");
    const ApiRequest posted = server_->next_request();
    EXPECT_EQ(posted.line, "POST /2018-06-01/runtime/init/error HTTP/1.1");
    EXPECT_NE(posted.body.find("Runtime.ImportModuleError"), std::string::npos) << posted.body;
    server_->accept_post(posted);
    const auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, MessageKind::exited);
}

TEST_F(Jailed, NodeJs) {
    take(functions() + "/greet-nodejs");
    start(runtime::Kind::nodejs, "app.greet");
    expect_greeting("node v");
    EXPECT_NE(log().find("\tthe-id\tINFO\tgreeting 3 letters, "), std::string::npos);
}

TEST_F(Jailed, NodeJsWithAnInstalledPackage) {
    const std::string folder = installed("greeting");
    if (folder.empty()) GTEST_SKIP() << "tests/runtime/npm-install says why";
    take(folder);
    take(tests() + "/npm/greeting");
    start(runtime::Kind::nodejs, "app.handler");
    EXPECT_EQ(ask(R"({"name": "Ada"})").body, R"("Hello, Ada!")");
}

// A node of its own in the artifact, as somebody would bring it to Lambda's provided.al2023.
TEST_F(Jailed, AwsRuntimeClient) {
    const std::string folder = installed("ric");
    const bool node = ::access("/usr/bin/node", X_OK) == 0;
    if (folder.empty() || !node) GTEST_SKIP() << "tests/runtime/npm-install says why";
    const std::string modules = "/node_modules/aws-lambda-ric";
    for (const char* part : {"/bin", "/dist", "/package.json"}) {
        std::filesystem::create_directories(folder_.artifact() + modules);
        std::filesystem::copy(folder + modules + part, folder_.artifact() + modules + part,
                              std::filesystem::copy_options::recursive);
    }
    take(tests() + "/functions/nodejs");
    std::filesystem::copy_file("/usr/bin/node", folder_.artifact() + "/node");
    std::filesystem::remove(folder_.artifact() + "/bootstrap");
    std::ofstream(folder_.artifact() + "/bootstrap")
        << "#!/bin/sh\nexec ./node ." << modules << "/bin/index.mjs \"$_HANDLER\"\n";
    (void)::chmod((folder_.artifact() + "/bootstrap").c_str(), 0755);
    // Of this kind memory may be limited as address space, of which node reserves far more than it
    // uses.
    start(runtime::Kind::provided, "app.handler", 8192);
    EXPECT_EQ(ask(R"({"do": "echo", "value": [1]})").body, "[1]");
    EXPECT_NE(ask(R"({"do": "throw"})").body.find("OopsError"), std::string::npos);
    EXPECT_EQ(ask(R"({"do": "size", "value": "abc"})").body, "3");
}

}  // namespace
}  // namespace skerry::test
