// What real runtime clients have sent, byte for byte (tests/runtime records it; the seeds of the
// fuzzer): each is understood, however it is cut.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/sandbox/runtime_api/wire.hpp"

namespace {

using namespace skerry::test;

constexpr const char* kInvocations = "POST /2018-06-01/runtime/invocation/";

bool starts(const std::string& text, const std::string& with) {
    return text.rfind(with, 0) == 0;
}

// The value of a header, as hexadecimal digits; 0: there is none.
std::uint64_t attempt_in(const std::string& text) {
    const std::string name = "Lambda-Runtime-Invocation-Id: ";
    const std::size_t at = text.find(name);
    return at == std::string::npos ? 0
                                   : std::stoull(text.substr(at + name.size(), 16), nullptr, 16);
}

void expect_understood(const std::string& text, std::size_t piece) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    const bool of_invocation = starts(text, kInvocations);
    if (of_invocation) {
        worker.say(c, kNext);
        const std::uint64_t number = static_cast<std::uint64_t>(
            std::stoul(text.substr(std::string(kInvocations).size() + 24, 12), nullptr, 16));
        worker.begin("{}", 0x8000000000000000 + number, attempt_in(text), 0x4000);
        worker.hear(c);
        worker.take_news();
    }
    std::string heard;
    for (std::size_t said = 0; said < text.size(); said += piece) {
        ASSERT_TRUE(worker.say(c, text.substr(said, piece), piece));
        heard += worker.hear(c);
    }
    if (starts(text, "GET /2018-06-01/runtime/invocation/next ")) {
        EXPECT_EQ(worker.take_news(), kAsked);
        return;
    }
    EXPECT_NE(heard.find("HTTP/1.1 202 Accepted"), std::string::npos) << heard;
    EXPECT_EQ(worker.take_news(), kAnswered);
    const bool is_response = text.find("/response HTTP/1.1") != std::string::npos;
    EXPECT_EQ(worker.peer.outcome(), !of_invocation ? Outcome::init_failed
                                     : is_response  ? Outcome::ok
                                                    : Outcome::function_error);
    const std::size_t body = text.find("\r\n\r\n") + 4;
    if (text.find("chunked\r\n") == std::string::npos) {
        EXPECT_EQ(worker.answer(), text.substr(body));
    }
}

TEST(RuntimeApiRecorded, EachIsUnderstood) {
    const char* folder = std::getenv("SKERRY_RECORDED");
    ASSERT_NE(folder, nullptr) << "the folder of what was recorded";
    int seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        if (!starts(text, "GET /") && !starts(text, "POST /")) continue;
        ++seen;
        SCOPED_TRACE(entry.path().filename().string());
        for (const std::size_t piece : {std::size_t{1}, std::size_t{13}, std::size_t{4096}})
            expect_understood(text, piece);
    }
    EXPECT_GT(seen, 10);
}

}  // namespace
