// What a peer may not do, frame by frame: each ends the trunk, and nothing of it is believed.
#include <gtest/gtest.h>

#include "tests/dataplane/trunk/ends.hpp"

namespace skerry::trunk::testing {
namespace {

std::string frame(FrameType type, std::uint32_t stream, const std::string& body) {
    FrameHead head{};
    head.type = static_cast<std::uint8_t>(type);
    head.bytes.set(static_cast<std::uint16_t>(body.size()));
    head.stream.set(stream);
    return std::string(reinterpret_cast<const char*>(&head), sizeof head) + body;
}

template <typename T>
std::string raw(const T& what) {
    return {reinterpret_cast<const char*>(&what), sizeof what};
}

std::string hello(std::uint32_t magic = kMagic, std::uint16_t version = kVersion,
                  std::uint16_t streams = kStreams, std::uint32_t window = 65536) {
    HelloBody body{};
    body.magic.set(magic);
    body.version.set(version);
    body.streams.set(streams);
    body.window_bytes.set(window);
    return frame(FrameType::hello, 0, raw(body));
}

std::string message(std::uint32_t stream, wire::Kind kind, std::uint32_t payload_bytes) {
    return frame(FrameType::message, stream, raw(header_of(kind, payload_bytes)));
}

std::string credit(std::uint32_t stream, std::uint32_t bytes) {
    CreditBody body;
    body.bytes.set(bytes);
    return frame(FrameType::credit, stream, raw(body));
}

std::string data(std::uint32_t stream, std::size_t bytes) {
    return frame(FrameType::data, stream, std::string(bytes, 'd'));
}

const std::uint32_t kFirst = stream_of(3, 1);
constexpr auto kInvoke = wire::Kind::invoke;

Fault server_hears(const std::string& bytes) {
    End server(Role::server);
    const bool well = take(server, bytes);
    EXPECT_EQ(well, server.link.fault() == Fault::none);
    if (server.link.fault() != Fault::none) {
        EXPECT_FALSE(take(server, hello()));
        server.pump();
        EXPECT_TRUE(server.output.empty());
    }
    return server.link.fault();
}

// The client has one request of 100 bytes on its way, in place 0.
Fault client_hears(const std::string& bytes) {
    Pair pair;
    (void)pair.client.ask(std::string(100, 'c'));
    pair.client.pump();
    (void)take(pair.client, bytes);
    return pair.client.link.fault();
}

TEST(TrunkFault, Hello) {
    EXPECT_EQ(server_hears(hello()), Fault::none);
    EXPECT_EQ(server_hears(hello() + hello()), Fault::hello);
    EXPECT_EQ(server_hears(message(kFirst, kInvoke, 0)), Fault::hello);
    EXPECT_EQ(server_hears(hello(kMagic + 1)), Fault::hello);
    EXPECT_EQ(server_hears(hello(kMagic, 2)), Fault::hello);
    EXPECT_EQ(server_hears(hello(kMagic, 1, 0)), Fault::hello);
    EXPECT_EQ(server_hears(hello(kMagic, 1, 65)), Fault::hello);
    EXPECT_EQ(server_hears(hello(kMagic, 1, 1, 100)), Fault::hello);
    EXPECT_EQ(server_hears(hello(kMagic, 1, 1, ~0u)), Fault::hello);
    EXPECT_EQ(server_hears("GET / HTTP/1.1\r\n\r\n"), Fault::frame);
}

TEST(TrunkFault, Frames) {
    EXPECT_EQ(server_hears(hello() + frame(static_cast<FrameType>(8), 0, "")), Fault::frame);
    EXPECT_EQ(server_hears(hello() + frame(static_cast<FrameType>(0), 0, "")), Fault::frame);
    EXPECT_EQ(server_hears(hello() + frame(FrameType::ping, 0, "1234567")), Fault::frame);
    EXPECT_EQ(server_hears(hello() + frame(FrameType::ping, 5, "12345678")), Fault::frame);
    EXPECT_EQ(server_hears(hello() + message(0, kInvoke, 0)), Fault::frame);
    EXPECT_EQ(server_hears(hello() + frame(FrameType::cancel, 0, "")), Fault::frame);
    EXPECT_EQ(server_hears(hello() + frame(FrameType::message, kFirst, "short")), Fault::frame);
    std::string reserved = hello();
    reserved[1] = 1;
    EXPECT_EQ(server_hears(reserved), Fault::frame);
    const std::string begun = hello() + message(kFirst, kInvoke, 100'000);
    EXPECT_EQ(server_hears(begun + data(kFirst, 0)), Fault::frame);
    EXPECT_EQ(server_hears(begun + data(kFirst, kDataBytesMax)), Fault::none);
    EXPECT_EQ(server_hears(begun + data(kFirst, kDataBytesMax + 1)), Fault::frame);
}

TEST(TrunkFault, Streams) {
    const std::string one = hello() + message(kFirst, kInvoke, 1);
    EXPECT_EQ(server_hears(one), Fault::none);
    EXPECT_EQ(server_hears(one + message(kFirst, kInvoke, 1)), Fault::stream);
    EXPECT_EQ(server_hears(one + message(stream_of(3, 2), kInvoke, 1)), Fault::stream);
    EXPECT_EQ(server_hears(hello() + message(stream_of(3, 0), kInvoke, 1)), Fault::stream);
    EXPECT_EQ(server_hears(hello() + data(kFirst, 1)), Fault::stream);
    EXPECT_EQ(server_hears(hello() + credit(kFirst, 1)), Fault::stream);
    EXPECT_EQ(server_hears(hello() + frame(FrameType::cancel, kFirst, "")), Fault::stream);
    const std::string cancelled = one + frame(FrameType::cancel, kFirst, "");
    EXPECT_EQ(server_hears(cancelled), Fault::none);
    EXPECT_EQ(server_hears(cancelled + data(kFirst, 1)), Fault::none) << "was under way";
    EXPECT_EQ(server_hears(cancelled + message(kFirst, kInvoke, 1)), Fault::stream) << "used";
    EXPECT_EQ(server_hears(cancelled + message(stream_of(3, 9), kInvoke, 1)), Fault::none);
}

TEST(TrunkFault, Messages) {
    EXPECT_EQ(server_hears(hello() + message(kFirst, wire::Kind::reply, 0)), Fault::message);
    EXPECT_EQ(server_hears(hello() + message(kFirst, kInvoke, kPayloadBytesMax)), Fault::none);
    EXPECT_EQ(server_hears(hello() + message(kFirst, kInvoke, kPayloadBytesMax + 1)),
              Fault::message);
    wire::Header header = header_of(kInvoke, 0);
    header.version = 9;
    EXPECT_EQ(server_hears(hello() + frame(FrameType::message, kFirst, raw(header))),
              Fault::message);
    header = header_of(kInvoke, 0);
    header.magic.set(1);
    EXPECT_EQ(server_hears(hello() + frame(FrameType::message, kFirst, raw(header))),
              Fault::message);
}

TEST(TrunkFault, PayloadsAndCredit) {
    const std::string ten = hello() + message(kFirst, kInvoke, 10);
    EXPECT_EQ(server_hears(ten + data(kFirst, 11)), Fault::payload);
    EXPECT_EQ(server_hears(ten + data(kFirst, 10)), Fault::none);
    EXPECT_EQ(server_hears(ten + data(kFirst, 10) + data(kFirst, 1)), Fault::payload);
    EXPECT_EQ(server_hears(ten + credit(kFirst, 0)), Fault::credit);
    EXPECT_EQ(server_hears(ten + credit(kFirst, kCreditBytesMax)), Fault::credit);
    End server(Role::server);
    server.grants = false;
    EXPECT_TRUE(
        take(server, hello() + message(kFirst, kInvoke, 100'000) + data(kFirst, kWindowBytesMin)));
    EXPECT_FALSE(take(server, data(kFirst, 1)));
    EXPECT_EQ(server.link.fault(), Fault::credit);
}

TEST(TrunkFault, WhatAServerMayNot) {
    const std::uint32_t ours = stream_of(0, 1);
    EXPECT_EQ(client_hears(message(ours, wire::Kind::reply, 5)), Fault::none);
    EXPECT_EQ(client_hears(message(ours, wire::Kind::accepted, 0)), Fault::none);
    EXPECT_EQ(client_hears(message(ours, wire::Kind::accepted, 1)), Fault::message);
    EXPECT_EQ(client_hears(message(ours, kInvoke, 0)), Fault::message);
    EXPECT_EQ(client_hears(message(ours, wire::Kind::challenge, 0)), Fault::message);
    EXPECT_EQ(client_hears(message(stream_of(0, 2), wire::Kind::reply, 0)), Fault::stream);
    EXPECT_EQ(client_hears(message(stream_of(1, 1), wire::Kind::reply, 0)), Fault::stream);
    EXPECT_EQ(client_hears(data(ours, 1)), Fault::payload);
    EXPECT_EQ(client_hears(frame(FrameType::cancel, ours, "")), Fault::frame);
    const std::string twice = message(ours, wire::Kind::accepted, 0);
    EXPECT_EQ(client_hears(twice + twice), Fault::message);
    const std::string begun = message(ours, wire::Kind::reply, 5);
    EXPECT_EQ(client_hears(begun + begun), Fault::message);
    EXPECT_EQ(client_hears(begun + message(ours, wire::Kind::accepted, 0)), Fault::message);
    EXPECT_EQ(client_hears(begun + data(ours, 6)), Fault::payload);
    // It has been answered: what comes after that was under way, or is nothing.
    EXPECT_EQ(client_hears(begun + data(ours, 5) + data(ours, 5)), Fault::none);
}

TEST(TrunkFault, AcceptedBeforeTheRequestIsWhole) {
    Pair pair;
    pair.server.grants = false;
    (void)pair.client.ask(std::string(100'000, 'c'));
    pair.client.pump();
    EXPECT_FALSE(take(pair.client, message(stream_of(0, 1), wire::Kind::accepted, 0)));
    EXPECT_EQ(pair.client.link.fault(), Fault::message);
}

}  // namespace
}  // namespace skerry::trunk::testing
