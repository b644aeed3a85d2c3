// Probes: what is told to whom asks which functions are warm, and what is made of such answers.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/forwarding.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

// A probe with a digest of the functions with these keys, and as many bytes behind it.
std::string digest(const std::vector<std::uint64_t>& keys, std::size_t more = 0) {
    std::string payload(wire::probe_bytes(static_cast<std::uint32_t>(keys.size())) + more, 'x');
    wire::DigestHead head{};
    head.rate_milli.set(1500);
    head.flags.set(wire::digest_flag::nearest);
    head.entries.set(static_cast<std::uint16_t>(keys.size()));
    std::memcpy(payload.data() + wire::kDigestAt, &head, sizeof head);
    for (std::uint32_t i = 0; i < keys.size(); ++i) {
        wire::DigestEntry entry{};
        entry.key.set(keys[i]);
        std::memcpy(payload.data() + wire::probe_bytes(i), &entry, sizeof entry);
    }
    return payload;
}

class Digest : public LoopTest {
  protected:
    void begin() {
        info.is_pop = false;
        start();
        notes = rte_ring_create_elem("digest-notes", sizeof(PopNote), 16, SOCKET_ID_ANY, 0);
        ASSERT_NE(notes, nullptr);
        shared.pop_notes[0] = notes;
        shared.own_warmth->functions[targets[0].function] = wire::pack(warmth);
        shared.own_warmth->keep_ms = 30'000;
        shared.own_warmth->crowding_permille = 20;
        shared.own_warmth->catchment_milli = 123'456;
        header = request_header(shared, client(), 9);
        header.kind = static_cast<std::uint8_t>(wire::Kind::probe);
    }
    void TearDown() override {
        shared.pop_notes[0] = nullptr;
        rte_ring_free(notes);
        LoopTest::TearDown();
    }
    static wire::DigestEntry entry(const Message& reply, std::uint32_t i) {
        wire::DigestEntry entry;
        std::memcpy(&entry, reply.payload.data() + wire::probe_bytes(i), sizeof entry);
        return entry;
    }

    const wire::Warmth warmth{.state = wire::WarmState::idle, .idle_ms = 700, .rate_milli = 2500};
    rte_ring* notes = nullptr;
    wire::Header header;
};

TEST_F(Digest, TellsOfTheFunctionsThatAreNamed) {
    begin();
    const std::uint64_t key = targets[0].function_key;
    const std::string probe = digest({4711, key, 0}, 7);
    send(client(), header, probe);
    turn();
    const Message reply = next();
    ASSERT_EQ(reply.payload.size(), probe.size());
    wire::ProbePayload payload;
    std::memcpy(&payload, reply.payload.data(), sizeof payload);
    EXPECT_EQ(payload.keep_ms.get(), 30'000u);
    EXPECT_EQ(payload.crowding_permille.get(), 20u);
    EXPECT_EQ(payload.digest_entries.get(), wire::kDigestEntriesMax);
    EXPECT_EQ(payload.catchment_milli.get(), 123'456u);
    EXPECT_EQ(wire::digest_entries(reply.payload.data(),
                                   static_cast<std::uint32_t>(reply.payload.size())),
              3u);
    EXPECT_EQ(entry(reply, 0).key.get(), 4711u);
    EXPECT_EQ(entry(reply, 0).warmth.get(), 0u) << "not deployed";
    EXPECT_EQ(entry(reply, 1).key.get(), key);
    EXPECT_EQ(wire::unpack_warmth(entry(reply, 1).warmth.get()), warmth);
    EXPECT_EQ(entry(reply, 2).warmth.get(), 0u);
    EXPECT_EQ(reply.payload.substr(wire::probe_bytes(3)), std::string(7, '\0'));
    PopNote note;
    ASSERT_EQ(rte_ring_dequeue_elem(notes, &note, sizeof note), 0);
    EXPECT_EQ(note.address[0], client().address.high());
    EXPECT_EQ(note.address[1], client().address.low());
    EXPECT_EQ(note.rate_milli, 1500u);
    EXPECT_EQ(note.nearest, 1u);
}

TEST_F(Digest, WhoHasNotProvedItsAddressOrMayNotInvokeIsToldNothing) {
    info.anyone_invokes = false;
    info.invoke_from = {*net::IpPrefix::parse("10.0.0.0/24")};
    begin();
    header.cookie.set(header.cookie.get() + 1);
    send(client(), header, digest({targets[0].function_key}));
    turn();
    EXPECT_EQ(entry(next(), 0).warmth.get(), 0u);
    header.cookie.set(0);
    send(client(), header, digest({targets[0].function_key}));
    turn();
    EXPECT_EQ(entry(next(), 0).warmth.get(), 0u);
    shared.server.invoke_from = {*net::IpPrefix::parse("192.0.2.0/24")};
    send(client(), request_header(shared, client(), 9), "");
    header = request_header(shared, client(), 10);
    header.kind = static_cast<std::uint8_t>(wire::Kind::probe);
    send(client(), header, digest({targets[0].function_key}));
    turn();
    (void)next();  // the invocation's refusal
    EXPECT_EQ(entry(next(), 0).warmth.get(), 0u);
    EXPECT_EQ(count(Reason::digest_unproven), 3u);
    EXPECT_EQ(rte_ring_count(notes), 0u) << "nor is it a POP";
}

TEST_F(Digest, AnyBytesAreAnsweredWithAsManyAndNoneOfThem) {
    begin();
    for (std::uint32_t bytes = 64; bytes <= wire::kLongestProbeBytes; bytes += 41) {
        send(client(), header, std::string(bytes, '\xff'));
        turn();
        const Message reply = next();
        ASSERT_EQ(reply.payload.size(), bytes);
        const int room = std::max(wire::digest_room(bytes), 0);
        const std::string end = reply.payload.substr(
            room == 0 ? std::min(bytes, 80u) : wire::probe_bytes(static_cast<std::uint32_t>(room)));
        EXPECT_EQ(end, std::string(end.size(), '\0'));
        for (int i = 0; i < room; ++i)
            EXPECT_EQ(entry(reply, static_cast<std::uint32_t>(i)).warmth.get(), 0u);
    }
    EXPECT_GT(count(Reason::pop_note_lost), 0u) << "nobody takes the notes, and the ring is full";
    send(client(), header, std::string(wire::kLongestProbeBytes + 1, '\0'));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::bad_message);
}

class Probes : public Forward {
  protected:
    void ask(std::uint32_t payload_bytes) {
        ProbeCommand command{.token = ++token,
                             .region = 0,
                             .payload_bytes = payload_bytes,
                             .cookie = 77,
                             .rate_milli = 1500,
                             .nearest = 1,
                             .key_count = 2};
        command.keys[0] = 33;
        command.keys[1] = 44;
        ASSERT_EQ(rte_ring_enqueue_elem(shared.probe_commands[0], &command, sizeof command), 0);
        turn();
    }
    bool take(ProbeResult& result) {
        return rte_ring_dequeue_elem(shared.probe_results[0], &result, sizeof result) == 0;
    }
    std::uint64_t token = 100;
};

TEST_F(Probes, NameFunctionsWhereThereIsRoom) {
    start();
    ask(wire::probe_bytes(2));
    const Message probe = next();
    EXPECT_EQ(probe.kind(), wire::Kind::probe);
    EXPECT_EQ(probe.header.cookie.get(), 77u);
    EXPECT_EQ(probe.payload, std::string(64, '\0') +
                                 std::string("\0\0\0\0\0\0\x05\xdc\0\1\0\2\0\0\0\0", 16) +
                                 std::string("\0\0\0\0\0\0\0\x21\0\0\0\0\0\0\0\0", 16) +
                                 std::string("\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\0", 16));
    ask(wire::probe_bytes(1));
    EXPECT_EQ(next().payload.size(), 96u);
    ask(64);
    EXPECT_EQ(next().payload, std::string(64, '\0'));
    ask(32);
    EXPECT_EQ(next().payload, std::string(32, '\0'));
}

TEST_F(Probes, AreNoLongerThanThePortCarries) {
    region_max_payload = 100;
    start();
    ask(wire::probe_bytes(2));
    EXPECT_EQ(next().payload.size(), 96u);
}

TEST_F(Probes, AnAnswersEntriesAreTakenAsTheyAre) {
    start();
    ask(wire::probe_bytes(2));
    Message probe = next();
    probe.header.kind = static_cast<std::uint8_t>(wire::Kind::probe_reply);
    std::string said = digest({33, 44, 55});
    wire::ProbePayload numbers{};
    numbers.keep_ms.set(5);
    numbers.crowding_permille.set(6);
    numbers.digest_entries.set(7);
    numbers.catchment_milli.set(8);
    std::memcpy(said.data(), &numbers, sizeof numbers);
    send(region_peer(0), probe.header, said);
    turn();
    ProbeResult result;
    ASSERT_TRUE(take(result));
    EXPECT_EQ(result.keep_ms, 5u);
    EXPECT_EQ(result.crowding_permille, 6u);
    EXPECT_EQ(result.digest_entries, 7u);
    EXPECT_EQ(result.catchment_milli, 8u);
    ASSERT_EQ(result.entry_count, 3u) << "what was asked for the control thread knows";
    EXPECT_EQ(result.entries[2].key.get(), 55u);
    EXPECT_EQ(count(Reason::probe_taken), 1u);
}

TEST_F(Probes, NoCountOfEntriesReachesBeyondTheAnswer) {
    start();
    for (const std::uint32_t bytes : {32u, 64u, 80u, 95u, 96u, wire::kLongestProbeBytes}) {
        ask(64);
        Message probe = next();
        probe.header.kind = static_cast<std::uint8_t>(wire::Kind::probe_reply);
        send(region_peer(0), probe.header, std::string(bytes, '\xff'));
        turn();
        ProbeResult result;
        ASSERT_TRUE(take(result)) << bytes;
        EXPECT_EQ(result.entry_count,
                  static_cast<std::uint64_t>(std::max(0, wire::digest_room(bytes))));
    }
}

}  // namespace
}  // namespace skerry::test
