// Rarer ways in which a request can end, and what travels with it.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/forwarding.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class Endings : public Forward {};

TEST_F(Endings, OverIPv6ToARegionAndBack) {
    regions_ipv6 = true;
    begin();
    const Message forwarded = next();
    EXPECT_TRUE(is_for(forwarded, 0));
    answer(0, forwarded, wire::Kind::reply, ReplyStatus::ok, "from six to four");
    const Message reply = next();
    EXPECT_EQ(reply.payload, "from six to four");
    EXPECT_TRUE(reply.path.local == client().address);
}

TEST_F(Endings, TheTraceGoesAllTheWay) {
    start();
    set_region(0, 1000);
    wire::Header header = request_header(shared, client(), 1);
    header.trace_id_hi.set(0x0102030405060708);
    header.trace_id_lo.set(0x1112131415161718);
    header.span_id.set(0x2122232425262728);
    send(client(), header);
    turn();
    const Message forwarded = next();
    EXPECT_EQ(forwarded.header.trace_id_hi.get(), header.trace_id_hi.get());
    EXPECT_EQ(forwarded.header.trace_id_lo.get(), header.trace_id_lo.get());
    EXPECT_EQ(forwarded.header.span_id.get(), header.span_id.get());
    answer(0, forwarded, wire::Kind::reply);
    const Message reply = next();
    EXPECT_EQ(reply.header.trace_id_lo.get(), header.trace_id_lo.get());
    EXPECT_EQ(reply.header.span_id.get(), header.span_id.get());
}

TEST_F(Endings, TheTraceReachesTheWorker) {
    targets[0].entry = 0;
    start();
    PlayedWorker worker(shared, 0, 1);
    wire::Header header = request_header(shared, client(), 1);
    header.trace_id_hi.set(5);
    header.trace_id_lo.set(6);
    send(client(), header);
    turn();
    ASSERT_EQ(worker.take(), 1u);
    EXPECT_EQ(worker.slot(0).trace_id_hi, 5u);
    EXPECT_EQ(worker.slot(0).trace_id_lo, 6u);
    worker.respond(0, "x");
    turn();
    EXPECT_EQ(next().header.trace_id_lo.get(), 6u);
}

TEST_F(Endings, WhenEveryRegionFallsSilentTheClientIsToldSo) {
    begin();
    const auto reply = wait_for_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), ReplyStatus::region_failed);
    EXPECT_TRUE(reply->header.flags.get() & wire::flag::maybe_repeated);
    EXPECT_EQ(count(Reason::failed_regions), 1u);
}

TEST_F(Endings, WhatARegionsWorkerDidWrongIsRelayed) {
    begin();
    answer(0, next(), wire::Kind::reply, ReplyStatus::worker_died);
    EXPECT_EQ(next().status(), ReplyStatus::worker_died);
    EXPECT_EQ(count(Reason::failed_region_said), 1u);
}

TEST_F(Endings, AnUnresolvedNextHopIsALossLikeAnyOther) {
    neighbours_known = false;
    begin(RetryPolicy::unstarted, 50'000);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_no_neighbour), 1u);
    const auto reply = wait_for_reply();
    ASSERT_TRUE(reply);
}

TEST_F(Endings, AReplyThatWasOverwrittenIsNotExecutedAgain) {
    targets[0].entry = 0;
    start();
    PlayedWorker worker(shared, 0, 1);
    const auto serve = [&](std::uint64_t id) {
        send(client(), request_header(shared, client(), id));
        turn();
        if (worker.take() == 0) return;
        worker.respond(0, std::string(1300, 'r'));
        turn();
    };
    for (std::uint64_t id = 1; id <= 60; ++id) serve(id);
    sent.clear();
    serve(1);
    EXPECT_EQ(next().status(), ReplyStatus::reply_gone);
    EXPECT_EQ(count(Reason::refused_reply_gone), 1u);
    EXPECT_EQ(count(Reason::served_local), 60u);
}

TEST_F(Endings, WithoutRoomToRememberItNothingIsExecuted) {
    info.reply_cache_entries = 8;
    targets[0].entry = 0;
    start();
    PlayedWorker worker(shared, 0, 16);
    for (std::uint64_t id = 1; id <= 9; ++id) send(client(), request_header(shared, client(), id));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::overloaded);
    EXPECT_EQ(count(Reason::refused_dedupe_full), 1u);
    for (std::uint64_t slots = worker.take(); slots != 0; slots &= slots - 1)
        worker.respond(static_cast<std::uint32_t>(std::countr_zero(slots)), "x");
    turn();
    EXPECT_EQ(sent.size(), 8u);
}

TEST_F(Endings, AFullTransmitQueueDropsAndCounts) {
    start();
    wire::Header header = request_header(shared, client(), 0);
    header.function_key.set(0x9999);
    for (std::uint64_t id = 1; count(Reason::drop_tx_full) == 0 && id < 3000; ++id) {
        header.request_id_lo.set(id);
        send(client(), header);
        core->turn();
    }
    EXPECT_EQ(count(Reason::drop_tx_full), 1u);
    drop_sent();
}

}  // namespace
}  // namespace skerry::test
