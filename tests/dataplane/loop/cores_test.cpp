// What belongs to another core is handed over to it, whole. The other core is nobody here: its ring
// is looked at.
#include "dataplane/forward/forwarder.hpp"
#include "dataplane/wire/cookie.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class Cores : public LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        info.core_count = 2;
        info.forward_key[0] = 3;
        info.forward_key[1] = 4;
        region_count = 1;
    }
    // A reply of region 0 to a request that core 1 forwarded to it.
    wire::Header reply_for_core_1(std::uint64_t key = 3) const {
        wire::Header header = request_header(shared, region_peer(0), 0);
        const std::uint64_t token = Token{1, 5, 9}.pack();
        header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
        header.request_id_lo.set(token);
        header.request_id_hi.set(wire::siphash({key, 4}, token, 0, 0));
        return header;
    }
};

TEST_F(Cores, AReplyIsHandedToTheCoreThatWaits) {
    start();
    send(region_peer(0), reply_for_core_1(), "result");
    turn();
    EXPECT_EQ(count(Reason::handed_over), 1u);
    EXPECT_EQ(take_handed_over(1), 1u);
}

TEST_F(Cores, AForgedReplyDoesNotGetThatFar) {
    start();
    send(region_peer(0), reply_for_core_1(99), "forged");
    send(client(), reply_for_core_1(), "from somebody else");
    turn();
    EXPECT_EQ(count(Reason::drop_stale_reply), 2u);
    EXPECT_EQ(take_handed_over(1), 0u);
}

TEST_F(Cores, AFullRingDropsAndCounts) {
    start();
    for (int i = 0; i < 20; ++i) send(region_peer(0), reply_for_core_1(), "result");
    turn();
    EXPECT_EQ(count(Reason::handed_over), 15u);
    EXPECT_EQ(count(Reason::drop_handover_full), 5u);
    EXPECT_EQ(take_handed_over(1), 15u);
}

TEST_F(Cores, WhatIsHandedToUsIsTakenAsIfItHadComeHere) {
    start();
    PlayedWorker worker(shared, 0, 1);
    send(client(), request_header(shared, client(), 1), "payload");
    turn();
    ASSERT_EQ(worker.take(), 1u);
    worker.respond(0, "here");
    turn();
    EXPECT_EQ(next().payload, "here");
}

// Without a port that keeps a source on one queue, every copy of a request goes to the core that
// its tag names, whichever core it came to: one cache knows it.
TEST_F(Cores, CopiesOfARequestMeetOnOneCore) {
    sticky = false;
    start();
    PlayedWorker worker(shared, 0, 64);
    constexpr std::uint64_t kRequests = 10;
    for (int copy = 0; copy < 2; ++copy) {
        for (std::uint64_t id = 1; id <= kRequests; ++id)
            send(client(), request_header(shared, client(), id), "payload");
        turn();
        const auto ours = static_cast<std::uint64_t>(std::popcount(worker.take()));
        const std::uint64_t theirs = take_handed_over(1);
        EXPECT_GT(theirs, 0u);
        EXPECT_LT(theirs, kRequests);
        EXPECT_EQ((copy == 0 ? ours : count(Reason::joined)) + theirs, kRequests);
    }
    for (std::uint32_t slot = 0; slot < 64; ++slot)
        if (!(shared.capacity->entries[0].free_slots.load() >> slot & 1)) worker.respond(slot, "x");
    turn();
    sent.clear();
}

}  // namespace
}  // namespace skerry::test
