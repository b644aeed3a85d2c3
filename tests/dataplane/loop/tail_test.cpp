// Replies with the tail of their invocation's log; the test plays the log collector.
#include "tests/dataplane/loop/api_worker.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/forwarding.hpp"
#include "tests/dataplane/loop/log_collector.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class Tail : public LoopTest {
  protected:
    void start() {
        LoopTest::start();
        collector_.attach(shared);
    }
    void TearDown() override {
        collector_.detach();
        LoopTest::TearDown();
    }
    void request(std::uint64_t id, const std::string& payload = "in") {
        wire::Header header = request_header(shared, client(), id);
        header.flags.set(wire::flag::want_tail);
        send(client(), header, payload);
        turn();
    }
    std::optional<TailRequest> asked() { return collector_.asked(); }
    void tell(const TailRequest& request, const std::string& tail) {
        EXPECT_TRUE(collector_.tell(request, tail));
    }
    bool rung() { return collector_.rung(); }
    static std::string tail_of(const Message& reply) {
        return reply.payload.substr(reply.payload.size() - wire::tail_of(reply.header));
    }
    bool is_free() const { return shared.capacity->entries[0].free_slots.load() != 0; }
    std::uint64_t retired() const { return shared.capacity->entries[0].take_retired(); }
    std::uint64_t missed() const { return core->context().counters.tails_missed.get(); }

    PlayedCollector collector_;
};

TEST_F(Tail, ComesBehindThePayload) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(7);
    worker.respond(0, "out");
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_FALSE(is_free()) << "what the worker writes belongs to this one until then";
    EXPECT_TRUE(rung());
    const auto wanted = asked();
    ASSERT_TRUE(wanted);
    EXPECT_EQ(wanted->request_id_lo, 7u);
    EXPECT_EQ(wanted->generation, worker.channel.generation);
    EXPECT_GT(wanted->room_bytes, 1000u);
    tell(*wanted, "a line\n");
    turn();
    Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::ok);
    EXPECT_EQ(reply.payload, "outa line\n");
    EXPECT_EQ(reply.header.payload_bytes.get(), 10u);
    EXPECT_EQ(tail_of(reply), "a line\n");
    EXPECT_TRUE(is_free());
    // A retransmit is answered with what was sent.
    request(7);
    reply = next();
    EXPECT_TRUE(reply.header.flags.get() & wire::flag::replayed);
    EXPECT_EQ(reply.payload, "outa line\n");
    EXPECT_EQ(tail_of(reply), "a line\n");
    EXPECT_EQ(core->context().counters.tails_sent.get(), 1u);
}

TEST_F(Tail, WhoDoesNotAskDoesNotWait) {
    start();
    PlayedWorker worker(shared, 0, 1);
    send(client(), request_header(shared, client(), 1), "in");
    turn();
    worker.respond(0, "out");
    turn();
    EXPECT_EQ(next().header.tail_bytes.get(), 0u);
    EXPECT_FALSE(asked());
    EXPECT_FALSE(rung());
}

TEST_F(Tail, ARetransmitMeanwhileIsJoined) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1);
    worker.respond(0, "out");
    turn();
    request(1);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::joined), 1u);
    worker.respond(0, "again");  // and so is a worker that answers twice
    turn();
    EXPECT_TRUE(sent.empty());
    tell(*asked(), "x");
    turn();
    EXPECT_EQ(next().payload, "outx");
    EXPECT_EQ(count(Reason::served_local), 1u);
}

TEST_F(Tail, IsNotWaitedForForLong) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1);
    worker.respond(0, "out");
    ASSERT_TRUE(turn_until([this] { return !sent.empty(); }));
    const Message reply = next();
    EXPECT_EQ(reply.payload, "out");
    EXPECT_EQ(reply.header.tail_bytes.get(), 0u);
    EXPECT_TRUE(is_free());
    EXPECT_EQ(missed(), 1u);
    // What comes too late is nobody's.
    tell(*asked(), "late");
    request(2);
    worker.respond(0, "out2");
    turn();
    EXPECT_TRUE(sent.empty());
    tell(*asked(), "in time");
    turn();
    EXPECT_EQ(next().payload, "out2in time");
}

TEST_F(Tail, AFullRingCostsTheTailAlone) {
    start();
    PlayedWorker worker(shared, 0, 4);
    for (std::uint64_t id = 1; id <= 4; ++id) request(id);
    for (std::uint32_t slot = 0; slot < 4; ++slot) worker.respond(slot, "out");
    turn();
    ASSERT_EQ(sent.size(), 1u) << "three fit";
    EXPECT_EQ(next().payload, "out");
    EXPECT_EQ(missed(), 1u);
    while (const auto wanted = asked()) tell(*wanted, "t");
    turn();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(next().payload, "outt");
}

TEST_F(Tail, GetsTheRoomThatTheAnswerLeaves) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1);
    worker.respond(0, std::string(1350, 'x'));
    turn();
    const auto wanted = asked();
    ASSERT_TRUE(wanted);
    EXPECT_EQ(wanted->room_bytes, 10u);
    tell(*wanted, "0123456789");
    turn();
    EXPECT_EQ(next().payload.size(), 1360u);
    request(2);
    worker.respond(0, std::string(1360, 'x'));
    turn();
    EXPECT_EQ(next().header.tail_bytes.get(), 0u) << "none: sent at once";
    EXPECT_EQ(missed(), 1u);
}

TEST_F(Tail, OfAWorkerThatDied) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1);
    worker.channel.dead.store(true);
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(retired(), 0u);
    turn();
    tell(*asked(), "last words");
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::worker_died);
    EXPECT_EQ(tail_of(reply), "last words");
    EXPECT_EQ(retired(), 1u);
}

TEST_F(Tail, OfAWorkerThatHung) {
    targets[0].timeout_us = 20'000;
    start();
    ApiWorker worker(shared);
    request(1);
    ASSERT_TRUE(turn_until([this] { return rung(); }));
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::hung);
    tell(*asked(), "still here");
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::worker_hung);
    EXPECT_NE(reply.payload.find("Sandbox.Timedout"), std::string::npos);
    EXPECT_EQ(tail_of(reply), "still here");
    EXPECT_EQ(retired(), 1u);
}

TEST_F(Tail, OfAWorkerThatSpeaksTheRuntimeApi) {
    start();
    ApiWorker worker(shared);
    for (const bool asks_first : {true, false}) {
        request(asks_first ? 1 : 2);
        std::string heard;
        ASSERT_TRUE(turn_until([&] { return !(heard += worker.hear()).empty(); }));
        worker.say(ApiWorker::post(asks_first ? 1 : 2, "response", "out") +
                   (asks_first ? ApiWorker::kNext : ""));
        ASSERT_TRUE(turn_until([this] { return rung(); }));
        const auto wanted = asked();
        ASSERT_TRUE(wanted);
        for (int i = 0; i < 50; ++i) turn();
        EXPECT_TRUE(sent.empty());
        EXPECT_FALSE(is_free());
        tell(*wanted, "log");
        turn();
        EXPECT_EQ(next().payload, "outlog");
        if (!asks_first) {
            EXPECT_FALSE(is_free());
            worker.say(ApiWorker::kNext);
        }
        EXPECT_TRUE(turn_until([this] { return is_free(); }));
    }
    EXPECT_EQ(retired(), 0u);
}

class ForwardedTail : public Forward {
  protected:
    Message forwarded(const Peer& from = client()) {
        start();
        set_region(0, 1000);
        wire::Header header = request_header(shared, from, 1);
        header.flags.set(wire::flag::want_tail);
        send(from, header, "payload");
        turn();
        return next();
    }
    Message reply_with(const Message& request, const std::string& payload, std::uint16_t tail) {
        Message changed = request;
        changed.header.tail_bytes.set(tail);
        answer(0, changed, wire::Kind::reply, ReplyStatus::ok, payload);
        return next();
    }
};

TEST_F(ForwardedTail, IsAskedForAndRelayed) {
    const Message request = forwarded();
    EXPECT_TRUE(request.header.flags.get() & wire::flag::want_tail);
    const Message reply = reply_with(request, "outlog", 3);
    EXPECT_EQ(reply.payload, "outlog");
    EXPECT_EQ(reply.header.tail_bytes.get(), 3u);
}

TEST_F(ForwardedTail, ThatIsMoreThanThereIsIsNone) {
    const Message reply = reply_with(forwarded(), "out", 4);
    EXPECT_EQ(reply.payload, "out");
    EXPECT_EQ(reply.header.tail_bytes.get(), 0u);
}

// A datagram over IPv6 has room for 20 bytes less than the one over IPv4 that it came in.
TEST_F(ForwardedTail, IsCutToWhatFitsTheWayToTheClient) {
    const std::string payload(1300, 'p'),
        tail = "what is cut off is what was said first, and not the last words";
    const Message request = forwarded(client6());
    const Message reply = reply_with(request, payload + tail.substr(2), 60);
    EXPECT_EQ(reply.status(), ReplyStatus::ok);
    EXPECT_EQ(reply.payload, payload + tail.substr(22));
    EXPECT_EQ(reply.header.payload_bytes.get(), 1340u);
    EXPECT_EQ(reply.header.tail_bytes.get(), 40u);
    // What is kept for retransmits is what was sent.
    wire::Header again = request_header(shared, client6(), 1);
    again.flags.set(wire::flag::want_tail);
    send(client6(), again, "payload");
    turn();
    EXPECT_EQ(next().payload, reply.payload);
}

TEST_F(ForwardedTail, IsCutToNothing) {
    const Message reply =
        reply_with(forwarded(client6()), std::string(1340, 'p') + std::string(20, 't'), 20);
    EXPECT_EQ(reply.status(), ReplyStatus::ok);
    EXPECT_EQ(reply.payload, std::string(1340, 'p'));
    EXPECT_EQ(reply.header.tail_bytes.get(), 0u);
}

TEST_F(ForwardedTail, DoesNotHelpIfThePayloadItselfDoesNotFit) {
    const Message reply =
        reply_with(forwarded(client6()), std::string(1341, 'p') + std::string(19, 't'), 19);
    EXPECT_EQ(reply.status(), ReplyStatus::answer_too_large);
    EXPECT_TRUE(reply.payload.empty());
    EXPECT_EQ(count(Reason::failed_answer_too_large), 1u);
}

class CpuLimit : public LoopTest {
  protected:
    void start_with(PlayedWorker& worker) { worker.channel.cpu_limit_us = 1000; }
    static std::uint64_t over(const PlayedWorker& worker) {
        return CpuMarks::name_of(0, worker.channel.cpu.turns[0].load());
    }
};

TEST_F(CpuLimit, EndsTheInvocationAndTheWorker) {
    start();
    PlayedWorker worker(shared, 0, 2);
    start_with(worker);
    for (std::uint64_t id = 1; id <= 2; ++id)
        send(client(), request_header(shared, client(), id), "in");
    turn();
    EXPECT_EQ(worker.channel.cpu.turns[0].load(), 1u);
    worker.channel.cpu.over.store(over(worker));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::cpu_limit);
    EXPECT_TRUE(sent.empty()) << "the other one has done nothing wrong as yet";
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::cpu_limit);
    EXPECT_EQ(count(Reason::failed_cpu_limit), 1u);
    EXPECT_EQ(shared.capacity->entries[0].take_retired(), 1u);
    worker.channel.dead.store(true);
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::worker_died);
}

TEST_F(CpuLimit, IsOfOneInvocationAndNotOfTheNext) {
    start();
    PlayedWorker worker(shared, 0, 1);
    start_with(worker);
    send(client(), request_header(shared, client(), 1), "in");
    turn();
    const std::uint64_t first = over(worker);
    worker.respond(0, "in time");
    worker.channel.cpu.over.store(first);
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::ok);
    EXPECT_EQ(worker.channel.cpu.turns[0].load(), 2u);
    send(client(), request_header(shared, client(), 2), "in");
    turn();
    turn();
    EXPECT_TRUE(sent.empty()) << "what was measured was not this one";
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::none);
    worker.respond(0, "out");
    turn();
    EXPECT_EQ(next().payload, "out");
}

TEST_F(CpuLimit, IsToldAsLambdaWould) {
    start();
    ApiWorker worker(shared);
    worker.channel.cpu_limit_us = 1'500'000;
    send(client(), request_header(shared, client(), 1), "{}");
    turn();
    worker.channel.cpu.over.store(CpuMarks::name_of(0, worker.channel.cpu.turns[0].load()));
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::cpu_limit);
    EXPECT_EQ(
        reply.payload,
        R"({"errorType":"Sandbox.CpuTimeExceeded","errorMessage":"RequestId: )"
        R"(00000000-0000-004d-0000-000000000001 Error: Task used more CPU time than its limit )"
        R"(of 1.50 seconds"})");
}

TEST_F(CpuLimit, TheFirstAnswerIsNoted) {
    start();
    PlayedWorker worker(shared, 0, 1);
    for (std::uint64_t id = 1; id <= 2; ++id) {
        send(client(), request_header(shared, client(), id), "in");
        turn();
        if (id == 1) {
            EXPECT_EQ(worker.channel.first_answer_us.load(), 0u);
        }
        worker.respond(0, "out");
        turn();
        drop_sent();
        if (id == 1) {
            EXPECT_NE(worker.channel.first_answer_us.load(), 0u);
            worker.channel.first_answer_us.store(5);
        }
    }
    EXPECT_EQ(worker.channel.first_answer_us.load(), 5u);
}

}  // namespace
}  // namespace skerry::test
