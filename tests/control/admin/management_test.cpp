// The management API over mutual TLS on loopback, server and client as they run in a fleet.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/admin/servers.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "tests/control/admin/certificates.hpp"
#include "tests/control/admin/memory_backend.hpp"

// After ours: <resolv.h>, which httplib includes, defines a macro STATUS.
#include <httplib.h>

namespace skerry::admin {
namespace {

constexpr std::uint32_t kTimeout_ms = 20000;

// A port of loopback that was free a moment ago.
std::uint16_t free_port() {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin_port);
}

class ManagementTest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        ours_ = std::make_unique<Authority>(folder_, "ours");
        theirs_ = std::make_unique<Authority>(folder_, "theirs");
        for (const char* name : {"server", "client"}) ours_->issue(name);
        for (const char* name : {"stranger"}) theirs_->issue(name);
        // Another run of this test may take the port in between: try another one then.
        for (int tries = 0; tries < 20 && !server_; ++tries) {
            port_ = free_port();
            address_ = "127.0.0.1:" + std::to_string(port_);
            auto started = start_management(address_, tls("server", *ours_), backend_);
            if (started) server_ = std::move(started).value();
        }
        ASSERT_TRUE(server_);
    }
    void TearDown() override {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    Tls tls(const std::string& name, const Authority& ca) const {
        const std::string base = std::string(folder_) + "/" + name;
        return {base + ".cert", base + ".key", ca.path()};
    }
    ManagementClient client() const { return {address_, tls("client", *ours_), kTimeout_ms}; }

    char folder_[32] = "/tmp/skerry-mgmt-XXXXXX";
    std::unique_ptr<Authority> ours_, theirs_;
    MemoryBackend backend_;
    std::unique_ptr<Server> server_;
    std::uint16_t port_ = 0;
    std::string address_;
};

TEST_F(ManagementTest, AnArtifactIsWhatItsDigestSays) {
    const std::string digest = catalog::sha256_hex(backend_.artifact);
    const auto bytes = client().artifact(digest);
    ASSERT_TRUE(bytes) << bytes.error().text;
    EXPECT_EQ(*bytes, backend_.artifact);
    for (const std::string& other :
         {std::string(64, '0'), std::string("..%2f"), std::string("0")}) {
        const auto none = client().artifact(other);
        ASSERT_FALSE(none);
        EXPECT_EQ(none.error().code, ENOENT) << none.error().text;
    }
    backend_.lies = true;
    const auto lie = client().artifact(digest);
    ASSERT_FALSE(lie);
    EXPECT_EQ(lie.error().code, EBADMSG);
}

TEST_F(ManagementTest, APopServesItsFleetArtifactsAndNothingElse) {
    server_.reset();
    auto started = start_management(address_, tls("server", *ours_), backend_, true);
    ASSERT_TRUE(started) << started.error().text;
    server_ = std::move(started).value();
    EXPECT_TRUE(client().artifact(catalog::sha256_hex(backend_.artifact)));
    EXPECT_FALSE(client().versions());
    EXPECT_FALSE(client().erase("hello"));
    DeployRequest request;
    request.name = "hello";
    request.digest = catalog::sha256_hex("x");
    EXPECT_FALSE(client().push(request, "x"));
    EXPECT_TRUE(backend_.last_archive.empty());
    const ManagementClient stranger(address_, tls("stranger", *theirs_), kTimeout_ms);
    EXPECT_FALSE(stranger.artifact(catalog::sha256_hex(backend_.artifact)));
}

TEST_F(ManagementTest, PushListErase) {
    auto empty = client().versions();
    ASSERT_TRUE(empty) << empty.error().text;
    EXPECT_EQ(empty->boot_id, 0xfedcba9876543210ull);
    EXPECT_EQ(empty->catalog_epoch, 7u);
    EXPECT_TRUE(empty->versions.empty());

    DeployRequest request;
    request.name = "hello";
    request.limits.memory_mib = 512;
    request.policy = {Place::region, RetryPolicy::idempotent, {"north"}};
    const std::string archive(5 << 20, 'z');
    request.digest = catalog::sha256_hex(archive);
    const Status pushed = client().push(request, archive);
    ASSERT_TRUE(pushed) << pushed.error().text;
    EXPECT_EQ(backend_.last_archive, archive);
    EXPECT_EQ(backend_.last_request.limits, request.limits);
    EXPECT_EQ(backend_.last_request.policy, request.policy);
    EXPECT_EQ(backend_.last_request.digest, request.digest);

    auto one = client().versions();
    ASSERT_TRUE(one) << one.error().text;
    ASSERT_EQ(one->versions.size(), 1u);
    EXPECT_EQ(one->versions[0].function, "hello");
    EXPECT_EQ(one->versions[0].version, request.digest);
    EXPECT_EQ(one->catalog_epoch, 8u);
    ASSERT_EQ(one->functions.size(), 1u);
    EXPECT_EQ(one->functions[0].function, "hello");
    EXPECT_EQ(one->functions[0].current, request.digest);
    EXPECT_EQ(one->functions[0].settings,
              settings_id(request.limits, request.policy, request.runtime));

    EXPECT_TRUE(client().erase("hello"));
    const Status again = client().erase("hello");
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().text.find("no-such-function"), std::string::npos);
    EXPECT_EQ(again.error().code, ENOENT);
}

TEST_F(ManagementTest, BytesMustHashToTheirDigest) {
    DeployRequest request;
    request.name = "hello";
    request.digest = catalog::sha256_hex("other bytes");
    const Status pushed = client().push(request, "these bytes");
    ASSERT_FALSE(pushed);
    EXPECT_EQ(pushed.error().code, 0) << "the region's own answer";
    EXPECT_NE(pushed.error().text.find("HTTP 409: digest-mismatch"), std::string::npos)
        << pushed.error().text;
    request.digest.clear();
    EXPECT_FALSE(client().push(request, "these bytes"));
    EXPECT_TRUE(backend_.last_archive.empty());
}

TEST_F(ManagementTest, AClientWithoutACertificateIsRefused) {
    httplib::SSLClient http("127.0.0.1", port_);
    http.enable_server_certificate_verification(false);
    EXPECT_FALSE(http.Get("/v1/versions"));
}

TEST_F(ManagementTest, AClientOfAnotherAuthorityIsRefused) {
    // It trusts our server, and has a certificate; it is not one of ours.
    const ManagementClient stranger(address_, tls("stranger", *ours_), kTimeout_ms);
    EXPECT_FALSE(stranger.versions());
    EXPECT_TRUE(client().versions()) << "ours still gets through";
}

TEST_F(ManagementTest, AServerOfAnotherAuthorityIsRefused) {
    const ManagementClient wary(address_, tls("client", *theirs_), kTimeout_ms);
    EXPECT_FALSE(wary.versions());
}

TEST_F(ManagementTest, PlainHttpIsRefused) {
    httplib::Client http("127.0.0.1", port_);
    EXPECT_FALSE(http.Get("/v1/versions"));
}

TEST_F(ManagementTest, OnlyItsOwnCallsAreServed) {
    const Tls mine = tls("client", *ours_);
    const auto get = [&](const char* path) {
        httplib::SSLClient http("127.0.0.1", port_, mine.cert, mine.key);
        http.enable_server_certificate_verification(false);
        const auto result = http.Get(path);
        return result ? result->status : -1;
    };
    EXPECT_EQ(get("/v1/versions"), 200);
    for (const char* path : {"/v1/status", "/v1/stats", "/metrics", "/v1/drain", "/v1/functions"})
        EXPECT_EQ(get(path), 404) << path;
}

TEST_F(ManagementTest, ThePortIsTakenOnce) {
    auto second = start_management(address_, tls("server", *ours_), backend_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EADDRINUSE) << second.error().text;
}

TEST_F(ManagementTest, BadFilesAndAddressesAreNamed) {
    auto missing = start_management("127.0.0.1:1", tls("nobody", *ours_), backend_);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().text.find("nobody.cert"), std::string::npos);
    Tls mixed = tls("server", *ours_);
    mixed.key = tls("client", *ours_).key;
    auto wrong = start_management("127.0.0.1:1", mixed, backend_);
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().text.find("client.key"), std::string::npos) << wrong.error().text;
    for (const char* bad : {"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", ":1"})
        EXPECT_FALSE(start_management(bad, tls("server", *ours_), backend_)) << bad;
    EXPECT_FALSE(ManagementClient("nonsense", tls("client", *ours_), 100).versions());
    EXPECT_FALSE(ManagementClient(address_, tls("nobody", *ours_), 100).versions());
}

TEST_F(ManagementTest, ASilentPeerEndsInATimeout) {
    // Accepts in the kernel's backlog, and never says a word.
    UniqueFd silent(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(bind(silent.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(silent.get(), 4), 0);
    ASSERT_EQ(getsockname(silent.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    const ManagementClient patient("127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                                   tls("client", *ours_), 200);
    EXPECT_FALSE(patient.versions());
    server_.reset();
    EXPECT_FALSE(client().versions()) << "nobody listens";
}

// Connections that say nothing, or too little for a handshake; all of one address that is not that
// of our clients.
std::vector<UniqueFd> strangers(std::uint16_t port, int count, const std::string& words) {
    std::vector<UniqueFd> fds;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    for (int i = 0; i < count; ++i) {
        fds.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
        (void)bind(fds.back().get(), reinterpret_cast<sockaddr*>(&own), sizeof own);
        (void)connect(fds.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        pollfd one{fds.back().get(), POLLOUT, 0};
        (void)poll(&one, 1, 200);  // the backlog may be full: then the kernel has it wait
        (void)send(fds.back().get(), words.data(), words.size(), MSG_NOSIGNAL);
    }
    return fds;
}

double seconds_of(const std::function<void()>& call) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST_F(ManagementTest, StrangersDoNotKeepItsThreads) {
    // More than there are threads, and places to wait for one.
    const auto silent = strangers(port_, 12, "");
    const auto mumbling = strangers(port_, 100, "\x16\x03\x01");
    EXPECT_LT(seconds_of([&] { EXPECT_TRUE(client().versions()); }), 2.0);
    std::this_thread::sleep_for(std::chrono::milliseconds(3500));
    const auto later = strangers(port_, 12, "\x16\x03\x01");
    EXPECT_LT(seconds_of([&] { EXPECT_TRUE(client().versions()); }), 2.0);
}

TEST_F(ManagementTest, ItEndsAtOnceWhoeverIsConnected) {
    const auto mumbling = strangers(port_, 20, "\x16");
    EXPECT_LT(seconds_of([&] { server_.reset(); }), 2.0);
}

TEST_F(ManagementTest, ACallCanBeCancelled) {
    backend_.slow = true;
    const ManagementClient one = client();
    DeployRequest request;
    request.name = "hello";
    const std::string archive(1 << 20, 'z');
    request.digest = catalog::sha256_hex(archive);
    std::thread canceller([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        one.cancel();
    });
    const double took = seconds_of([&] {
        const Status pushed = one.push(request, archive);
        ASSERT_FALSE(pushed);
        EXPECT_EQ(pushed.error().code, ECANCELED) << pushed.error().text;
    });
    canceller.join();
    EXPECT_LT(took, 3.0);
    EXPECT_EQ(one.versions().error().code, ECANCELED) << "and so are later ones";
    backend_.slow = false;
    EXPECT_TRUE(client().versions());
}

TEST_F(ManagementTest, APushHasTimeForItsBytesAndItsWorker) {
    const ManagementClient one(address_, tls("client", *ours_), 15000, 10000);
    EXPECT_EQ(one.push_timeout_ms(0), 25000u);
    EXPECT_EQ(one.push_timeout_ms(64 << 20), 25000u + 512000u);
    // Longer than a call may take, shorter than this push may.
    const ManagementClient patient(address_, tls("client", *ours_), 1000, 10000);
    backend_.slow = true;
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        backend_.slow = false;
    });
    DeployRequest request;
    request.name = "hello";
    request.digest = catalog::sha256_hex("bytes");
    const Status pushed = patient.push(request, "bytes");
    EXPECT_TRUE(pushed) << pushed.error().text;
    later.join();
}

}  // namespace
}  // namespace skerry::admin
