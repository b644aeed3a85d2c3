// Requests that are tried again, at a region: POPs that come with the same key, over the same trunk
// or another one. And at the POP between a client that tries again and its regions.
#include "dataplane/dedup/dedup.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/played_pop.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

constexpr std::uint16_t kKeyed = wire::flag::retry_key | wire::flag::want_accepted;

class RetriesAtRegion : public TrunkRegion {
  protected:
    void SetUp() override {
        TrunkRegion::SetUp();
        info.http.retry_window_ms = 60'000;
        info.http.retry_entries = 64;
        info.http.retry_bytes = 4 << 20;
    }
};

TEST_F(RetriesAtRegion, AnotherPopJoinsAndGetsTheSame) {
    start();
    PlayedWorker worker(shared, 0, 2, 0, 1 << 20);
    Pop first = pop(), second = pop(1);
    const std::string body = pattern(300'000);
    const std::uint32_t a = ask(first, body, kKeyed), b = ask(second, body, kKeyed);
    ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == 1; }));
    ASSERT_TRUE(step_until([&] { return first->streams[a].accepted == 1; }));
    ASSERT_TRUE(step_until([&] { return second->streams[b].accepted == 1; }))
        << "it is told that somebody has it";
    ASSERT_EQ(worker.take(), 1u);
    const std::string out = pattern(400'000);
    worker.respond(0, out);
    ASSERT_TRUE(answered(first, a) && answered(second, b));
    EXPECT_TRUE(first->streams[a].heard == out && second->streams[b].heard == out);
    const auto id = [](Pop& pop, std::uint32_t place) {
        return pop->streams[place].header.request_id_lo.get();
    };
    EXPECT_NE(id(first, a), id(second, b)) << "each its own";
    EXPECT_TRUE(second->streams[b].header.flags.get() & wire::flag::replayed ||
                first->streams[a].header.flags.get() & wire::flag::replayed);
    // And afterwards.
    const std::uint32_t again = ask(second, body, kKeyed);
    ASSERT_TRUE(answered(second, again));
    EXPECT_TRUE(second->streams[again].heard == out);
    EXPECT_EQ(status(second, again), ReplyStatus::ok);
    EXPECT_STREQ(second->streams[again].header.place, "r7");
    // Another key is another request; so is none.
    retry_key[15] = 1;
    const std::uint32_t other = ask(first, body, kKeyed);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "other");
    ASSERT_TRUE(answered(first, other));
    const std::uint32_t none = ask(first, body);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "none");
    ASSERT_TRUE(answered(first, none));
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(RetriesAtRegion, APopThatDiesAndTheNextOne) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop first = pop();
    (void)ask(first, "x", kKeyed);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    lose(first, true);
    ASSERT_TRUE(step_until([&] { return count(Reason::trunk_closed_peer) == 1; }));
    EXPECT_EQ(core->context().invocations.used(), 1u);
    Pop second = pop(1);
    const std::uint32_t joined = ask(second, "x", kKeyed);
    ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == 1; }));
    worker.respond(0, "once");
    ASSERT_TRUE(answered(second, joined));
    EXPECT_EQ(second->streams[joined].heard, "once");
    EXPECT_EQ(worker.take(), 0u);
    EXPECT_EQ(core->context().invocations.used(), 0u);
}

TEST_F(RetriesAtRegion, APopThatCancelsWhatItJoined) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop first = pop(), second = pop(1);
    const std::uint32_t a = ask(first, "x", kKeyed);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    const std::uint32_t b = ask(second, "x", kKeyed);
    ASSERT_TRUE(step_until([&] { return core->context().dedup->waiting() == 1; }));
    second->cancel(b);
    ASSERT_TRUE(step_until([&] { return core->context().dedup->waiting() == 0; }));
    lose(second, false);
    worker.respond(0, "out");
    ASSERT_TRUE(answered(first, a));
    EXPECT_EQ(first->streams[a].heard, "out");
}

// A POP that has no trunk (yet) asks by datagram, with the same key.
class DatagramTriesAtRegion : public RetriesAtRegion {
  protected:
    // A request as a POP forwards it; each has an id of its own.
    void ask_by_datagram(const Peer& from, const std::string& payload,
                         std::uint16_t flags = kKeyed) {
        wire::Header header = request_header(shared, from, ++id_);
        header.qualifier.set(kVersionKey);
        header.hop_count = 1;
        header.deadline_us.set(deadline_us_);
        header.payload_bytes.set(static_cast<std::uint32_t>(payload.size()));
        header.flags.set(wire::flag::forwarded | flags);
        std::memcpy(header.place, retry_key, sizeof retry_key);
        send(from, header, payload);
    }
    Message told() {
        EXPECT_TRUE(step_until([&] { return !sent.empty(); }));
        return sent.empty() ? Message{} : next();
    }
    void nothing_more() {
        for (int i = 0; i < 10; ++i) step();
        EXPECT_TRUE(sent.empty());
    }
    std::uint64_t id_ = 0;
    std::uint32_t deadline_us_ = 2'000'000;
    const Peer one_ = client(40000), other_ = client(40001);
};

TEST_F(DatagramTriesAtRegion, JoinsAndGetsTheSameAnswer) {
    start();
    PlayedWorker worker(shared, 0, 2);
    ask_by_datagram(one_, "in");
    EXPECT_EQ(told().kind(), wire::Kind::accepted);
    ASSERT_EQ(worker.take(), 1u);
    ask_by_datagram(other_, "in");
    Message accepted = told();
    EXPECT_EQ(accepted.kind(), wire::Kind::accepted);
    EXPECT_EQ(accepted.header.request_id_lo.get(), id_);
    EXPECT_EQ(count(Reason::retry_joined), 1u);
    // A copy of either is told that it is in hand.
    --id_;
    ask_by_datagram(other_, "in");
    EXPECT_EQ(told().kind(), wire::Kind::accepted);
    EXPECT_EQ(worker.take(), 0u);
    worker.respond(0, "once");
    Message a = told(), b = told();
    if (a.header.request_id_lo.get() == id_) std::swap(a, b);
    for (const Message& each : {a, b}) {
        EXPECT_EQ(each.kind(), wire::Kind::reply);
        EXPECT_EQ(each.status(), ReplyStatus::ok);
        EXPECT_EQ(each.payload, "once");
    }
    EXPECT_EQ(b.header.request_id_lo.get(), id_);
    EXPECT_TRUE(b.header.flags.get() & wire::flag::replayed);
    EXPECT_FALSE(a.header.flags.get() & wire::flag::replayed);
    // A copy of the one that joined, and a try after the answer.
    --id_;
    ask_by_datagram(other_, "in");
    EXPECT_EQ(told().payload, "once");
    EXPECT_EQ(count(Reason::served_replay), 1u);
    ask_by_datagram(one_, "in");
    EXPECT_EQ(told().payload, "once");
    EXPECT_EQ(worker.take(), 0u);
    EXPECT_EQ(core->context().dedup->waiting(), 0u);
    nothing_more();
}

TEST_F(DatagramTriesAtRegion, ATrunkAndADatagramAreTheSameRequest) {
    start();
    PlayedWorker worker(shared, 0, 2, 0, 1 << 20);
    Pop by_trunk = pop();
    const std::uint32_t first = ask(by_trunk, "x", kKeyed);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    lose(by_trunk, true);  // as a POP that is killed
    ASSERT_TRUE(step_until([&] { return count(Reason::trunk_closed_peer) == 1; }));
    (void)first;
    ask_by_datagram(one_, "x");
    EXPECT_EQ(told().kind(), wire::Kind::accepted);
    worker.respond(0, "once");
    EXPECT_EQ(told().payload, "once");
    // And the other way round.
    retry_key[15] = 9;
    ask_by_datagram(one_, "y", wire::flag::retry_key);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    Pop again = pop(1);
    const std::uint32_t joined = ask(again, "y", kKeyed);
    ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == 2; }));
    worker.respond(0, "too");
    EXPECT_EQ(told().payload, "too");
    ASSERT_TRUE(answered(again, joined));
    EXPECT_EQ(again->streams[joined].heard, "too");
    EXPECT_EQ(worker.take(), 0u);
    // What does not fit a datagram is executed, and said to be too large for it.
    retry_key[15] = 10;
    const std::uint32_t large = ask(again, "z", kKeyed);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, pattern(100'000));
    ASSERT_TRUE(answered(again, large));
    ask_by_datagram(one_, "z");
    EXPECT_EQ(told().status(), ReplyStatus::answer_too_large);
    EXPECT_EQ(worker.take(), 0u);
    EXPECT_EQ(core->context().invocations.used(), 0u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(DatagramTriesAtRegion, ARefusalIsForAllWhoWaitAndForNobodyLater) {
    start();
    deadline_us_ = 50'000;
    ask_by_datagram(one_, "x", wire::flag::retry_key);  // waits: there is no worker
    ask_by_datagram(other_, "x", wire::flag::retry_key);
    ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == 1; }));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(told().status(), ReplyStatus::deadline_exceeded);
    deadline_us_ = 2'000'000;
    PlayedWorker worker(shared, 0, 1);
    ask_by_datagram(one_, "x", wire::flag::retry_key);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "now");
    EXPECT_EQ(told().payload, "now");
}

// Who is no POP, or speaks to one, has no say in what is the same.
TEST_F(DatagramTriesAtRegion, AKeyOfNoPopIsNone) {
    start();
    PlayedWorker worker(shared, 0, 2);
    for (int i = 0; i < 2; ++i) {
        wire::Header header = request_header(shared, one_, ++id_);
        header.flags.set(wire::flag::retry_key);
        std::memcpy(header.place, retry_key, sizeof retry_key);
        send(one_, header, "");
        ASSERT_TRUE(step_until([&] { return worker.take() != 0; }));
        worker.respond(0, "each");
        EXPECT_EQ(told().payload, "each");
    }
    EXPECT_EQ(core->context().dedup->entries_in_use(), 0u);
}

class RetriesAtPop : public TrunkPop {
  protected:
    void SetUp() override {
        TrunkPop::SetUp();
        info.http.retry_window_ms = 60'000;
        info.http.retry_entries = 64;
        info.http.retry_bytes = 4 << 20;
    }
    net::tcp::Handle try_it(const std::string& body = "in", std::size_t from = 0) {
        const net::tcp::Handle made = connect(kPort, from);
        std::string text = post("f0", body);
        say(made, text.insert(text.find("\r\n") + 2, "amz-sdk-invocation-id: an-id\r\n"));
        return made;
    }
    void settle() {
        for (int i = 0; i < 10; ++i) step();
    }
};

TEST_F(RetriesAtPop, TheClientGoesAndTheRegionIsNotToldSo) {
    begin();
    const net::tcp::Handle first = try_it();
    const Region::Asked asked = wait_for(0);
    EXPECT_TRUE(asked->header.flags.get() & wire::flag::retry_key);
    client_->abort(first);
    settle();
    EXPECT_FALSE(asked->cancelled);
    const net::tcp::Handle second = try_it();
    ASSERT_TRUE(step_until([&] { return core->context().dedup->waiting() == 1; }));
    EXPECT_FALSE(regions[0]->asked() && regions[1]->asked());
    const std::string out = pattern(500'000);
    regions[0]->answer(asked, out);
    const std::string text = answer(second);
    EXPECT_TRUE(body_of(text) == out);
    EXPECT_NE(text.find("forward; region=r0"), std::string::npos) << text.substr(0, 400);
    EXPECT_TRUE(body_of(answer(try_it())) == out);
    EXPECT_EQ(core->context().invocations.used(), 0u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(RetriesAtPop, TheKeyIsOfTheRequestAlone) {
    begin();
    std::vector<std::string> keys;
    // The same request of two clients, which can't be told from the same one of one client at two
    // POPs; two payloads.
    for (const auto& [body, from] :
         {std::pair("in", std::size_t{0}), {"in", std::size_t{1}}, {"other", std::size_t{0}}}) {
        const net::tcp::Handle made = try_it(body, from);
        const Region::Asked asked = wait_for(0);
        keys.emplace_back(asked->header.place, sizeof asked->header.place);
        regions[0]->answer(asked, "out");
        EXPECT_EQ(body_of(answer(made)), "out");
    }
    EXPECT_NE(keys[0], keys[1]);
    EXPECT_NE(keys[0], keys[2]);
    const net::tcp::Handle plain = connect();
    say(plain, post("f0", "in"));
    const Region::Asked asked = wait_for(0);
    EXPECT_FALSE(asked->header.flags.get() & wire::flag::retry_key);
    EXPECT_EQ(std::string(asked->header.place, 16), std::string(16, '\0'));
    regions[0]->answer(asked, "out");
    EXPECT_EQ(body_of(answer(plain)), "out");
}

TEST_F(RetriesAtPop, ADatagramsSenderHasNoSay) {
    region_max_payload = 10;  // so it goes by trunk
    begin();
    wire::Header header = request_header(shared, client(), 1);
    header.flags.set(wire::flag::retry_key);
    std::memset(header.place, 7, sizeof header.place);
    send(client(), header, "longer than ten bytes");
    const Region::Asked asked = wait_for(0);
    EXPECT_FALSE(asked->header.flags.get() & wire::flag::retry_key);
    EXPECT_EQ(asked->header.place[0], 0);
    regions[0]->answer(asked, "out");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().payload, "out");
}

TEST_F(RetriesAtPop, ItsRegionIsLostAndNobodyWaits) {
    begin(RetryPolicy::unstarted);
    const net::tcp::Handle first = try_it();
    const Region::Asked asked = wait_for(0);
    asked.end->say(asked.place);  // it has it
    settle();
    client_->abort(first);
    settle();
    regions[0]->break_trunks();
    ASSERT_TRUE(step_until([&] { return core->context().invocations.used() == 0; }));
    // It may have run: nobody is asked again.
    EXPECT_NE(answer(try_it()).find("HTTP/1.1 502"), std::string::npos);
    EXPECT_FALSE(bool(regions[1]->asked()));
    EXPECT_EQ(count(Reason::served_retry), 1u);
}

TEST_F(RetriesAtPop, ItsRegionRefusesAndNobodyWaits) {
    begin();
    const net::tcp::Handle first = try_it();
    const Region::Asked asked = wait_for(0);
    client_->abort(first);
    settle();
    regions[0]->answer(asked, "", ReplyStatus::overloaded);
    ASSERT_TRUE(step_until([&] { return core->context().invocations.used() == 0; }));
    EXPECT_FALSE(bool(regions[1]->asked())) << "for whom?";
    EXPECT_EQ(core->context().dedup->entries_in_use(), 0u);
    const net::tcp::Handle second = try_it();
    Region::Asked anew;
    const std::uint32_t region = wait_for_any(anew);
    regions[region]->answer(anew, "out");
    EXPECT_EQ(body_of(answer(second)), "out");
}

}  // namespace
}  // namespace skerry::test
