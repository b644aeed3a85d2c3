// Requests that are handed to a busy worker ahead of their turn: who gets them, that they still
// wait, and what becomes of them when something goes wrong before they have begun.
#include <map>

#include "sandbox/channel/handover.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

constexpr std::uint32_t kNothing = channel::kNothingTaken;

class Ahead : public LoopTest {
  protected:
    struct Worker : PlayedWorker {
        explicit Worker(Shared& shared, std::uint32_t index = 0,
                        std::uint32_t ahead = channel::kAheadSlots)
            : PlayedWorker(shared, 0, 1, index, 2048, ahead) {}
        // Executes the next one, if there is one: what it was asked.
        std::string run() {
            const std::uint32_t slot = take_one();
            if (slot == kNothing) return "nothing";
            const std::string asked = request(slot);
            respond(slot, "done " + asked);
            return asked;
        }
        std::uint64_t posted() const { return channel.header()->pending.slots.load(); }
    };

    void request(const std::string& payload, std::uint32_t deadline_us = 2'000'000,
                 std::uint16_t flags = 0) {
        wire::Header header = request_header(shared, client(), ++id_);
        header.deadline_us.set(deadline_us);
        header.flags.set(flags);
        send(client(), header, payload);
    }
    void requests(std::initializer_list<const char*> payloads) {
        for (const char* payload : payloads) request(payload);
        turn();
    }
    // Once it is known that its function is a short one: all of these are in its channel, the first
    // as the one that executes. A machine that is busy with other things makes any function look
    // long, for a while.
    struct Asked {
        const char* payload;
        std::uint32_t deadline_us = 2'000'000;
    };
    bool handed(Worker& worker, std::initializer_list<Asked> all, Worker* other = nullptr) {
        for (int attempt = 0; attempt < 1000; ++attempt) {
            for (const Asked& each : all) request(each.payload, each.deadline_us);
            turn();
            const int posted =
                std::popcount(worker.posted()) + (other ? std::popcount(other->posted()) : 0);
            if (posted == static_cast<int>(all.size())) {
                served_before_ = count(Reason::served_local);
                return true;
            }
            turn_until([&] {
                worker.run();
                if (other) other->run();
                return executing() + waiting() == 0;
            });
            sent.clear();
        }
        return false;
    }
    // What has been answered, in order.
    std::vector<std::string> answers() {
        std::vector<std::string> all;
        while (!sent.empty()) {
            const Message reply = next();
            all.push_back(reply.status() == ReplyStatus::ok
                              ? reply.payload
                              : std::to_string(static_cast<int>(reply.status())));
        }
        return all;
    }
    static std::string failed(ReplyStatus status) {
        return std::to_string(static_cast<int>(status));
    }
    CapacityEntry& table() { return shared.capacity->entries[0]; }
    std::uint64_t free_slots() { return table().free_slots.load(); }
    std::uint32_t wanted() { return table().wanted.load(); }
    std::uint64_t executing() const { return shared.counters[0]->in_flight.get(); }
    std::uint64_t waiting() const { return shared.counters[0]->waiting.get(); }
    std::uint64_t taken_back() const { return shared.counters[0]->taken_back.get(); }
    static void pass_us(std::uint32_t us) {
        const std::uint64_t until = rte_rdtsc() + us * (rte_get_tsc_hz() / 1'000'000);
        while (rte_rdtsc() < until) continue;
    }
    using Strings = std::vector<std::string>;

    std::uint64_t id_ = 0;
    std::uint64_t served_before_ = 0;
};

TEST_F(Ahead, AShortFunctionsWorkerGoesFromOneToTheNext) {
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b"}, {"c"}, {"d"}}));
    // One executes, as everybody is told; the others wait, and are in the worker's channel.
    EXPECT_EQ(executing(), 1u);
    EXPECT_EQ(waiting(), 3u);
    EXPECT_EQ(wanted(), 3u);
    EXPECT_EQ(worker.run(), "a");
    EXPECT_EQ(worker.run(), "b");
    turn();
    EXPECT_EQ(answers(), (Strings{"done a", "done b"}));
    EXPECT_EQ(executing(), 1u);
    EXPECT_EQ(wanted(), 1u);
    EXPECT_EQ(free_slots(), 0u);
    EXPECT_EQ(worker.run(), "c");
    EXPECT_EQ(worker.run(), "d");
    EXPECT_EQ(worker.run(), "nothing");
    turn();
    EXPECT_EQ(answers(), (Strings{"done c", "done d"}));
    EXPECT_EQ(free_slots(), 1u);
    EXPECT_EQ(executing() + waiting() + wanted(), 0u);
    EXPECT_EQ(taken_back(), 0u);
    EXPECT_EQ(count(Reason::served_local) - served_before_, 4u);
}

TEST_F(Ahead, ManyGoAroundTheCircleInOrder) {
    start();
    Worker worker(shared);
    Strings expected;
    for (int i = 0; i < 16; ++i) {
        request(std::to_string(i));
        expected.push_back("done " + std::to_string(i));
    }
    Strings all;
    ASSERT_TRUE(turn_until([&] {
        EXPECT_LE(std::popcount(worker.posted()), 1 + static_cast<int>(channel::kAheadSlots));
        worker.run();
        for (const std::string& each : answers()) all.push_back(each);
        return all.size() == expected.size();
    }));
    EXPECT_EQ(all, expected);
    EXPECT_EQ(free_slots(), 1u);
}

TEST_F(Ahead, NothingIsHandedToWhoTakesAllAtOnce) {
    start();
    Worker worker(shared, 0, 0);
    for (int i = 0; i < 20; ++i) {
        requests({"a", "b"});
        EXPECT_EQ(std::popcount(worker.posted()), 1);
        while (worker.run() != "b") turn();
        turn();
        EXPECT_EQ(answers(), (Strings{"done a", "done b"}));
    }
}

TEST_F(Ahead, NothingIsHandedForALongFunctionOrAnUnknownOne) {
    start();
    Worker worker(shared);
    requests({"a", "b"});
    EXPECT_EQ(std::popcount(worker.posted()), 1);  // nobody knows how long it takes
    pass_us(2'000);
    ASSERT_EQ(worker.run(), "a");
    turn();
    requests({"c"});
    EXPECT_EQ(std::popcount(worker.posted()), 1);  // "b" alone
    while (worker.run() != "c") turn();
    turn();
    EXPECT_EQ(answers().size(), 3u);
}

TEST_F(Ahead, NothingIsHandedBehindALongAnswerOrATailOrALargeRequest) {
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"x"}, {"y"}}));
    EXPECT_EQ(worker.run(), "x");
    EXPECT_EQ(worker.run(), "y");
    turn();
    request("a", 2'000'000, wire::flag::want_tail);
    requests({"b"});
    EXPECT_EQ(std::popcount(worker.posted()), 1);
    ASSERT_EQ(worker.run(), "a");
    turn();
    request("c", 2'000'000, wire::flag::want_tail);
    turn();
    EXPECT_EQ(std::popcount(worker.posted()), 1);
    ASSERT_EQ(worker.run(), "b");
    turn();
    ASSERT_EQ(worker.run(), "c");
    turn();
    worker.channel.long_answers = true;
    requests({"d", "e"});
    EXPECT_EQ(std::popcount(worker.posted()), 1);
    while (worker.run() != "e") turn();
    turn();
}

TEST_F(Ahead, WhoHasNotBegunIsTakenBackAtItsDeadline) {
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b", 5'000}, {"c"}}));
    const std::uint32_t slot = worker.take_one();
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(answers(), (Strings{failed(ReplyStatus::deadline_exceeded)}));
    EXPECT_EQ(taken_back(), 1u);
    worker.respond(slot, "done a");
    EXPECT_EQ(worker.run(), "c");
    EXPECT_EQ(worker.run(), "nothing");
    turn();
    EXPECT_EQ(answers(), (Strings{"done a", "done c"}));
    EXPECT_EQ(free_slots(), 1u);
}

TEST_F(Ahead, WhoHasBegunIsNotTakenBack) {
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b", 5'000}}));
    const std::uint64_t late = count(Reason::drop_client_gone);
    EXPECT_EQ(worker.run(), "a");
    const std::uint32_t slot = worker.take_one();
    // The core does not look before the deadline.
    pass_us(10'000);
    turn();
    ASSERT_TRUE(turn_until([&] { return sent.size() == 2; }));
    EXPECT_EQ(answers(), (Strings{"done a", failed(ReplyStatus::deadline_exceeded)}));
    EXPECT_EQ(free_slots(), 0u);
    worker.respond(slot, "late");
    turn();
    EXPECT_EQ(free_slots(), 1u);
    EXPECT_EQ(count(Reason::drop_client_gone) - late, 1u);
}

TEST_F(Ahead, ADeadWorkerCostsTheOneThatItHadBegun) {
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b"}, {"c"}, {"d"}}));
    EXPECT_EQ(worker.run(), "a");
    ASSERT_NE(worker.take_one(), kNothing);  // "b"
    worker.channel.dead.store(true);
    turn();
    EXPECT_EQ(answers(), (Strings{"done a", failed(ReplyStatus::worker_died)}));
    EXPECT_EQ(table().take_retired(), 1u);
    EXPECT_EQ(waiting(), 2u);
    EXPECT_EQ(wanted(), 2u);
    EXPECT_EQ(executing(), 0u);
    Worker second(shared, 1);
    turn();
    EXPECT_EQ(second.run(), "c");
    turn();
    if (!second.posted()) turn();
    EXPECT_EQ(second.run(), "d");
    turn();
    EXPECT_EQ(answers(), (Strings{"done c", "done d"}));
    EXPECT_EQ(wanted(), 0u);
}

// The next one was thought to be executing; it had not even begun.
TEST_F(Ahead, AWorkerThatDiesBetweenTwoCostsNone) {
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b"}, {"c"}}));
    EXPECT_EQ(worker.run(), "a");
    worker.channel.dead.store(true);
    turn();
    EXPECT_EQ(answers(), (Strings{"done a"}));
    EXPECT_EQ(table().take_retired(), 1u);
    EXPECT_EQ(wanted(), 2u);
    Worker second(shared, 1);
    turn();
    EXPECT_EQ(second.run(), "b");
    turn();
    EXPECT_EQ(second.run(), "c");
    turn();
    EXPECT_EQ(answers(), (Strings{"done b", "done c"}));
}

TEST_F(Ahead, TheTimeLimitOfEachBeginsWithItsOwnExecution) {
    targets[0].timeout_us = 40'000;
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b"}, {"c"}}));
    for (const char* each : {"a", "b"}) {
        const std::uint32_t slot = worker.take_one();
        ASSERT_EQ(worker.request(slot), each);
        const std::uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 40;
        while (rte_rdtsc() < until) turn();
        worker.respond(slot, "slow");
        turn();
        EXPECT_EQ(answers(), (Strings{"slow"}));
    }
    // It never ends. Nobody has begun behind it.
    ASSERT_NE(worker.take_one(), kNothing);
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(answers(), (Strings{failed(ReplyStatus::worker_hung)}));
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::hung);
    EXPECT_EQ(table().take_retired(), 1u);
}

TEST_F(Ahead, WhatAHungWorkerHasNotBegunWaitsForAnother) {
    targets[0].timeout_us = 20'000;
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b"}, {"c"}}));
    ASSERT_NE(worker.take_one(), kNothing);
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(answers(), (Strings{failed(ReplyStatus::worker_hung)}));
    EXPECT_EQ(table().take_retired(), 1u);
    EXPECT_EQ(wanted(), 2u);
    EXPECT_EQ(worker.take_one(), kNothing);
    Worker second(shared, 1);
    turn();
    EXPECT_EQ(second.run(), "b");
    turn();
    EXPECT_EQ(second.run(), "c");
    turn();
    EXPECT_EQ(answers(), (Strings{"done b", "done c"}));
}

TEST_F(Ahead, AreSpreadOverWhoIsBusyAndGoToWhoIsFree) {
    start();
    Worker one(shared, 0), other(shared, 1);
    ASSERT_TRUE(handed(one, {{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, {"f"}}, &other));
    const std::uint64_t back = taken_back();
    EXPECT_EQ(std::popcount(one.posted()), 3);
    EXPECT_EQ(std::popcount(other.posted()), 3);
    // One is done, the other hangs on its first.
    const std::uint32_t slot = other.take_one();
    Strings all;
    ASSERT_TRUE(turn_until([&] {
        one.run();
        for (const std::string& each : answers()) all.push_back(each);
        return all.size() == 5;
    }));
    EXPECT_EQ(taken_back() - back, 2u);
    EXPECT_EQ(other.take_one(), kNothing);
    other.respond(slot, "done");
    turn();
    EXPECT_EQ(answers().size(), 1u);
    EXPECT_EQ(free_slots(), 3u);
}

TEST_F(Ahead, ALyingWorkerCostsItsOwnFunctionAlone) {
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b"}, {"c"}, {"d"}}));
    // It claims to have answered what is not in its slots, and answers the last one first, which it
    // did not take.
    std::map<std::string, std::uint32_t> slots;
    for (std::uint32_t slot = 0; slot < 64; ++slot)
        if ((worker.posted() >> slot & 1) != 0)
            slots[worker.request(slot)] = slot;
        else
            worker.claim_answered(slot);
    worker.respond(slots["d"], "done d");
    turn();
    EXPECT_EQ(answers(), (Strings{"done d"}));
    EXPECT_EQ(free_slots(), 0u);
    // A wrong answer for one that it has not taken: all others wait again, the head does not.
    ASSERT_EQ(worker.request(worker.take_one()), "a");
    worker.slot(slots["b"]).response_seq = 1;
    worker.claim_answered(slots["b"]);
    turn();
    EXPECT_EQ(answers(), (Strings{failed(ReplyStatus::worker_malformed)}));
    EXPECT_EQ(waiting(), 1u);
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::malformed);
    worker.channel.dead.store(true);
    turn();
    EXPECT_EQ(answers(), (Strings{failed(ReplyStatus::worker_died)}));
    EXPECT_EQ(table().take_retired(), 1u);
    Worker second(shared, 1);
    turn();
    EXPECT_EQ(second.run(), "c");
    turn();
    EXPECT_EQ(answers(), (Strings{"done c"}));
}

// It takes all, and begins them, as it says.
TEST_F(Ahead, WhoTakesAllLosesAll) {
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b"}, {"c"}}));
    (void)worker.take();
    worker.channel.dead.store(true);
    turn();
    EXPECT_EQ(answers(), (Strings(3, failed(ReplyStatus::worker_died))));
    EXPECT_EQ(wanted() + waiting(), 0u);
    EXPECT_EQ(table().take_retired(), 1u);
}

// The permit is the executing one's, and there is one for the worker.
TEST_F(Ahead, OnePermitGoesFromOneToTheNext) {
    info.tenants = {{.name = "default", .queue_limit = 16, .pending_limit = 64}};
    info.common_permits = 4;
    extras.tenants = {0};
    start();
    Worker worker(shared);
    ASSERT_TRUE(handed(worker, {{"a"}, {"b"}, {"c"}}));
    const std::uint64_t executed = shared.counters[0]->tenants[0].executed.get();
    for (const char* each : {"a", "b", "c"}) {
        EXPECT_EQ(shared.tenants->common(), 1u);
        EXPECT_EQ(worker.run(), each);
        turn();
    }
    EXPECT_EQ(shared.tenants->common(), 0u);
    EXPECT_EQ(shared.counters[0]->tenants[0].executed.get() - executed, 2u);
    requests({"d", "e"});
    worker.channel.dead.store(true);
    turn();
    EXPECT_EQ(shared.tenants->common(), 0u);
    EXPECT_EQ(shared.tenants->line(0).in_hand.count.load(), 1u);
    Worker second(shared, 1);
    turn();
    EXPECT_EQ(second.run(), "e");
    turn();
    EXPECT_EQ(shared.tenants->common(), 0u);
}

}  // namespace
}  // namespace skerry::test
