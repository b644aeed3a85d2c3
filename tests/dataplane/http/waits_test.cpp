// Slow clients of every kind: what each wait's end does.
#include <gtest/gtest.h>

#include "tests/dataplane/http/memory.hpp"

namespace skerry::http::testing {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;

TEST(HttpWaits, SilentConnectionsAreClosed) {
    Rig rig;
    const auto never = rig.open(), idle = rig.open();
    rig.send(idle, get());
    rig.pass(10 * kSecond - 1);
    EXPECT_FALSE(rig.transport.all[never].over());
    rig.pass(1);
    EXPECT_TRUE(rig.transport.all[never].closed);
    rig.pass(49 * kSecond);
    EXPECT_FALSE(rig.transport.all[idle].over());
    rig.pass(kSecond);
    EXPECT_TRUE(rig.transport.all[idle].closed);
    EXPECT_EQ(rig.count(Reason::http_idle), 2u);
}

TEST(HttpWaits, AHeadHasOneLimitForAllItsBytes) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 9; ++i) {
        rig.pass(kSecond);
        rig.send(c, "X: y\r\n");
    }
    EXPECT_EQ(rig.heard(c), "");
    rig.pass(kSecond);
    EXPECT_TRUE(rig.heard(c).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    EXPECT_TRUE(rig.transport.all[c].shut);
    EXPECT_EQ(rig.count(Reason::http_too_slow), 1u);
}

TEST(HttpWaits, ABodyMustGetOn) {
    Rig rig;
    const auto slow = rig.open(), steady = rig.open();
    const std::string body(100000, 'b');
    const std::string request = post(body);
    const std::size_t head = request.size() - body.size();
    rig.send(slow, request.substr(0, head));
    rig.send(steady, request.substr(0, head));
    std::size_t sent = head;
    for (int i = 0; i < 3; ++i) {
        for (int second = 0; second < 4; ++second) {
            rig.pass(kSecond);
            rig.send(steady, request.substr(sent, 1300));
            rig.send(slow, request.substr(sent, 1200));
            sent += 1300;
        }
        rig.pass(kSecond);
    }
    EXPECT_TRUE(rig.heard(slow).starts_with("HTTP/1.1 408 "));
    EXPECT_TRUE(rig.invocations.all[0].cancelled);
    EXPECT_EQ(rig.heard(steady), "");
    rig.send(steady, request.substr(sent));
    EXPECT_TRUE(rig.invocations.all[1].complete);
}

TEST(HttpWaits, AnInvocationTakesItsTime) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x"));
    rig.pass(900 * kSecond);
    rig.answer(0, "at last");
    EXPECT_TRUE(rig.heard(c).ends_with("at last"));
}

TEST(HttpWaits, ReadersMustGetOn) {
    Rig rig;
    const auto slow = rig.open(), steady = rig.open();
    const std::string payload(200000, 'p');
    for (const auto c : {slow, steady}) {
        rig.send(c, post("x"));
        rig.transport.all[c].room = 20000;
        rig.answer(c, payload);
    }
    for (int i = 0; i < 4; ++i) {
        rig.pass(4 * kSecond);
        rig.give_room(slow, 4000);
        rig.give_room(steady, 6000);
        rig.pass(kSecond);
    }
    EXPECT_TRUE(rig.transport.all[slow].aborted);
    EXPECT_TRUE(rig.invocations.all[0].cancelled);
    EXPECT_EQ(rig.count(Reason::http_slow_reader), 1u);
    EXPECT_FALSE(rig.transport.all[steady].over());
    rig.give_room(steady, 200000);
    EXPECT_TRUE(rig.invocations.all[1].released);
}

TEST(HttpWaits, ReadersAreJudgedByWhatTheyAcknowledge) {
    // The transport says that there is room only now and then.
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x"));
    rig.transport.all[c].room = 100000;
    const std::string payload(200000, 'p');
    rig.answer(0, payload);
    for (int i = 0; i < 8; ++i) {
        rig.pass(4 * kSecond);
        rig.acknowledge(c, 6000);
        rig.pass(kSecond);
    }
    EXPECT_FALSE(rig.transport.all[c].over());
    rig.pass(10 * kSecond);
    EXPECT_TRUE(rig.transport.all[c].aborted);
}

TEST(HttpWaits, WhoOnlyAsksIsHungUp) {
    Rig rig;
    const auto c = rig.open();
    rig.transport.all[c].room = 2500;
    std::string many;
    for (int i = 0; i < 100; ++i) many += get();
    rig.send(c, many);
    EXPECT_FALSE(rig.transport.all[c].input.empty());
    rig.pass(6 * kSecond);
    EXPECT_TRUE(rig.transport.all[c].aborted);
    EXPECT_EQ(rig.server.sessions(), 0u);
}

TEST(HttpWaits, QueuesKeepTheirOrder) {
    Waits waits(4);
    const Times times;
    EXPECT_EQ(waits.next_due_us(), ~std::uint64_t{0});
    waits.arm(0, Wait::idle, times, 0);
    waits.arm(1, Wait::idle, times, 10);
    waits.arm(2, Wait::linger, times, 20);
    EXPECT_EQ(waits.next_due_us(), 20 + times.linger_us);
    waits.arm(0, Wait::idle, times, 30);  // to the end
    EXPECT_EQ(waits.first(Wait::idle), 1u);
    waits.cancel(1);
    waits.cancel(1);
    EXPECT_EQ(waits.first(Wait::idle), 0u);
    EXPECT_EQ(waits.due(19 + times.linger_us), Waits::kNone);
    EXPECT_EQ(waits.due(20 + times.linger_us), 2u);
    waits.cancel(2);
    waits.cancel(0);
    EXPECT_EQ(waits.due(~std::uint64_t{0}), Waits::kNone);
}

}  // namespace
}  // namespace skerry::http::testing
