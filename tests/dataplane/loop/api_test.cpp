// Requests that are executed by workers which speak the Runtime API, over real sockets.
#include "tests/dataplane/loop/api_worker.hpp"
#include "tests/dataplane/loop/environment.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class Api : public LoopTest {
  protected:
    void request(std::uint64_t id, const std::string& payload = "{}") {
        send(client(), request_header(shared, client(), id), payload);
    }
    std::uint64_t free_slots() const { return shared.capacity->entries[0].free_slots.load(); }
    bool is_free() { return free_slots() != 0; }
    std::string heard(ApiWorker& worker, const std::string& until) {
        std::string text;
        EXPECT_TRUE(turn_until([&] {
            text += worker.hear();
            return text.find(until) != std::string::npos;
        })) << text;
        return text;
    }
    // The worker asks for the next one: nothing of it is in a core's hands then.
    void settle(ApiWorker& worker) {
        worker.say(ApiWorker::kNext);
        EXPECT_TRUE(turn_until([this] { return is_free(); }));
    }
    std::uint64_t retired() const { return shared.capacity->entries[0].take_retired(); }
};

TEST_F(Api, RunsARequest) {
    start();
    ApiWorker worker(shared);
    for (std::uint64_t id = 1; id <= 3; ++id) {
        request(id, "{\"n\":1}");
        const std::string event = heard(worker, "{\"n\":1}");
        EXPECT_NE(event.find("Lambda-Runtime-Aws-Request-Id: 00000000-0000-004d-0000-00000000000" +
                             std::to_string(id)),
                  std::string::npos);
        EXPECT_FALSE(is_free());
        worker.say(ApiWorker::post(id, "response", "\"out\""));
        ASSERT_TRUE(turn_until_sent());
        const Message reply = next();
        EXPECT_EQ(reply.status(), ReplyStatus::ok);
        EXPECT_EQ(reply.payload, "\"out\"");
        heard(worker, "202 Accepted");
        EXPECT_FALSE(is_free());  // until it asks again
        worker.say(ApiWorker::kNext);
        EXPECT_TRUE(turn_until([this] { return is_free(); }));
    }
    EXPECT_EQ(count(Reason::served_local), 3u);
    EXPECT_EQ(retired(), 0u);
}

TEST_F(Api, AConnectionForEachCall) {
    start();
    ApiWorker worker(shared);
    for (std::uint64_t id = 1; id <= 20; ++id) {
        request(id, "event");
        heard(worker, "event");
        worker.fd = worker.connect();
        worker.say(ApiWorker::post(id, "response", "ok"));
        ASSERT_TRUE(turn_until_sent());
        EXPECT_EQ(next().payload, "ok");
        heard(worker, "202 Accepted");
        worker.fd = worker.connect();
        worker.say(ApiWorker::kNext);
        ASSERT_TRUE(turn_until([this] { return is_free(); }));
    }
}

TEST_F(Api, AWorkerThatHungUpWhileItWaitedGetsTheRequestWhenItAsksAgain) {
    start();
    ApiWorker worker(shared);
    worker.fd = worker.connect();  // the connection on which it asked is gone
    request(1, "event");
    turn();
    worker.say(ApiWorker::kNext);
    heard(worker, "event");
    worker.say(ApiWorker::post(1, "response", "ok"));
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(next().payload, "ok");
    settle(worker);
}

TEST_F(Api, LargePayloadsGoInPieces) {
    targets[0].max_payload_bytes = 1300;
    start();
    ApiWorker worker(shared);
    request(1, std::string(1300, 'r'));
    heard(worker, std::string(1300, 'r'));
    const std::string answer = ApiWorker::post(1, "response", std::string(1300, 'a'));
    for (const char c : answer) {
        worker.say(std::string(1, c));
        turn();
    }
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(next().payload, std::string(1300, 'a'));
    settle(worker);
}

TEST_F(Api, AnErrorOfTheFunction) {
    start();
    ApiWorker worker(shared);
    request(1);
    heard(worker, "{}");
    worker.say(ApiWorker::post(1, "error", "{\"errorMessage\":\"no\"}"));
    ASSERT_TRUE(turn_until_sent());
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::function_error);
    EXPECT_EQ(reply.payload, "{\"errorMessage\":\"no\"}");
    settle(worker);
}

TEST_F(Api, AnAnswerThatIsTooLarge) {
    start();
    ApiWorker worker(shared);
    request(1);
    heard(worker, "{}");
    worker.say(ApiWorker::post(1, "response", std::string(3000, 'a')));
    ASSERT_TRUE(turn_until_sent());
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::answer_too_large);
    EXPECT_EQ(
        reply.payload,
        "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"Response payload "
        "size exceeded maximum allowed payload size (2048 bytes).\"}");
    heard(worker, "413");
    settle(worker);
}

TEST_F(Api, AWorkerThatHangs) {
    targets[0].timeout_us = 30'000;
    start();
    ApiWorker worker(shared);
    request(1);
    ASSERT_TRUE(turn_until_sent());
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::worker_hung);
    EXPECT_EQ(reply.payload,
              "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: "
              "00000000-0000-004d-0000-000000000001 Error: Task timed out after 0.03 seconds\"}");
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::hung);
    EXPECT_EQ(retired(), 1u);
}

TEST_F(Api, AWorkerThatAnswersAndDoesNotAskAgainIsHung) {
    targets[0].timeout_us = 30'000;
    start();
    ApiWorker worker(shared);
    request(1);
    heard(worker, "{}");
    worker.say(ApiWorker::post(1, "response", "ok"));
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(next().payload, "ok");
    EXPECT_TRUE(turn_until([&] { return worker.channel.fault.load() == WorkerFault::hung; }));
    EXPECT_TRUE(sent.empty());
}

TEST_F(Api, AWorkerThatDies) {
    start();
    ApiWorker worker(shared);
    request(1);
    heard(worker, "{}");
    worker.fd.reset();
    turn();
    EXPECT_TRUE(sent.empty());  // how it ended is not known yet
    worker.channel.exit_code = -1;
    worker.channel.exit_signal = SIGKILL;
    worker.channel.dead.store(true);
    ASSERT_TRUE(turn_until_sent());
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::worker_died);
    EXPECT_EQ(reply.payload,
              "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: "
              "00000000-0000-004d-0000-000000000001 Error: Runtime exited with error: signal: "
              "killed\"}");
    EXPECT_EQ(retired(), 1u);
}

TEST_F(Api, OneInvocationAndNoMore) {
    start();
    ApiWorker worker(shared);
    worker.channel.single_use = true;
    request(1);
    heard(worker, "{}");
    worker.say(ApiWorker::post(1, "response", "ok"));
    ASSERT_TRUE(turn_until_sent());
    worker.say(ApiWorker::kNext);
    EXPECT_TRUE(turn_until([&] { return worker.channel.fault.load() == WorkerFault::spent; }));
    EXPECT_EQ(free_slots(), 0u);
    EXPECT_EQ(retired(), 1u);
    drop_sent();
}

TEST_F(Api, AWorkerThatKeepsTalkingIsLeftAlone) {
    start();
    ApiWorker worker(shared);
    request(1);
    heard(worker, "{}");
    worker.say(ApiWorker::post(1, "response", "ok") + ApiWorker::kNext +
               "GET /2018-06-01/ping HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(turn_until([this] { return is_free(); }));
    const UniqueFd other = worker.connect();
    const std::string ping = "GET /2018-06-01/ping HTTP/1.1\r\n\r\n";
    EXPECT_GT(::send(other.get(), ping.data(), ping.size(), 0), 0);
    sent.clear();
    request(2, "again");
    heard(worker, "again");
    worker.say(ApiWorker::post(2, "response", "ok2"));
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(next().payload, "ok2");
    settle(worker);
}

TEST_F(Api, AWorkerThatTalksWithoutEndIsGivenUp) {
    // What ends it is what it says, however slow this machine is.
    targets[0].timeout_us = 60'000'000;
    start();
    ApiWorker worker(shared);
    wire::Header header = request_header(shared, client(), 1);
    header.deadline_us.set(60'000'000);
    send(client(), header, "{}");
    heard(worker, "{}");
    const std::string ping = "GET /2018-06-01/ping HTTP/1.1\r\n\r\n";
    std::uint32_t said = 0;
    const auto talk = [&] {
        (void)worker.hear();
        if (::send(worker.fd.get(), ping.data(), ping.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
            ++said;
        return !sent.empty();
    };
    bool ended = false;
    for (int patience = 0; patience < 10 && !ended; ++patience) ended = turn_until(talk);
    ASSERT_TRUE(ended);
    EXPECT_GE(said, runtime_api::kTalkRequests);
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::worker_malformed);
    EXPECT_NE(reply.payload.find("Runtime.ApiLimitExceeded"), std::string::npos) << reply.payload;
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::malformed);
    EXPECT_EQ(retired(), 1u);
}

TEST_F(Api, ItsAnswerIsStillGoodWhenItTalksAfterwards) {
    start();
    ApiWorker worker(shared);
    request(1);
    heard(worker, "{}");
    worker.say(ApiWorker::post(1, "response", "ok"));
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(next().payload, "ok");
    const std::string ping = "GET /2018-06-01/ping HTTP/1.1\r\n\r\n";
    ASSERT_TRUE(turn_until([&] {
        (void)worker.hear();
        (void)::send(worker.fd.get(), ping.data(), ping.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return worker.channel.fault.load() != WorkerFault::none;
    }));
    EXPECT_TRUE(turn_until([this] { return retired() == 1; }));
    EXPECT_TRUE(sent.empty());
}

TEST_F(Api, TheLogCollectorIsToldOfBeginningAndEnd) {
    start();
    shared.log_events[0] =
        rte_ring_create_elem("log-events", sizeof(LogEvent), 4, SOCKET_ID_ANY, RING_F_SP_ENQ);
    ApiWorker worker(shared);
    const auto event = [this] {
        LogEvent taken;
        EXPECT_EQ(rte_ring_dequeue_elem(shared.log_events[0], &taken, sizeof taken), 0);
        return taken;
    };
    request(7);
    heard(worker, "{}");
    const LogEvent started = event();
    EXPECT_EQ(started.kind, LogEventKind::started);
    EXPECT_EQ(started.request_id_lo, 7u);
    EXPECT_EQ(started.generation, worker.channel.generation);
    worker.say(ApiWorker::post(7, "error", "{}"));
    ASSERT_TRUE(turn_until_sent());
    const LogEvent ended = event();
    EXPECT_EQ(ended.kind, LogEventKind::ended);
    EXPECT_EQ(ended.end, LogEnd::function_error);
    EXPECT_GE(ended.at_us, started.at_us);
    EXPECT_TRUE(rte_ring_empty(shared.log_events[0]));
    settle(worker);
    rte_ring_free(shared.log_events[0]);
    shared.log_events[0] = nullptr;
}

TEST_F(Api, ManyWorkersAtOnce) {
    info.pending_limit = 64;
    start();
    std::vector<std::unique_ptr<ApiWorker>> workers;
    for (std::uint32_t i = 0; i < 16; ++i)
        workers.push_back(std::make_unique<ApiWorker>(shared, i));
    for (std::uint64_t id = 1; id <= 16; ++id) request(id, "event" + std::to_string(id) + ".");
    turn();
    std::uint32_t served = 0;
    for (auto& worker : workers) {
        const std::string event = heard(*worker, "event");
        const std::uint64_t id = std::stoull(event.substr(event.find("event") + 5));
        worker->say(ApiWorker::post(id, "response", "ok"));
        served += turn_until_sent();
        sent.clear();
        worker->say(ApiWorker::kNext);
    }
    EXPECT_EQ(served, 16u);
    EXPECT_TRUE(turn_until([this] { return free_slots() == 0xffff; }));
}

}  // namespace
}  // namespace skerry::test
