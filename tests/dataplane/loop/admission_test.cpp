// From a datagram to a request that may be decided about: what is challenged, refused, joined,
// replayed.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class Admission : public LoopTest {};

TEST_F(Admission, ChallengesAStrangerWithNoMoreBytesThanItSent) {
    start();
    wire::Header header = request_header(shared, client(), 1);
    const std::uint64_t good = header.cookie.get();
    header.cookie.set(0);
    send(client(), header, "payload");
    turn();
    const Message challenge = next();
    EXPECT_EQ(challenge.kind(), wire::Kind::challenge);
    EXPECT_EQ(challenge.header.cookie.get(), good);
    EXPECT_TRUE(challenge.payload.empty());
    EXPECT_EQ(challenge.header.request_id_lo.get(), 1u);
    EXPECT_EQ(count(Reason::challenge_sent), 1u);
    header.cookie.set(good + 1);
    send(client(), header);
    turn();
    EXPECT_EQ(next().kind(), wire::Kind::challenge);
}

TEST_F(Admission, ACookieOfAnotherAddressIsNotGood) {
    start();
    Peer other = client();
    other.address = *net::IpAddress::parse("10.0.0.10");
    send(client(), request_header(shared, other, 1));
    turn();
    EXPECT_EQ(next().kind(), wire::Kind::challenge);
}

TEST_F(Admission, RefusesWhatCanNotBeServedAndSaysWhy) {
    start();
    wire::Header header = request_header(shared, client(), 1);
    header.function_key.set(0x9999);
    send(client(), header);
    header = request_header(shared, client(), 2);
    header.qualifier.set(0x9999);
    send(client(), header);
    send(client(), request_header(shared, client(), 3), std::string(1025, 'x'));
    header = request_header(shared, client(), 4);
    header.hop_count = 2;
    send(client(), header);
    header = request_header(shared, client(), 5);
    header.version = 9;
    send(client(), header);
    header = request_header(shared, client(), 6);
    header.payload_bytes.set(5);
    send_raw(client(), std::string(reinterpret_cast<char*>(&header), sizeof header));
    turn();
    std::map<std::uint64_t, ReplyStatus> said;
    while (!sent.empty()) {
        const Message reply = next();
        EXPECT_EQ(reply.kind(), wire::Kind::reply);
        EXPECT_TRUE(reply.payload.empty());
        EXPECT_EQ(reply.header.version, wire::kVersion);
        said[reply.header.request_id_lo.get()] = reply.status();
    }
    EXPECT_EQ(said[1], ReplyStatus::no_such_function);
    EXPECT_EQ(said[2], ReplyStatus::no_such_version);
    EXPECT_EQ(said[3], ReplyStatus::too_large);
    EXPECT_EQ(said[4], ReplyStatus::too_many_hops);
    EXPECT_EQ(said[5], ReplyStatus::unsupported_version);
    EXPECT_EQ(said[6], ReplyStatus::bad_message);
}

TEST_F(Admission, DropsWhatIsNotOursAndNeverAnswersAReply) {
    start();
    send_raw(client(), "short");
    send_raw(client(), std::string(200, 'x'));
    wire::Header header = request_header(shared, client(), 1);
    header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
    send(client(), header);
    header.kind = 99;
    send(client(), header);
    header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
    header.version = 9;
    send(client(), header);
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_not_skerry), 4u);
    EXPECT_EQ(count(Reason::drop_stale_reply), 1u);
}

TEST_F(Admission, ExecutesOnceAndReplaysTheAnswer) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const wire::Header header = request_header(shared, client(), 1);
    send(client(), header, "once");
    turn();
    EXPECT_EQ(worker.take(), 1u);
    send(client(), header, "once");  // joined
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(worker.take(), 0u);
    EXPECT_EQ(count(Reason::joined), 1u);
    worker.respond(0, "answer");
    turn();
    EXPECT_EQ(next().payload, "answer");
    send(client(), header, "once");
    turn();
    const Message replay = next();
    EXPECT_EQ(replay.payload, "answer");
    EXPECT_TRUE(replay.header.flags.get() & wire::flag::replayed);
    EXPECT_EQ(worker.take(), 0u);
    wire::Header reused = header;
    reused.function_key.set(0x2222);
    send(client(), reused, "once");
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::bad_message);
    EXPECT_EQ(count(Reason::refused_id_reuse), 1u);
}

TEST_F(Admission, TheSameIdFromAnotherPortIsAnotherRequest) {
    start();
    PlayedWorker worker(shared, 0, 2);
    send(client(1000), request_header(shared, client(1000), 1), "a");
    send(client(1001), request_header(shared, client(1001), 1), "b");
    turn();
    EXPECT_EQ(worker.take(), 3u);
    worker.respond(0, "x");
    worker.respond(1, "y");
    turn();
    EXPECT_EQ(sent.size(), 2u);
}

TEST_F(Admission, RefusesWhileDraining) {
    start();
    PlayedWorker worker(shared, 0, 1);
    publish(true);
    send(client(), request_header(shared, client(), 1));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::draining);
    EXPECT_EQ(worker.take(), 0u);
}

TEST_F(Admission, AnswersAPeersProbe) {
    start();
    shared.catalog_epoch = 42;
    wire::Header header = request_header(shared, client(), 9);
    header.kind = static_cast<std::uint8_t>(wire::Kind::probe);
    header.cookie.set(0);
    send(client(), header, std::string(sizeof(wire::ProbePayload), '\0'));
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.kind(), wire::Kind::probe_reply);
    ASSERT_EQ(reply.payload.size(), sizeof(wire::ProbePayload));
    wire::ProbePayload payload;
    std::memcpy(&payload, reply.payload.data(), sizeof payload);
    EXPECT_EQ(payload.boot_id.get(), info.boot_id);
    EXPECT_EQ(payload.catalog_epoch.get(), 42u);
    EXPECT_NE(reply.header.cookie.get(), 0u);
    EXPECT_EQ(reply.header.flags.get(), wire::flag::load) << "it would understand a longer one";
}

TEST_F(Admission, AnswersAProbeInItsOwnLength) {
    start();
    shared.own_load.slots = 12;
    shared.own_load.service_us = 3'000;
    shared.own_load.region_us = 4'000;
    shared.own_load.slow_permille = 2'500;
    wire::Header header = request_header(shared, client(), 9);
    header.kind = static_cast<std::uint8_t>(wire::Kind::probe);
    for (const std::size_t bytes : {32u, 64u, 200u}) {
        send(client(), header, std::string(bytes, 'x'));
        turn();
        const Message reply = next();
        ASSERT_EQ(reply.payload.size(), bytes) << "never more than was sent";
        wire::ProbePayload payload{};
        std::memcpy(&payload, reply.payload.data(), std::min(bytes, sizeof payload));
        EXPECT_EQ(payload.boot_id.get(), info.boot_id);
        EXPECT_EQ(payload.slots.get(), bytes == 32 ? 0u : 12u);
        EXPECT_EQ(payload.service_us.get(), bytes == 32 ? 0u : 3'000u);
        EXPECT_EQ(payload.region_us.get(), bytes == 32 ? 0u : 4'000u);
        EXPECT_EQ(payload.slow_permille.get(), bytes == 32 ? 0u : 2'500u);
        for (std::size_t i = 48; i < bytes; ++i) EXPECT_EQ(reply.payload[i], '\0') << i;
        EXPECT_EQ(count(Reason::digest_unproven), bytes == 200 ? 1u : 0u) << "a POP tells none";
    }
    send(client(), header, std::string(33, '\0'));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::bad_message);
}

}  // namespace
}  // namespace skerry::test
