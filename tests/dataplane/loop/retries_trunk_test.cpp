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
