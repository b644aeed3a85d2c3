// The normal forms of paths and hosts, by example and against the reference.
#include "dataplane/classify/normal.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/classify/reference.hpp"

namespace skerry::classify {
namespace {

struct Normal {
    Fault fault;
    std::string text;
};
Normal path(std::string_view raw) {
    std::array<char, kPathBytesMax> buffer;
    std::string_view normal;
    const Fault fault = normalise_path(raw, buffer, normal);
    return {fault, std::string(normal)};
}
Normal host(std::string_view raw) {
    std::array<char, kHostBytesMax + 1> buffer;
    std::string_view normal;
    const Fault fault = normalise_host(raw, buffer, normal);
    return {fault, std::string(normal)};
}

TEST(NormalPath, IsOneSpellingOfEachPath) {
    const std::pair<const char*, const char*> cases[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a/b/", "/a/b/"},
        {"/%61%2e%62", "/a.b"},
        {"/%7Euser", "/~user"},
        {"/a%2fb", "/a%2Fb"},  // no separator
        {"/a%5cb", "/a%5Cb"},
        {"/a\\b", "/a%5Cb"},
        {"/a%3Ab%40c%2Bd", "/a:b@c+d"},
        {"/a%20b", "/a%20b"},
        {"/\xc3\xa9", "/%C3%A9"},
        {"/%c3%a9", "/%C3%A9"},
        {"/a\"<>^`{|}b", "/a%22%3C%3E%5E%60%7B%7C%7Db"},
        {"//", "/"},
        {"//a///b//", "/a/b/"},
        {"/./a/./b/.", "/a/b/"},
        {"/a/b/../c", "/a/c"},
        {"/a/b/..", "/a/"},
        {"/a/%2e%2E/b", "/b"},
        {"/a/..", "/"},
        {"/a//../b", "/b"},  // slashes are one before dots count
        {"/...", "/..."},
        {"/.a/..b/c.", "/.a/..b/c."},
        {"/%252e%252e/a", "/%252e%252e/a"},  // decoded once
        {"/a;v=1/b", "/a;v=1/b"},
        {"/%0a%09%7f", "/%0A%09%7F"},
        {"/0123456789abcdef/0123456789abcdef/%61", "/0123456789abcdef/0123456789abcdef/a"},
        {"/0123456789abcde/./x", "/0123456789abcde/x"},
        {"/0123456789abcd//x", "/0123456789abcd/x"},
    };
    for (const auto& [raw, normal] : cases) {
        EXPECT_EQ(path(raw).text, normal) << raw;
        EXPECT_EQ(path(normal).text, normal);
    }
}

TEST(NormalPath, RefusesWhatHasNone) {
    const std::pair<std::string_view, Fault> cases[] = {
        {"/%", Fault::bad_escape},
        {"/a%2", Fault::bad_escape},
        {"/%zz", Fault::bad_escape},
        {"/%00", Fault::nul},
        {"/a%00b", Fault::nul},
        {"/..", Fault::above_root},
        {"/a/../..", Fault::above_root},
        {"/%2e%2e/a", Fault::above_root},
        {"/a/..%2fb", Fault::hidden_dots},
        {"/a/b%2F..", Fault::hidden_dots},
        {"/a/..%5cb", Fault::hidden_dots},
        {"/a/..\\b", Fault::hidden_dots},
        {"/a/..;/b", Fault::hidden_dots},
        {"/a/.;x/b", Fault::hidden_dots},
        {"/a/x%2f.%2fy", Fault::hidden_dots},
    };
    for (const auto& [raw, fault] : cases) EXPECT_EQ(path(raw).fault, fault) << raw;
}

TEST(NormalPath, HasALimit) {
    EXPECT_EQ(path("/" + std::string(kPathBytesMax - 1, 'a')).fault, Fault::none);
    EXPECT_EQ(path("/" + std::string(kPathBytesMax, 'a')).fault, Fault::too_long);
    // Three bytes of the normal form for each of these.
    EXPECT_EQ(path("/" + std::string(1365, '"')).fault, Fault::none);
    EXPECT_EQ(path("/" + std::string(1366, '"')).fault, Fault::too_long);
    EXPECT_EQ(path(std::string(5000, '/')).text, "/");
}

TEST(NormalPath, IsTheReferences) {
    std::mt19937 random(3);
    const std::string_view parts[] = {
        "/",   "/",   "a", "b.",  ".",  "..",   "%2e", "%2F",
        "%5C", ";",   "%", "%61", "\\", "\x80", "%00", "longer-than-sixteen-bytes",
        ":",   "%25", "*"};
    for (int i = 0; i < 30000; ++i) {
        std::string raw = "/";
        for (std::uint32_t left = random() % 8; left != 0; --left)
            raw += parts[random() % std::size(parts)];
        const auto expected = reference::segments_of(raw);
        const Normal normal = path(raw);
        ASSERT_EQ(normal.fault == Fault::none, expected.has_value()) << raw;
        if (expected) {
            ASSERT_EQ(normal.text, reference::normal_of(*expected)) << raw;
            ASSERT_EQ(path(normal.text).text, normal.text) << raw;
        }
    }
}

TEST(NormalHost, IsLowerCaseWithoutPortAndDot) {
    const std::pair<const char*, const char*> cases[] = {
        {"", ""},
        {"a.test", "a.test"},
        {"A.TEST", "a.test"},
        {"a.test:8080", "a.test"},
        {"a.test:", "a.test"},
        {"a.test.", "a.test"},
        {"a.test.:80", "a.test"},
        {"127.0.0.1:80", "127.0.0.1"},
        {"[::1]", "[::1]"},
        {"[FE80::1]:80", "[fe80::1]"},
        {"a_b-c", "a_b-c"},
    };
    for (const auto& [raw, normal] : cases) {
        EXPECT_EQ(host(raw).fault, Fault::none) << raw;
        EXPECT_EQ(host(raw).text, normal) << raw;
    }
}

TEST(NormalHost, RefusesWhatIsNoHost) {
    for (const char* raw :
         {":80", ".", "..", "a..b", ".a", "a.test..", "a%2etest", "a b", "a,b", "[::1", "[]",
          "[::g]", "a:b", "a:80:80", "[::1]x", "[::1].", "[::1].:80", "a@b"})
        EXPECT_EQ(host(raw).fault, Fault::bad_host) << raw;
    EXPECT_EQ(host(std::string(64, 'a')).fault, Fault::bad_host);
    EXPECT_EQ(host(std::string(63, 'a')).fault, Fault::none);
    std::string name;
    while (name.size() < 252) name += "a.";
    EXPECT_EQ(host(name + "b").fault, Fault::none);  // 253
    EXPECT_EQ(host(name + "bb").fault, Fault::bad_host);
}

TEST(NormalHost, IsTheReferences) {
    std::mt19937 random(4);
    const std::string_view parts[] = {"a", "B", ".", ":", "80", "[", "]", "::1", "-", "%", "_"};
    for (int i = 0; i < 30000; ++i) {
        std::string raw;
        for (std::uint32_t left = random() % 6; left != 0; --left)
            raw += parts[random() % std::size(parts)];
        const auto expected = reference::host_of(raw);
        const Normal normal = host(raw);
        ASSERT_EQ(normal.fault == Fault::none, expected.has_value()) << raw;
        ASSERT_EQ(normal.text, expected.value_or("")) << raw;
    }
}

}  // namespace
}  // namespace skerry::classify
