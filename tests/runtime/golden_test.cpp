// What the clients were seen to send (tests/fuzz/corpus/runtime_api/CLIENT-CASE), said to the
// server's end, in pieces of several sizes: each is understood, and its body arrives whole.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/sandbox/runtime_api/wire.hpp"

namespace skerry::test {
namespace {

struct Sent {
    std::string name;
    std::string bytes;
    bool has(const std::string& part) const { return name.find(part) != std::string::npos; }
};

// The invocation that the Wire tells of, in place of the stub's.
void put(std::string& text, const std::string& pattern, const std::string& value) {
    if (const auto at = text.find(pattern); at != std::string::npos)
        text.replace(at, value.size(), value);
}

std::vector<Sent> all() {
    std::vector<Sent> found;
    for (const auto& entry : std::filesystem::directory_iterator(std::getenv("SKERRY_GOLDEN"))) {
        const std::string name = entry.path().filename();
        for (const char* client : {"bash-", "cpp-", "nodejs-", "python3-", "ric-"}) {
            if (name.rfind(client, 0) != 0) continue;
            std::ifstream file(entry.path(), std::ios::binary);
            found.push_back({name, std::string(std::istreambuf_iterator<char>(file), {})});
            put(found.back().bytes, "/00000000-0000-4000-8000-",
                "/01234567-89ab-cdef-0000-000000000001");
            put(found.back().bytes, "0123456789abcdef\r\n", "0000000000000077");
        }
    }
    return found;
}

// Of a body in chunks: what they hold.
std::string body_of(const std::string& bytes) {
    const auto end = bytes.find("\r\n\r\n");
    std::string rest = bytes.substr(end + 4);
    if (bytes.substr(0, end).find("chunked") == std::string::npos) return rest;
    std::string body;
    for (std::size_t at = 0; at < rest.size();) {
        const auto line = rest.find("\r\n", at);
        const std::size_t size = std::stoul(rest.substr(at, line - at), nullptr, 16);
        if (size == 0) break;
        body += rest.substr(line + 2, size);
        at = line + 2 + size + 2;
    }
    return body;
}

void say_in_pieces(const Sent& sent, std::size_t piece) {
    Wire wire(1 << 16);
    const std::uint32_t first = wire.connect();
    if (sent.has("-next")) {
        ASSERT_TRUE(wire.say(first, sent.bytes, piece));
        EXPECT_EQ(wire.take_news(), kAsked);
        return;
    }
    if (!sent.has("-init-")) {
        ASSERT_TRUE(wire.say(first, kNext));
        wire.begin("{}");
        ASSERT_EQ(wire.hear(first).rfind("HTTP/1.1 200", 0), 0u);
    }
    ASSERT_TRUE(wire.say(first, sent.bytes, piece));
    EXPECT_EQ(wire.hear(first).rfind("HTTP/1.1 202", 0), 0u);
    EXPECT_NE(wire.take_news() & kAnswered, 0);
    EXPECT_EQ(wire.answer(), body_of(sent.bytes));
    EXPECT_EQ(wire.peer.outcome(), sent.has("-init-")   ? Outcome::init_failed
                                   : sent.has("-error") ? Outcome::function_error
                                                        : Outcome::ok);
}

TEST(Golden, IsUnderstood) {
    const std::vector<Sent> found = all();
    ASSERT_GE(found.size(), 20u);
    for (const Sent& sent : found)
        for (const std::size_t piece : {1u, 7u, 4096u}) {
            SCOPED_TRACE(sent.name + " in pieces of " + std::to_string(piece));
            say_in_pieces(sent, piece);
        }
}

}  // namespace
}  // namespace skerry::test
