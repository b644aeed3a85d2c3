// Artifacts from an HTTP server: what is fetched, what is not, and from where.
#include "control/origin/fetch.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <thread>

#include "control/origin/address.hpp"
#include "control/origin/target.hpp"
#include "control/signing/signature.hpp"

// After ours: <resolv.h>, which httplib includes, defines a macro STATUS.
#include <httplib.h>

namespace skerry::origin {
namespace {

bool is_public_text(const std::string& text) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1)
        return is_public(reinterpret_cast<sockaddr*>(&v4), sizeof v4);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
    return is_public(reinterpret_cast<sockaddr*>(&v6), sizeof v6);
}

TEST(Address, WhatIsPublic) {
    for (const char* text : {"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255",
                             "100.128.0.1", "128.0.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1",
                             "223.255.255.1", "2606:4700::1111", "2a00::1", "2001:4860::1"})
        EXPECT_TRUE(is_public_text(text)) << text;
}

TEST(Address, WhatIsNot) {
    for (const char* text :
         {"0.0.0.0",          "10.1.2.3",       "100.100.100.200", "127.0.0.1",   "127.255.255.255",
          "169.254.169.254",  "172.16.0.1",     "172.31.255.255",  "192.0.0.1",   "192.168.1.1",
          "198.18.0.1",       "224.0.0.1",      "255.255.255.255", "::",          "::1",
          "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1",  "fc00::1",     "fd00:ec2::254",
          "fe80::1",          "ff02::1",        "2001::1",         "2001:db8::1", "2002:7f00:1::"})
        EXPECT_FALSE(is_public_text(text)) << text;
    sockaddr other{};
    other.sa_family = AF_UNIX;
    EXPECT_FALSE(is_public(&other, sizeof other));
}

TEST(Target, WhatAUrlMayBe) {
    for (const char* url : {"https://example.org/a.zip", "http://example.org",
                            "HTTPS://EXAMPLE.org/", "http://[::1]:80/a?token=x"})
        EXPECT_TRUE(make_target(url, {})) << url;
    for (const std::string& url :
         {std::string(), std::string("file:///etc/shadow"), std::string("ftp://example.org/a"),
          std::string("example.org/a"), std::string("https://"),
          std::string("https://user@example.org/"), std::string("https://user:secret@example.org/"),
          std::string("https://example.org/a b"), std::string("http://0%7f.1/"),
          std::string("https://%384//"), std::string("http://a%2f@b/"),
          std::string("https://example.org/\r\nX: y"),
          "https://example.org/" + std::string(3000, 'a')}) {
        const auto target = make_target(url, {});
        ASSERT_FALSE(target) << url;
        EXPECT_EQ(target.error().code, EINVAL);
    }
}

TEST(Target, OriginsAreSchemeHostAndPort) {
    const std::vector<std::string> origins{"https://builds.example", "http://10.0.0.1:8080"};
    for (const char* url : {"https://builds.example/a", "https://BUILDS.example:443/b/c?d",
                            "http://10.0.0.1:8080/"}) {
        const auto target = make_target(url, origins);
        ASSERT_TRUE(target) << url;
        EXPECT_TRUE(target->any_address);
    }
    for (const char* url :
         {"http://builds.example/a", "https://builds.example:444/a", "https://builds.example.org/",
          "https://xbuilds.example/", "http://10.0.0.1/", "https://builds.example\\@evil.example/"})
        EXPECT_FALSE(make_target(url, origins)) << url;
}

TEST(Shown, HasNoSecrets) {
    EXPECT_EQ(shown("https://a.example/b.zip?token=secret#x"), "https://a.example/b.zip");
    EXPECT_EQ(shown("https://user:secret@a.example/b"), "https://a.example/b");
    EXPECT_EQ(shown(std::string("http://a/\x1b[0m")), "http://a/?[0m");
}

// A server on loopback that answers as a test wants it to.
class Fetching : public testing::Test {
  protected:
    void SetUp() override {
        port_ = server_.bind_to_any_port("127.0.0.1");
        ASSERT_GT(port_, 0);
        settings_.origins = {here()};
        settings_.most_bytes = 1 << 20;
        settings_.timeout = std::chrono::seconds(20);
        settings_.first_pause = std::chrono::milliseconds(1);
    }
    void serve() {
        thread_ = std::thread([this] { server_.listen_after_bind(); });
        while (!server_.is_running()) std::this_thread::yield();
    }
    void TearDown() override {
        server_.stop();
        if (thread_.joinable()) thread_.join();
    }
    std::string here() const { return "http://127.0.0.1:" + std::to_string(port_); }
    Result<std::string> get(const std::string& path) {
        return fetch(settings_, here() + path, signing::sha256_text(bytes_), progress_);
    }
    int code(const std::string& path) {
        const auto got = get(path);
        return got ? 0 : got.error().code;
    }

    const std::string bytes_ = [] {
        std::string text;
        for (int i = 0; i < 100'000; ++i) text += std::to_string(i);
        return text;
    }();
    httplib::Server server_;
    std::thread thread_;
    int port_ = 0;
    Settings settings_;
    Progress progress_;
};

TEST_F(Fetching, BytesThatHashToTheDigestAreTaken) {
    server_.Get("/a", [&](const httplib::Request& request, httplib::Response& answer) {
        EXPECT_FALSE(request.has_header("Authorization") || request.has_header("Cookie"));
        answer.set_content(bytes_, "application/zip");
    });
    server_.Get("/other", [&](const httplib::Request&, httplib::Response& answer) {
        answer.set_content("something else", "application/zip");
    });
    server_.Get("/empty", [](const httplib::Request&, httplib::Response&) {});
    serve();
    const auto got = get("/a?token=1");
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(*got, bytes_);
    EXPECT_EQ(progress_.received, bytes_.size());
    EXPECT_EQ(progress_.bytes, bytes_.size());
    EXPECT_EQ(progress_.tries, 1u);
    EXPECT_EQ(code("/other"), EBADMSG);
    EXPECT_EQ(code("/empty"), EBADMSG);
    EXPECT_EQ(code("/nothing"), ENOENT);
    EXPECT_EQ(progress_.tries, 1u) << "what is final is not tried again";
}

TEST_F(Fetching, WhatIsTooLargeIsNotReadToItsEnd) {
    server_.Get("/a", [&](const httplib::Request&, httplib::Response& answer) {
        answer.set_content(bytes_, "application/zip");
    });
    serve();
    settings_.most_bytes = bytes_.size() - 1;
    EXPECT_EQ(code("/a"), EFBIG);
    EXPECT_EQ(progress_.tries, 1u);
}

TEST_F(Fetching, ABusyServerIsAskedAgain) {
    std::atomic<int> calls = 0;
    server_.Get("/a", [&](const httplib::Request&, httplib::Response& answer) {
        if (++calls < 3) return void(answer.status = calls == 1 ? 503 : 429);
        answer.set_content(bytes_, "application/zip");
    });
    server_.Get("/never",
                [](const httplib::Request&, httplib::Response& answer) { answer.status = 500; });
    serve();
    EXPECT_EQ(code("/a"), 0);
    EXPECT_EQ(progress_.tries, 3u);
    const auto never = get("/never");
    ASSERT_FALSE(never);
    EXPECT_NE(never.error().text.find("500 (after 5 tries)"), std::string::npos)
        << never.error().text;
}

TEST_F(Fetching, WhatBreaksOffIsResumed) {
    std::atomic<int> calls = 0;
    std::mutex mutex;
    std::vector<std::string> ranges;
    server_.Get("/a", [&](const httplib::Request& request, httplib::Response& answer) {
        {
            const std::lock_guard lock(mutex);
            ranges.push_back(request.get_header_value("Range"));
        }
        const bool breaks = ++calls == 1;
        answer.set_content_provider(
            bytes_.size(), "application/zip",
            [this, breaks](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                if (breaks && offset >= 200'000) return false;
                return sink.write(bytes_.data() + offset, std::min<std::size_t>(length, 50'000));
            });
    });
    serve();
    const auto got = get("/a");
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(*got, bytes_);
    ASSERT_EQ(ranges.size(), 2u);
    EXPECT_EQ(ranges[0], "");
    EXPECT_EQ(ranges[1], "bytes=200000-");
}

TEST_F(Fetching, HalvesOfTwoFilesAreGotAgain) {
    std::atomic<int> calls = 0;
    server_.Get("/a", [&](const httplib::Request&, httplib::Response& answer) {
        const int call = ++calls;
        answer.set_content_provider(
            bytes_.size(), "application/zip",
            [this, call](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                if (call == 1 && offset >= 200'000) return false;
                const std::size_t size = std::min<std::size_t>(length, 50'000);
                const std::string old(size, 'x');
                return sink.write(call == 1 ? old.data() : bytes_.data() + offset, size);
            });
    });
    serve();
    const auto got = get("/a");
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(*got, bytes_);
    EXPECT_EQ(calls, 3);
}

TEST_F(Fetching, RedirectsAreFollowedToAllowedOriginsAlone) {
    httplib::Server other;
    const int port = other.bind_to_any_port("127.0.0.1");
    std::atomic<int> asked = 0;
    other.Get("/a", [&](const httplib::Request&, httplib::Response& answer) {
        ++asked;
        answer.set_content(bytes_, "application/zip");
    });
    std::thread thread([&] { other.listen_after_bind(); });
    while (!other.is_running()) std::this_thread::yield();
    const std::string there = "http://127.0.0.1:" + std::to_string(port);
    server_.Get("/a", [&](const httplib::Request&, httplib::Response& answer) {
        answer.set_content(bytes_, "application/zip");
    });
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"/near", "/a"},
             {"/far", there + "/a"},
             {"/loop", "/loop"},
             {"/file", "file:///etc/passwd"},
             {"/user", "http://u:p@127.0.0.1:" + std::to_string(port_) + "/a"}})
        server_.Get(from, [to = to](const httplib::Request&, httplib::Response& answer) {
            answer.set_redirect(to);
        });
    serve();
    EXPECT_EQ(code("/near"), 0);
    EXPECT_EQ(code("/far"), EACCES);
    EXPECT_EQ(asked, 0);
    EXPECT_EQ(code("/loop"), ELOOP);
    EXPECT_EQ(code("/file"), EINVAL);
    EXPECT_EQ(code("/user"), EINVAL);
    settings_.origins.push_back(there);
    EXPECT_EQ(code("/far"), 0);
    other.stop();
    thread.join();
}

TEST_F(Fetching, WithoutAListOnlyPublicAddressesAreConnectedTo) {
    std::atomic<int> asked = 0;
    server_.Get("/a", [&](const httplib::Request&, httplib::Response&) { ++asked; });
    serve();
    settings_.origins.clear();
    for (const std::string host :
         {"127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"}) {
        const auto got = fetch(settings_, "http://" + host + ":" + std::to_string(port_) + "/a",
                               std::string(64, '0'), progress_);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, EACCES) << host << ": " << got.error().text;
    }
    EXPECT_EQ(asked, 0);
}

TEST_F(Fetching, ItEndsWhenItIsCancelledAndWhenItsTimeIsOver) {
    std::atomic<bool> stop = false;
    server_.Get("/slow", [&](const httplib::Request&, httplib::Response& answer) {
        answer.set_content_provider(1 << 20, "application/zip",
                                    [&](std::size_t, std::size_t, httplib::DataSink& sink) {
                                        std::this_thread::sleep_for(std::chrono::milliseconds(10));
                                        return !stop && sink.write("xxxx", 4);
                                    });
    });
    serve();
    settings_.timeout = std::chrono::milliseconds(300);
    EXPECT_EQ(code("/slow"), ETIMEDOUT);
    settings_.timeout = std::chrono::seconds(20);
    std::thread canceller([&] {
        while (progress_.received < 8) std::this_thread::yield();
        progress_.cancelled = true;
    });
    EXPECT_EQ(code("/slow"), ECANCELED);
    canceller.join();
    stop = true;
}

}  // namespace
}  // namespace skerry::origin
