// Resets, exact and not, and the end of the application, in every state that a connection can be
// in; from a peer who says exactly what the test wants (RFC 9293 §3.10.7, RFC 5961, RFC 1337).
#include "dataplane/net/tcp/segment.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/tcp/ends.hpp"

namespace skerry::net::tcp::test {
namespace {

[[maybe_unused]] const auto* environment = skerry::test::add_eal();

constexpr std::uint16_t kTheirs = 4000;

// One Stack, and a peer made of segments by hand.
struct ByHand : ::testing::Test {
    ByHand() : host("10.0.0.2", "2001:db8::2", 2, pool.get(), default_options(), now_us) {
        host.stack->listen(80);
    }
    void send(std::uint8_t flags, std::uint32_t seq, std::uint32_t ack, std::size_t bytes = 0,
              std::uint16_t window = 65535) {
        const frames::Tcp h{
            .from = kTheirs, .to = 80, .seq = seq, .ack = ack, .flags = flags, .window = window};
        const frames::Bytes frame = frames::ethernet(
            {.to = host.mac(), .from = MacAddress{{2, 0, 0, 0, 0, 1}}},
            frames::ipv4({.from = ip("10.0.0.1"), .to = ip("10.0.0.2"), .protocol = 6},
                         frames::tcp(h, ip("10.0.0.1"), ip("10.0.0.2"), frames::Bytes(bytes, 7))));
        rte_mbuf* mbuf = rte_pktmbuf_alloc(pool.get());
        std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())),
                    frame.data(), frame.size());
        host.receive(mbuf);
        host.take_burst(now_us);
        turn();
    }
    void turn() {
        host.stack->advance(now_us);
        Event polled[8];
        for (std::uint32_t n = host.stack->poll(polled), i = 0; i < n; ++i) {
            if (polled[i].bits & kAccepted) handle = polled[i].connection;
            events.push_back(polled[i]);
        }
        host.stack->flush(now_us);
        for (rte_mbuf* frame : host.take_out()) {
            Segment out;
            parse(rte_pktmbuf_mtod_offset(frame, const std::uint8_t*, 34),
                  static_cast<std::uint16_t>(frame->data_len - 34), out);
            out.payload = nullptr;
            said.push_back(out);
            rte_pktmbuf_free(frame);
        }
    }
    void wait(std::uint64_t us) {
        now_us += us;
        turn();
    }
    // What was said since the last call: flags of each segment.
    std::vector<unsigned> flags_said() {
        std::vector<unsigned> flags;
        for (const Segment& segment : std::exchange(said, {})) flags.push_back(segment.flags);
        return flags;
    }
    std::uint64_t open_connections() {
        host.stack->flush(now_us);
        return host.stack->stats().connections.get();
    }

    // Takes the connection to `state`. Afterwards `next` is what it expects of us, `theirs` its
    // SND.NXT.
    void reach(State state) {
        if (state == State::syn_sent) {
            handle = host.stack->connect({.local = ip("10.0.0.2"),
                                          .peer = ip("10.0.0.1"),
                                          .next_hop = {},
                                          .peer_port = kTheirs,
                                          .local_port = 80},
                                         now_us);
            turn();
            theirs = said.back().seq + 1;
            said.clear();
            return;
        }
        send(kSyn, 1000, 0);
        theirs = said.back().seq + 1;
        next = 1001;
        said.clear();
        if (state == State::syn_received) return;
        send(kAck, next, theirs);
        ASSERT_TRUE(handle);
        if (state == State::close_wait || state == State::last_ack) {
            send(kFin | kAck, next++, theirs);
            wait(50'000);
        }
        if (state != State::established && state != State::close_wait) {
            host.stack->shutdown(handle);
            turn();
            ++theirs;
        }
        if (state == State::fin_wait_2 || state == State::time_wait) send(kAck, next, theirs);
        if (state == State::closing) send(kFin | kAck, next++, theirs - 1);
        if (state == State::time_wait) send(kFin | kAck, next++, theirs);
        said.clear();
        ASSERT_EQ(host.stack->info(handle).state, state);
    }

    std::uint64_t now_us = 1'000'000'000;
    Mempool pool{1023};
    Host host;
    Handle handle;
    std::vector<Event> events;
    std::vector<Segment> said;
    std::uint32_t next = 0, theirs = 0;
};

const State kSynchronized[] = {State::established, State::fin_wait_1, State::fin_wait_2,
                               State::close_wait,  State::closing,    State::last_ack};

struct InState : ByHand, ::testing::WithParamInterface<State> {};
INSTANTIATE_TEST_SUITE_P(Synchronized, InState, ::testing::ValuesIn(kSynchronized));

TEST_P(InState, AnExactResetEndsIt) {
    reach(GetParam());
    events.clear();
    send(kRst, next, 0);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].bits, kClosed);
    EXPECT_EQ(events[0].reason, Reason::tcp_closed_reset);
    EXPECT_TRUE(flags_said().empty()) << "a reset is never answered";
    EXPECT_EQ(open_connections(), 0u);
}

TEST_P(InState, AnInexactResetIsChallenged) {
    reach(GetParam());
    events.clear();
    send(kRst, next + 5, 0);
    EXPECT_EQ(flags_said(), std::vector<unsigned>{kAck});
    send(kRst, next - 1, 0);
    EXPECT_TRUE(flags_said().empty()) << "outside the window: not even that";
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(open_connections(), 1u);
}

TEST_P(InState, ASynIsChallenged) {
    reach(GetParam());
    send(kSyn, next + 5, 0);
    EXPECT_EQ(flags_said(), std::vector<unsigned>{kAck});
    EXPECT_EQ(open_connections(), 1u);
}

TEST_P(InState, AnAcknowledgementOfWhatWasNeverSent) {
    reach(GetParam());
    send(kAck, next, theirs + 1000);
    EXPECT_EQ(flags_said(), std::vector<unsigned>{kAck});
    EXPECT_EQ(host.count(Reason::drop_tcp_ack), 1u);
    EXPECT_EQ(open_connections(), 1u);
}

TEST_P(InState, AbortSaysReset) {
    reach(GetParam());
    events.clear();
    host.stack->abort(handle);
    turn();
    ASSERT_EQ(flags_said(), (std::vector<unsigned>{kRst | kAck}));
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(open_connections(), 0u);
    send(kAck, next, theirs);
    EXPECT_EQ(flags_said(), std::vector<unsigned>{kRst});
}

// The application goes away in that state, and the peer falls silent: it ends all the same.
TEST_P(InState, AClosedOneEndsWithoutThePeer) {
    reach(GetParam());
    host.stack->close(handle);
    turn();
    EXPECT_FALSE(host.stack->alive(handle));
    for (int i = 0; i < 300; ++i) wait(1'000'000);
    EXPECT_EQ(open_connections(), 0u);
}

TEST_F(ByHand, ResetOfAHalfOpenOne) {
    reach(State::syn_received);
    send(kRst, next, 0);
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(host.count(Reason::tcp_closed_handshake), 1u);
    EXPECT_EQ(open_connections(), 0u);
}

TEST_F(ByHand, ResetOfASynOfOurs) {
    reach(State::syn_sent);
    send(kRst, 0, 0);
    send(kRst | kAck, 0, theirs + 1);
    EXPECT_EQ(open_connections(), 1u) << "not for our SYN";
    EXPECT_TRUE(events.empty());
    send(kRst | kAck, 0, theirs);
    EXPECT_EQ(events.back().reason, Reason::tcp_closed_refused);
    EXPECT_EQ(open_connections(), 0u);
}

TEST_F(ByHand, TimeWaitIgnoresResets) {
    reach(State::time_wait);
    send(kRst, next, 0);
    EXPECT_EQ(open_connections(), 1u);
    send(kFin | kAck, next - 1, theirs);
    EXPECT_EQ(flags_said(), std::vector<unsigned>{kAck}) << "the FIN again: the last ACK was lost";
    host.stack->close(handle);
    wait(59'000'000);
    EXPECT_EQ(open_connections(), 1u);
    wait(2'000'000);
    EXPECT_EQ(open_connections(), 0u);
}

TEST_F(ByHand, TimeWaitYieldsToANewSyn) {
    reach(State::time_wait);
    host.stack->close(handle);
    send(kSyn, next - 100, 0);
    EXPECT_EQ(flags_said(), std::vector<unsigned>{kAck}) << "an old one";
    send(kSyn, next + 100, 0);
    EXPECT_EQ(flags_said(), (std::vector<unsigned>{kSyn | kAck}));
    EXPECT_EQ(open_connections(), 1u);
}

TEST_F(ByHand, ChallengesAreRationed) {
    reach(State::established);
    std::size_t answers = 0;
    for (int i = 0; i < 3000; ++i) {
        send(kRst, next + 5, 0);
        answers += flags_said().size();
    }
    EXPECT_GE(answers, 500u);
    EXPECT_LE(answers, 1000u);
    EXPECT_EQ(host.count(Reason::drop_tcp_rate), 3000 - answers);
}

TEST_F(ByHand, UrgentDataIsOrdinaryData) {
    reach(State::established);
    send(kAck | kUrg, next, theirs, 5);
    EXPECT_EQ(host.stack->readable_bytes(handle), 5u);
}

TEST_F(ByHand, NothingIsTakenBeyondTheWindow) {
    reach(State::established);
    send(kAck, next + 65535, theirs, 10);
    EXPECT_EQ(host.count(Reason::drop_tcp_window), 1u);
    send(kAck, next + 65530, theirs, 10);  // half of it is inside
    EXPECT_EQ(host.stack->stats().reassembly_mbufs.get(), 1u);
    EXPECT_EQ(open_connections(), 1u);
}

TEST_F(ByHand, WithoutAnAcknowledgementNothingIsTaken) {
    reach(State::established);
    send(0, next, 0, 5);
    EXPECT_EQ(host.stack->readable_bytes(handle), 0u);
    EXPECT_EQ(host.count(Reason::drop_tcp_flags), 1u);
}

}  // namespace
}  // namespace skerry::net::tcp::test
