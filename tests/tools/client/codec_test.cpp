#include "tools/client/codec.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "control/catalog/catalog.hpp"
#include "tools/client/endpoint.hpp"
#include "tools/client/keys.hpp"
#include "tools/client/retransmit.hpp"

namespace skerry::client {
namespace {

std::vector<std::byte> request_bytes(const Request& request) {
    std::vector<std::byte> datagram(wire::kHeaderBytes + request.payload.size());
    EXPECT_EQ(encode(request, datagram), datagram.size());
    return datagram;
}

// What a server would make of a request: the same header, as another kind.
std::vector<std::byte> answer(wire::Kind kind, std::string_view payload = "") {
    Request request;
    request.id = {1, 2};
    request.function_key = 3;
    request.payload = payload;
    auto datagram = request_bytes(request);
    reinterpret_cast<wire::Header*>(datagram.data())->kind = static_cast<std::uint8_t>(kind);
    return datagram;
}

wire::Header& header(std::vector<std::byte>& datagram) {
    return *reinterpret_cast<wire::Header*>(datagram.data());
}

TEST(Keys, AreThoseOfTheCatalog) {
    for (const char* name : {"echo", "a", "jwt-verify", "Z_9"})
        EXPECT_EQ(function_key(name), catalog::function_key(name)) << name;
    const std::string digest(64, 'c');
    EXPECT_EQ(version_key(digest), catalog::version_key(digest));
    EXPECT_EQ(version_key(std::string(64, '0')), 1u);
    EXPECT_EQ(version_key("00000000000000Ff"), 255u);
    EXPECT_FALSE(version_key("00000000000000f"));
    EXPECT_FALSE(version_key("00000000000000fg"));
    EXPECT_FALSE(version_key(std::string(65, 'a')));
    EXPECT_EQ(alias_key("stable"), catalog::alias_key("stable"));
    EXPECT_EQ(alias_key("no spaces"), std::nullopt);
    EXPECT_EQ(alias_key(""), std::nullopt);
}

TEST(Codec, ARequestIsWhatTheServerValidates) {
    Request request;
    request.id = {0x0102030405060708, 0x1112131415161718};
    request.function_key = 0x2122232425262728;
    request.qualifier = 7;
    request.cookie = 8;
    request.deadline_us = 9;
    request.want_accepted = true;
    request.payload = "hello";
    auto datagram = request_bytes(request);
    ASSERT_EQ(wire::validate(datagram.data(), datagram.size()), wire::ParseError::none);
    const std::array<unsigned char, 12> start = {'S', 'K', 'R', 'Y', 1, 1, 0, 2, 1, 2, 3, 4};
    EXPECT_EQ(std::memcmp(datagram.data(), start.data(), start.size()), 0);
    EXPECT_EQ(header(datagram).payload_bytes.get(), 5u);
    EXPECT_EQ(header(datagram).qualifier.get(), 7u);
    EXPECT_EQ(header(datagram).hop_count, 0);
    EXPECT_EQ(std::memcmp(datagram.data() + wire::kHeaderBytes, "hello", 5), 0);
    set_cookie(datagram, 77);
    set_deadline_us(datagram, 88);
    EXPECT_EQ(header(datagram).cookie.get(), 77u);
    EXPECT_EQ(header(datagram).deadline_us.get(), 88u);
}

TEST(Codec, ARequestThatDoesNotFitIsNotWritten) {
    Request request;
    request.payload = "hello";
    std::vector<std::byte> small(wire::kHeaderBytes + 4);
    EXPECT_EQ(encode(request, small), 0u);
    const std::string large(kMaxPayloadBytes + 1, 'x');
    request.payload = large;
    std::vector<std::byte> room(1 << 17);
    EXPECT_EQ(encode(request, room), 0u);
}

TEST(Codec, AReplyIsRead) {
    auto datagram = answer(wire::Kind::reply, "result");
    header(datagram).status = 1;
    header(datagram).qualifier.set(42);
    header(datagram).run_us.set(5);
    std::memcpy(header(datagram).place, "r1", 3);
    const auto message = decode(datagram);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->kind, wire::Kind::reply);
    EXPECT_EQ(message->id, (wire::RequestId{1, 2}));
    EXPECT_EQ(message->function_key, 3u);
    EXPECT_EQ(message->version_key, 42u);
    EXPECT_EQ(message->run_us, 5u);
    EXPECT_STREQ(message->place, "r1");
    EXPECT_EQ(message->payload, "result");
    EXPECT_EQ(status_name(message->status), "function_error");
    EXPECT_EQ(status_name(200), "status-200");
}

TEST(Codec, ATailIsBehindThePayload) {
    auto datagram = answer(wire::Kind::reply, "outlog");
    for (const auto& [bytes, payload, tail] :
         {std::tuple{0, "outlog", ""}, {3, "out", "log"}, {6, "", "outlog"}, {7, "outlog", ""}}) {
        header(datagram).tail_bytes.set(static_cast<std::uint16_t>(bytes));
        const auto message = decode(datagram);
        ASSERT_TRUE(message);
        EXPECT_EQ(message->payload, payload) << bytes;
        EXPECT_EQ(message->tail, tail) << bytes;
    }
    Request request;
    request.id = {1, 2};
    request.want_tail = true;
    auto wanted = request_bytes(request);
    EXPECT_EQ(header(wanted).flags.get(), wire::flag::want_tail);
}

TEST(Codec, ARequestMaySayThatTwiceDoesNoHarm) {
    Request request;
    request.id = {1, 2};
    request.idempotent = true;
    auto marked = request_bytes(request);
    EXPECT_EQ(header(marked).flags.get(), wire::flag::idempotent);
}

TEST(Codec, APlaceIsAlwaysPrintableAndEnds) {
    auto datagram = answer(wire::Kind::reply);
    std::memset(header(datagram).place, 0x1b, wire::kPlaceBytes);
    EXPECT_STREQ(decode(datagram)->place, "????????????????");
}

TEST(Codec, WhatIsNoMessageToAClientIsRefused) {
    EXPECT_FALSE(decode({}));
    for (const auto kind : {wire::Kind::invoke, wire::Kind::probe, wire::Kind::probe_reply,
                            static_cast<wire::Kind>(0), static_cast<wire::Kind>(7)})
        EXPECT_FALSE(decode(answer(kind))) << static_cast<int>(kind);
    EXPECT_FALSE(decode(answer(wire::Kind::challenge))) << "a challenge without a cookie";
    auto cut = answer(wire::Kind::reply, "result");
    cut.pop_back();
    EXPECT_FALSE(decode(cut));
    auto other_version = answer(wire::Kind::reply);
    header(other_version).version = 2;
    EXPECT_FALSE(decode(other_version));
}

// Every prefix, and every byte changed: nothing is read beyond the end (the sanitizers watch).
TEST(Codec, DamagedDatagramsAreSafe) {
    const auto good = answer(wire::Kind::reply, "some payload");
    for (std::size_t length = 0; length < good.size(); ++length) {
        const std::vector<std::byte> cut(good.begin(),
                                         good.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_FALSE(decode(cut));
    }
    for (std::size_t at = 0; at < good.size(); ++at)
        for (const int value : {0, 1, 127, 128, 255}) {
            auto changed = good;
            changed[at] = static_cast<std::byte>(value);
            const auto message = decode(changed);
            EXPECT_LE(message ? message->payload.size() : 0, 12u);
        }
}

// The blocks of hex in docs/protocol.md: "0000  53 4b …" up to two spaces and a remark.
std::vector<std::vector<std::byte>> blocks_of_the_specification() {
    const char* path = std::getenv("SKERRY_PROTOCOL");
    std::ifstream file(path != nullptr ? path : "");
    std::vector<std::vector<std::byte>> blocks;
    for (std::string line; std::getline(file, line);) {
        if (line.size() < 6 || line.find_first_not_of("0123456789abcdef") != 4 || line[5] != ' ')
            continue;
        if (line.starts_with("0000")) blocks.emplace_back();
        if (blocks.empty()) continue;
        std::istringstream bytes(line.substr(6, 47));
        for (unsigned value; bytes >> std::hex >> value;)
            blocks.back().push_back(static_cast<std::byte>(value));
    }
    return blocks;
}

TEST(Codec, TheExamplesOfTheSpecificationAreWhatIsSentAndRead) {
    const auto blocks = blocks_of_the_specification();
    ASSERT_EQ(blocks.size(), 3u);
    Request request;
    request.id = {0x243ac382fe6549b2, 0x5d70e364d3248c69};
    request.function_key = function_key("echo");
    request.deadline_us = 3'000'000;
    request.payload = "hi";
    EXPECT_EQ(request_bytes(request), blocks[0]);
    const auto challenge = decode(blocks[1]);
    ASSERT_TRUE(challenge);
    EXPECT_EQ(challenge->kind, wire::Kind::challenge);
    EXPECT_EQ(challenge->cookie, 0x7e57c00c1e000001u);
    const auto reply = decode(blocks[2]);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->kind, wire::Kind::reply);
    EXPECT_EQ(reply->version_key, version_key("80fd0ed890b031b6"));
    EXPECT_EQ(reply->busy, 0x80);
    EXPECT_EQ(reply->run_us, 27u);
    EXPECT_STREQ(reply->place, "pop");
    EXPECT_EQ(reply->payload, "hi");
    EXPECT_EQ(reply->id, request.id);
}

TEST(Endpoint, TakesBothFamilies) {
    EXPECT_EQ(parse_endpoint("10.0.0.2")->to_string(), "10.0.0.2:4600");
    EXPECT_EQ(parse_endpoint("10.0.0.2:99")->to_string(), "10.0.0.2:99");
    EXPECT_EQ(parse_endpoint("fd00::2")->to_string(), "[fd00::2]:4600");
    EXPECT_EQ(parse_endpoint("[fd00::2]:99")->to_string(), "[fd00::2]:99");
    EXPECT_EQ(parse_endpoint("[fd00::2]")->to_string(), "[fd00::2]:4600");
}

TEST(Endpoint, RefusesTheRest) {
    for (const char* text :
         {"", "pop.example", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:65536", "10.0.0.2:1x", "10.0.0",
          "[fd00::2", "[fd00::2]99", "[fd00::2]:", "[10.0.0.2", "10.0.0.2 "})
        EXPECT_FALSE(parse_endpoint(text)) << text;
    EXPECT_FALSE(parse_endpoint(std::string(1000, '1')));
}

TEST(Backoff, DoublesUpToItsMostAndSpreads) {
    const Backoff backoff{.first_ms = 100, .most_ms = 1000};
    EXPECT_EQ(backoff.wait_us(1, 10'000), 100'000u);  // in the middle of the spread
    for (const std::uint64_t random : {0ull, 12345678901ull, ~0ull}) {
        EXPECT_NEAR(static_cast<double>(backoff.wait_us(1, random)), 100e3, 10e3);
        EXPECT_NEAR(static_cast<double>(backoff.wait_us(3, random)), 400e3, 40e3);
        EXPECT_NEAR(static_cast<double>(backoff.wait_us(5, random)), 1000e3, 100e3);
        EXPECT_NEAR(static_cast<double>(backoff.wait_us(4'000'000'000, random)), 1000e3, 100e3);
    }
}

}  // namespace
}  // namespace skerry::client
