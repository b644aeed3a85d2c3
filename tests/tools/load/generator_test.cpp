// The generator against a UDP server on loopback, and its tables.
#include "tools/load/generator.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "tests/tools/client/small_server.hpp"
#include "tools/client/keys.hpp"
#include "tools/load/report.hpp"

namespace skerry::load {
namespace {

using test::SmallServer;
using Datagram = SmallServer::Datagram;
using Datagrams = std::vector<Datagram>;

TEST(InFlight, IsBoundedAndExpiresInOrder) {
    InFlight table(4);
    for (std::uint64_t s = 1; s <= 4; ++s) EXPECT_TRUE(table.add({s, s * 10, 0, 0, 1, 0}));
    EXPECT_FALSE(table.has_room_for(5));
    EXPECT_FALSE(table.add({5, 50, 0, 0, 1, 0}));
    table.remove(*table.find(2));
    EXPECT_EQ(table.find(2), nullptr);
    EXPECT_EQ(table.find(0), nullptr);
    std::vector<std::uint64_t> gone;
    table.expire(35, [&](const Flight& flight) { gone.push_back(flight.sequence); });
    EXPECT_EQ(gone, (std::vector<std::uint64_t>{1, 3}));
    EXPECT_EQ(table.count(), 1u);
    EXPECT_TRUE(table.add({5, 50, 0, 0, 1, 0}));
    table.expire(1000, [&](const Flight& flight) { gone.push_back(flight.sequence); });
    EXPECT_EQ(gone, (std::vector<std::uint64_t>{1, 3, 4, 5}));
    EXPECT_EQ(table.count(), 0u);
}

TEST(Retransmissions, ComeWhenDueAndEndAfterTheLastAttempt) {
    Retransmissions queue;
    queue.add(1, 7, 100);
    queue.add(2, 6, 50);
    queue.add(Retransmissions::kMostAttempts + 1, 5, 1);
    queue.add(0, 5, 1);
    EXPECT_EQ(queue.next_due_ns(), 50u);
    EXPECT_EQ(queue.take_due(49), std::nullopt);
    EXPECT_EQ(queue.take_due(60), 6u);
    EXPECT_EQ(queue.take_due(200), 7u);
    EXPECT_EQ(queue.take_due(UINT64_MAX), std::nullopt);
}

TEST(Tally, PlacesAndVersionsAreBounded) {
    Tally tally(1);
    client::Message reply;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        std::snprintf(reply.place, sizeof reply.place, "r%u", i);
        reply.version_key = i + 1;
        tally.on_reply(reply, 0, 10, i);
    }
    EXPECT_LE(tally.by_place().size(), kMostPlaces + 1);
    EXPECT_LE(tally.by_version().size(), kMostVersions + 1);
    EXPECT_EQ(tally.by_place().at("other")->count(), 1000 - kMostPlaces);
}

TEST(Tally, FindsTheLongestGapAndKeepsRefusalsApart) {
    Tally tally(1);
    client::Message reply;
    tally.on_reply(reply, 0, 10, 100);
    tally.on_reply(reply, 0, 10, 200);
    reply.status = static_cast<std::uint8_t>(ReplyStatus::overloaded);
    tally.on_reply(reply, 0, 99, 900);
    tally.on_reply(reply, 0, 99, 950);
    EXPECT_EQ(tally.longest_gap_ns, 700u);
    EXPECT_EQ(tally.longest_gap_at_ns, 200u);
    EXPECT_EQ(tally.executed().count(), 2u);
    EXPECT_EQ(tally.others().count(), 2u);
}

Options options_for(const SmallServer& server) {
    Options options;
    options.pop = server.endpoint();
    options.functions = {"a", "b"};
    options.zipf = 1;
    options.rate_per_s = 2000;
    options.duration_s = 0.25;
    options.payload = "ping";
    options.deadline_ms = 20000;
    options.sockets = 3;
    options.progress = false;
    return options;
}

Outcome run_to_end(const Options& options) {
    const std::atomic<bool> stop{false};
    auto outcome = run(options, stop);
    EXPECT_TRUE(outcome) << outcome.error().text;
    return std::move(*outcome);
}

TEST(Generator, SendsAllAnswersChallengesAndCounts) {
    std::map<std::uint64_t, int> functions;
    SmallServer server([&](Datagram request, int number) -> Datagrams {
        auto& header = SmallServer::header(request);
        if (header.cookie.get() != 5) return {SmallServer::challenge(request, 5)};
        ++functions[header.function_key.get()];
        header.status = number % 10 == 0 ? 9 : 0;
        header.qualifier.set(77);
        std::memcpy(header.place, number % 2 == 0 ? "pop" : "r1\0", 4);
        return {SmallServer::as(request, wire::Kind::reply)};
    });
    const Options options = options_for(server);
    const Outcome outcome = run_to_end(options);
    server.stop();
    const nlohmann::json result = to_json(options, outcome);
    EXPECT_EQ(result["sent"], 500);
    EXPECT_EQ(result["answered"], 500);
    EXPECT_EQ(result["lost"], 0);
    EXPECT_GE(result["challenges"], 1);
    EXPECT_EQ(result["status"]["ok"].get<int>() + result["status"]["overloaded"].get<int>(), 500);
    EXPECT_EQ(result["version"]["000000000000004d"], result["status"]["ok"]);
    EXPECT_EQ(result["place"]["pop"].get<int>() + result["place"]["r1"].get<int>(),
              result["status"]["ok"].get<int>());
    EXPECT_EQ(result["latency_us"]["executed"]["count"], result["status"]["ok"]);
    EXPECT_EQ(functions[client::function_key("a")], result["function"]["a"]["sent"].get<int>());
    EXPECT_GT(functions[client::function_key("a")], functions[client::function_key("b")]);
}

TEST(Generator, ReplaysAScheduleAndTellsWhatBecameOfEach) {
    SmallServer server([](Datagram request, int) -> Datagrams {
        Datagram reply = SmallServer::as(request, wire::Kind::reply);
        auto& header = SmallServer::header(reply);
        const bool second = header.payload_bytes.get() == 3;  // "two"
        header.flags.set(second ? wire::flag::cold : 0);
        header.queue_us.set(second ? 70 : 0);
        std::memcpy(header.place, second ? "r1" : "pop", second ? 3 : 4);
        return {reply};
    });
    auto schedule = parse_schedule("0 a x\n2000 b two\n2000 a\n9000 a long one\n", "f");
    ASSERT_TRUE(schedule);
    Options options = options_for(server);
    options.functions = schedule->functions;
    options.replay = std::move(*schedule);
    options.keep_answers = true;
    const Outcome outcome = run_to_end(options);
    EXPECT_EQ(outcome.tally.sent, 4u);
    EXPECT_EQ(outcome.tally.cold, 1u);
    EXPECT_GE(outcome.seconds, 0.009);
    ASSERT_EQ(outcome.answers.size(), 4u);
    std::multimap<std::uint64_t, const Answered*> by_time;
    for (const Answered& each : outcome.answers) by_time.emplace(each.at_us, &each);
    EXPECT_EQ(by_time.count(0), 1u);
    EXPECT_EQ(by_time.count(2000), 2u);
    EXPECT_EQ(by_time.count(9000), 1u);
    int cold = 0;
    for (const Answered& each : outcome.answers) {
        EXPECT_EQ(each.status, 0);
        if (!each.cold) continue;
        ++cold;
        EXPECT_EQ(options.functions[each.function], "b");
        EXPECT_EQ(each.place, "r1");
        EXPECT_EQ(each.queue_us, 70u);
        EXPECT_EQ(each.at_us, 2000u);
    }
    EXPECT_EQ(cold, 1);
}

TEST(Generator, CountsWhatIsNeverAnsweredAsLost) {
    SmallServer server([](Datagram request, int number) -> Datagrams {
        if (number % 5 == 0) return {};
        Datagram reply = SmallServer::as(request, wire::Kind::reply);
        return {reply, reply, Datagram(20)};
    });
    Options options = options_for(server);
    options.deadline_ms = 50;
    options.rate_per_s = 400;
    const Outcome outcome = run_to_end(options);
    EXPECT_EQ(outcome.tally.sent, 100u);
    EXPECT_EQ(outcome.tally.lost + outcome.tally.answered, 100u);
    EXPECT_GE(outcome.tally.lost, 20u);
    EXPECT_GE(outcome.tally.duplicate_replies, 1u);
    EXPECT_GE(outcome.tally.malformed, 1u);
}

TEST(Generator, ARetransmissionHasTheSameIdAndSavesTheRequest) {
    std::map<std::uint64_t, int> seen;
    SmallServer server([&](Datagram request, int) -> Datagrams {
        if (++seen[SmallServer::header(request).request_id_lo.get()] < 3) return {};
        return {SmallServer::as(request, wire::Kind::reply)};
    });
    Options options = options_for(server);
    options.rate_per_s = 200;
    options.retransmit_ms = 10;
    const Outcome outcome = run_to_end(options);
    server.stop();
    EXPECT_EQ(outcome.tally.answered, 50u);
    EXPECT_EQ(outcome.tally.lost, 0u);
    EXPECT_GE(outcome.tally.retransmissions, 100u);
    EXPECT_EQ(seen.size(), 50u);
}

TEST(Generator, StopsWhenToldTo) {
    SmallServer server([](Datagram request, int) -> Datagrams {
        return {SmallServer::as(request, wire::Kind::reply)};
    });
    Options options = options_for(server);
    options.duration_s = 80000;
    std::atomic<bool> stop{false};
    std::thread stopper([&] {
        while (server.requests() < 5) std::this_thread::yield();
        stop = true;
    });
    auto outcome = run(options, stop);
    stopper.join();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->tally.sent, outcome->tally.answered);
}

TEST(Generator, RefusesWhatItsTableCannotHold) {
    SmallServer server([](Datagram, int) -> Datagrams { return {}; });
    Options options = options_for(server);
    options.rate_per_s = 1e6;
    options.deadline_ms = 900'000;
    const std::atomic<bool> stop{false};
    const auto outcome = run(options, stop);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, EINVAL);
}

}  // namespace
}  // namespace skerry::load
