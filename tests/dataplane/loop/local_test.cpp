// Requests that this server executes, and every way they can end.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/wire/load.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class Local : public LoopTest {
  protected:
    void request(std::uint64_t id, const std::string& payload = "in",
                 std::uint32_t deadline_us = 2'000'000) {
        wire::Header header = request_header(shared, client(), id);
        header.deadline_us.set(deadline_us);
        send(client(), header, payload);
    }
    std::uint64_t free_slots() const { return shared.capacity->entries[0].free_slots.load(); }
};

TEST_F(Local, RunsARequestAndSaysWhereAndWhich) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1, "hello");
    turn();
    ASSERT_EQ(worker.take(), 1u);
    EXPECT_EQ(worker.request(0), "hello");
    EXPECT_EQ(worker.slot(0).request_id_lo, 1u);
    EXPECT_EQ(free_slots(), 0u);
    worker.respond(0, "world");
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::ok);
    EXPECT_EQ(reply.payload, "world");
    EXPECT_STREQ(reply.header.place, "pop");
    EXPECT_EQ(reply.header.qualifier.get(), kVersionKey);
    EXPECT_EQ(free_slots(), 1u);
    EXPECT_EQ(count(Reason::served_local), 1u);
}

// A region's answer to a POP: what was executed, and what was refused.
TEST_F(Local, ARegionTellsPopsItsLoad) {
    info.is_pop = false;
    start();
    shared.own_load.slots = 40;
    shared.own_load.service_us = 1'000;
    PlayedWorker worker(shared, 0, 1);
    wire::Header header = request_header(shared, client(), 1);
    header.flags.set(wire::flag::forwarded);
    const wire::Load idle{.executing = 0, .waiting = 0, .slots = 40, .service_us = 1'000};
    send(client(), header, "a");
    turn();
    ASSERT_EQ(worker.take(), 1u);
    worker.respond(0, "b");
    turn();
    Message reply = next();
    EXPECT_EQ(reply.payload, "b");
    EXPECT_TRUE(reply.header.flags.get() & wire::flag::load);
    const wire::Load told = wire::unpack_load(reply.header.cookie.get());
    EXPECT_EQ(told.slots, 40);
    EXPECT_EQ(told.service_us, 1'000u);
    EXPECT_LE(told.executing, 1);
    publish(true);
    header.request_id_lo.set(2);
    const std::uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 500;  // it is looked up each ms
    while (rte_rdtsc() < until) continue;
    send(client(), header, "a");
    turn();
    reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::draining);
    EXPECT_TRUE(reply.header.flags.get() & wire::flag::load);
    EXPECT_EQ(wire::unpack_load(reply.header.cookie.get()), idle);
    // Who is no POP is not told.
    send(client(), request_header(shared, client(), 3), "a");
    turn();
    reply = next();
    EXPECT_EQ(reply.header.flags.get(), 0);
    EXPECT_EQ(reply.header.cookie.get(), 0u);
}

TEST_F(Local, SpeaksIPv6) {
    start();
    PlayedWorker worker(shared, 0, 1);
    send(client6(), request_header(shared, client6(), 1), "six");
    turn();
    ASSERT_EQ(worker.take(), 1u);
    worker.respond(0, "6");
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.payload, "6");
    EXPECT_FALSE(reply.path.local.is_v4());
}

TEST_F(Local, RelaysAFunctionsOwnError) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1);
    turn();
    worker.respond(0, "bad input", 1);
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::function_error);
    EXPECT_EQ(reply.payload, "bad input");
}

TEST_F(Local, RingsAWorkerOnceForABurst) {
    start();
    PlayedWorker worker(shared, 0, 16);
    channel::ChannelHeader* header = worker.channel.header();
    header->worker_asleep.asleep.store(1);
    for (std::uint64_t id = 1; id <= 16; ++id) request(id);
    turn();
    EXPECT_EQ(worker.take(), 0xffffu);
    EXPECT_EQ(shared.counters[0]->doorbells.get(), 1u);
    for (std::uint32_t slot = 0; slot < 16; ++slot) worker.respond(slot, "x");
    turn();
    EXPECT_EQ(sent.size(), 16u);
}

struct Lie {
    const char* name;
    void (*tell)(channel::SlotControl&);
};
class LyingWorker : public Local, public ::testing::WithParamInterface<Lie> {};

TEST_P(LyingWorker, CostsItsOwnRequestAndSlotOnly) {
    start();
    PlayedWorker worker(shared, 0, 2);
    request(1);
    turn();
    channel::SlotControl& slot = worker.slot(0);
    slot.response_seq = slot.request_seq;
    slot.response_bytes = 1;
    slot.response_status = 0;
    GetParam().tell(slot);
    worker.claim_answered(0);
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::worker_malformed);
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::malformed);
    EXPECT_EQ(shared.capacity->entries[0].take_retired(), 1u);
    // Its other slot is not given out any more.
    request(2, "in", 20'000);
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(shared.capacity->entries[0].take_retired(), 2u);
}

INSTANTIATE_TEST_SUITE_P(
    Lies, LyingWorker,
    ::testing::Values(
        Lie{"sequence", [](channel::SlotControl& slot) { slot.response_seq += 1; }},
        Lie{"bytes", [](channel::SlotControl& slot) { slot.response_bytes = 1u << 30; }},
        Lie{"bytes_by_one", [](channel::SlotControl& slot) { slot.response_bytes = 2049; }},
        Lie{"status", [](channel::SlotControl& slot) { slot.response_status = 7; }}),
    [](const auto& info) { return info.param.name; });

TEST_F(Local, ADoneBitOfASlotThatIsNotInFlightMeansNothing) {
    start();
    PlayedWorker worker(shared, 0, 2);
    worker.claim_answered(1);
    turn();
    request(1);
    turn();
    worker.claim_answered(1);
    turn();
    EXPECT_TRUE(sent.empty());
    worker.respond(0, "x");
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::ok);
}

TEST_F(Local, ADeadWorkersRequestFailsAndItsSlotGoesToControl) {
    start();
    PlayedWorker worker(shared, 0, 2);
    request(1);
    request(2);
    turn();
    ASSERT_EQ(worker.take(), 3u);
    worker.respond(0, "in time");
    worker.channel.dead.store(true);
    turn();
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(next().status(), ReplyStatus::ok);
    EXPECT_EQ(next().status(), ReplyStatus::worker_died);
    EXPECT_EQ(shared.capacity->entries[0].take_retired(), 2u);
}

TEST_F(Local, AHungWorkerIsBlamedAtTheFunctionsLimit) {
    targets[0].timeout_us = 20'000;
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1);
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(next().status(), ReplyStatus::worker_hung);
    EXPECT_EQ(worker.channel.fault.load(), WorkerFault::hung);
    EXPECT_EQ(shared.capacity->entries[0].take_retired(), 1u);
}

TEST_F(Local, AClientsDeadlineEndsItsWaitButNotTheWork) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1, "slow", 10'000);
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(next().status(), ReplyStatus::deadline_exceeded);
    EXPECT_EQ(free_slots(), 0u);
    worker.respond(0, "late");
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(free_slots(), 1u);
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
}

// A worker may take O_NONBLOCK from its own eventfd and fill it: a bell of ours then waits in the
// kernel. One does, not one for each request.
TEST_F(Local, AWorkerThatFillsItsBellIsRungOnce) {
    start();
    PlayedWorker worker(shared, 0, 1);
    ASSERT_EQ(fcntl(worker.channel.wake_fd, F_SETFL, O_RDWR), 0);
    const std::uint64_t full = ~std::uint64_t{0} - 1;
    ASSERT_EQ(write(worker.channel.wake_fd, &full, sizeof full), 8);
    for (std::uint64_t id = 1; id <= 200; ++id) {
        worker.channel.header()->worker_asleep.asleep.store(1);
        request(id, "x");
        turn();
        ASSERT_EQ(worker.take(), 1u);
        worker.respond(0, "y");
        turn();
        EXPECT_EQ(next().payload, "y");
    }
    EXPECT_EQ(shared.counters[0]->doorbells.get(), 1u);
}

TEST_F(Local, AWorkerIsRungEachTimeItSleeps) {
    start();
    PlayedWorker worker(shared, 0, 1);
    for (std::uint64_t id = 1; id <= 20; ++id) {
        worker.channel.header()->worker_asleep.asleep.store(1);
        request(id, "x");
        turn();
        std::uint64_t rung = 0;
        EXPECT_EQ(read(worker.channel.wake_fd, &rung, sizeof rung), 8);
        EXPECT_EQ(rung, 1u);
        ASSERT_EQ(worker.take(), 1u);
        worker.respond(0, "y");
        turn();
        EXPECT_EQ(next().payload, "y");
    }
}

TEST_F(Local, WaitsForASlotAndAsksForAWorker) {
    start();
    request(1, "first");
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(shared.capacity->entries[0].wanted.load(), 1u);
    PlayedWorker worker(shared, 0, 1);
    turn();
    ASSERT_EQ(worker.take(), 1u);
    EXPECT_EQ(shared.capacity->entries[0].wanted.load(), 0u);
    worker.respond(0, "x");
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::ok);
    EXPECT_TRUE(reply.header.flags.get() & wire::flag::cold);
}

// A busy function's requests wait all the time; the control thread need not wake for each.
TEST_F(Local, TheControlThreadHearsOfABusyFunctionNowAndThen) {
    const UniqueFd bell(eventfd(0, EFD_NONBLOCK));
    const auto rings = [&] {
        std::uint64_t count = 0;
        return read(bell.get(), &count, sizeof count) == sizeof count ? count : 0;
    };
    info.control_fd = bell.get();
    info.queue_limit = 1024;
    start();
    request(1);
    turn();
    EXPECT_EQ(rings(), 1u);  // nobody works on it
    PlayedWorker worker(shared, 0, 1);
    turn();
    const std::uint64_t began = rte_rdtsc();
    for (std::uint64_t id = 2; id <= 200; ++id) {
        request(id, "in", 200'000);
        turn();
    }
    const std::uint64_t ms = (rte_rdtsc() - began) * 1000 / info.tsc_hz;
    EXPECT_LE(rings(), ms * 1000 / Core::kNewsPeriod_us + 1);
    request(201, "in", 200'000);
    EXPECT_TRUE(turn_until([&] { return rings() != 0; }));
    EXPECT_TRUE(turn_until([&] { return shared.counters[0]->waiting.get() == 0; }));
    drop_sent();
    worker.respond(0, "x");
    turn();
}

TEST_F(Local, AQueueServesInOrderAndHasALimit) {
    info.queue_limit = 2;
    start();
    for (std::uint64_t id = 1; id <= 3; ++id) request(id, std::to_string(id));
    turn();
    const Message refused = next();
    EXPECT_EQ(refused.status(), ReplyStatus::overloaded);
    EXPECT_EQ(refused.header.request_id_lo.get(), 3u);
    PlayedWorker worker(shared, 0, 1);
    for (const char* expected : {"1", "2"}) {
        turn();
        ASSERT_EQ(worker.take(), 1u);
        EXPECT_EQ(worker.request(0), expected);
        worker.respond(0, "x");
        turn();
    }
    EXPECT_EQ(sent.size(), 2u);
}

TEST_F(Local, ADeadlineEndsTheWaitForASlot) {
    start();
    request(1, "x", 10'000);
    ASSERT_TRUE(turn_until_sent());
    EXPECT_EQ(next().status(), ReplyStatus::deadline_exceeded);
    EXPECT_EQ(count(Reason::failed_deadline_queued), 1u);
}

TEST_F(Local, ARequestThatWaitsIsToldThatNobodyCanStartIt) {
    start();
    request(1);
    turn();
    targets[0].entry = kNoEntry;
    publish();
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::start_failed);
}

TEST_F(Local, AnAnswerThatFitsNoDatagramIsAnError) {
    start();
    PlayedWorker worker(shared, 0, 1);
    request(1);
    turn();
    worker.respond(0, std::string(2000, 'x'));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::answer_too_large);
}

TEST_F(Local, SaysAcceptedBeforeTheWorkerCanStart) {
    start();
    PlayedWorker worker(shared, 0, 1);
    wire::Header header = request_header(shared, client(), 1);
    header.flags.set(wire::flag::want_accepted);
    send(client(), header);
    turn();
    EXPECT_EQ(next().kind(), wire::Kind::accepted);
    worker.respond(0, "x");
    turn();
    EXPECT_EQ(next().kind(), wire::Kind::reply);
}

}  // namespace
}  // namespace skerry::test
