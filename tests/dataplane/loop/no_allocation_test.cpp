// The packet path allocates nothing: jemalloc's counters of this thread stand still over a million
// packets of every common kind.
#include "tests/dataplane/auth/keys.hpp"
#include "tests/dataplane/frames.hpp"
#include "tests/dataplane/loop/allocation.hpp"
#include "tests/dataplane/loop/api_worker.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/event_queue.hpp"
#include "tests/dataplane/loop/http_rig.hpp"
#include "tests/dataplane/loop/played_pop.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

using frames::Bytes;
using frames::ip;

constexpr std::uint64_t kFarKey = 0x2222;

class NoAllocation : public LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        info.reply_window_ms = 1;  // ids are forgotten quickly: a test in seconds, not in minutes
        info.reply_cache_entries = 1 << 20;
        info.reply_cache_bytes = 1 << 24;
        Target far = target(kNoEntry);
        far.function_key = kFarKey;
        far.version_key = 0xbbbb;
        far.holders = 1;
        far.function = 1;
        targets.push_back(far);
        region_count = 1;
    }

    // Two turns, and the worker in between, under the eye of the counters. Everything else here may
    // allocate.
    void watched_turns(PlayedWorker& worker) {
        const std::uint64_t before = allocated_bytes();
        core->turn();
        for (std::uint64_t slots = worker.take(); slots != 0; slots &= slots - 1)
            worker.respond(static_cast<std::uint32_t>(std::countr_zero(slots)), kAnswer);
        core->turn();
        inside_ += allocated_bytes() - before;
        collect_sent();
    }

    void send_batch() {
        const auto request = [this](const Peer& from, std::uint64_t id, std::uint64_t key) {
            wire::Header header = from.address.is_v4() ? good4_ : good6_;
            header.request_id_lo.set(id);
            header.function_key.set(key);
            return header;
        };
        for (int i = 0; i < 3; ++i) send(client(), request(client(), ++id_, kFunctionKey), "four");
        send(client(), request(client(), id_, kFunctionKey), "four");      // a copy: joined
        send(client(), request(client(), id_ - 8, kFunctionKey), "four");  // answered: replayed
        send(client6(), request(client6(), ++id_, kFunctionKey), "six");
        send(client(), request(client(), ++id_, 0x9999), "refused");
        send(client(), request(client(), ++id_, kFarKey), "far");
        wire::Header stranger = request(client(), ++id_, kFunctionKey);
        stranger.cookie.set(1);
        send(client(), stranger, "challenged");
        send_frame(arp_);
        send_frame(echo_);
        send_frame(fragment_);
        packets_ += 12;
    }

    // Region 0 executes what was forwarded.
    void answer_forwarded() {
        for (const Message& message : sent) {
            if (message.kind() != wire::Kind::invoke) continue;
            wire::Header header = message.header;
            header.kind = static_cast<std::uint8_t>(wire::Kind::accepted);
            send(region_peer(0), header);
            header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
            send(region_peer(0), header, "from afar");
            packets_ += 2;
        }
        sent.clear();
        other_sent.clear();
    }

    void make_frames() {
        frames::Ethernet link;
        link.to = {{2, 0, 0, 0, 0, 1}};
        link.from = client().mac;
        link.type = 0x0806;
        arp_ = frames::ethernet(link, frames::arp({.sender_mac = client().mac,
                                                   .sender = client().address,
                                                   .target = ip("10.0.0.1")}));
        link.type = 0x0800;
        frames::Ipv4 ipv4{.from = client().address, .to = ip("10.0.0.1"), .protocol = 1};
        echo_ = frames::ethernet(link, frames::ipv4(ipv4, frames::icmp(8, 0, Bytes(32, 1))));
        ipv4.fragment = 0x2000;
        fragment_ = frames::ethernet(link, frames::ipv4(ipv4, Bytes(64, 1)));
        good4_ = request_header(shared, client(), 0);
        good6_ = request_header(shared, client6(), 0);
    }

    const std::string kAnswer = "answer";
    wire::Header good4_, good6_;
    Bytes arp_, echo_, fragment_;
    std::uint64_t id_ = 100;
    std::uint64_t packets_ = 0;
    std::uint64_t inside_ = 0;
};

class NoAllocationByHttp : public HttpTest {
  protected:
    void core_turn() override {
        const std::uint64_t before = allocated_bytes();
        core->turn();
        inside += allocated_bytes() - before;
        ++turns;
    }
    std::uint64_t inside = 0, turns = 0;
};

// Connections, invocations small and large, refusals, answers that are kept, clients that go.
TEST_F(NoAllocationByHttp, OverConnectionsAndInvocations) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 512;
    info.http.send_blocks = 64;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    for (std::uint32_t round = 0; round < 300; ++round) {
        const net::tcp::Handle connection = connect();
        const std::string body(round % 10 == 0 ? 50'000 : 100, 'x');
        say(connection, post("f0", body));
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        worker.respond(0, round % 10 == 1 ? std::string(400'000, 'y') : body);
        if (round % 10 != 2) (void)answer(connection);
        say(connection, post("nobody", body.substr(0, 10)));
        if (round % 10 != 2) (void)answer(connection);
        leave(connection, round % 3 == 0);
    }
    EXPECT_GT(turns, 1000u);
    EXPECT_EQ(inside, 0u);
}

// Tried again while they run and afterwards, by who has gone and by others; forgotten to make room.
TEST_F(NoAllocationByHttp, OfRequestsThatAreTriedAgain) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 512;
    info.http.retry_window_ms = 20;
    info.http.retry_entries = 8;
    info.http.retry_bytes = 1 << 20;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    for (std::uint32_t round = 0; round < 200; ++round) {
        const std::string body(round % 10 == 0 ? 50'000 : 100, 'x');
        std::string text = post("f0", body);
        text.insert(text.find("\r\n") + 2,
                    "amz-sdk-invocation-id: " + std::to_string(round) + "\r\n");
        const net::tcp::Handle first = connect(), second = connect();
        say(first, text);
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        say(second, text);
        ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == round + 1; }));
        if (round % 2 == 0) leave(first, true);
        worker.respond(0, round % 10 == 1 ? std::string(600'000, 'y') : body);
        (void)answer(second);
        say(second, text);
        (void)answer(second);
        leave(second, round % 3 == 0);
        if (round % 2 != 0) leave(first, true);
    }
    EXPECT_GT(count(Reason::retry_answer_not_kept), 0u);
    EXPECT_EQ(inside, 0u);
}

// Events that are kept, refused and executed, of one buffer and of many.
TEST_F(NoAllocationByHttp, OverEvents) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 512;
    keeps_events = true;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    PlayedEventQueue queue(shared);
    for (std::uint32_t round = 0; round < 300; ++round) {
        const net::tcp::Handle connection = connect();
        const std::string body(round % 10 == 0 ? 200'000 : 100, 'x');
        say(connection, post_event("f0", body));
        EventSubmission submission;
        ASSERT_TRUE(step_until([&] { return queue.submitted(submission); }));
        queue.say(submission, round % 3 == 0 ? EventFate::full : EventFate::accepted);
        if (round % 10 != 2) (void)answer(connection);
        queue.run(round, body, round % 4 == 0 ? 0x9999 : kFunctionKey);
        EventResult result;
        if (round % 4 != 0) {
            ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
            worker.respond(0, body);
        }
        ASSERT_TRUE(step_until([&] { return queue.ended(result); }));
        leave(connection, round % 3 == 0);
    }
    EXPECT_EQ(inside, 0u);
}

template <typename Rig>
class NoAllocationBy : public Rig {
  protected:
    void core_turn() override {
        const std::uint64_t before = allocated_bytes();
        this->core->turn();
        inside += allocated_bytes() - before;
    }
    std::uint64_t inside = 0;
};

// Requests small and large, refusals, trunks that break and are made again.
using NoAllocationOfAPop = NoAllocationBy<TrunkPop>;
TEST_F(NoAllocationOfAPop, ByTrunk) {
    begin();
    for (std::uint32_t round = 0; round < 200; ++round) {
        ask(pattern(round % 10 == 0 ? 300'000 : 100));
        const std::uint64_t trunks = count(Reason::trunk_up);
        Region::Asked asked;
        const std::uint32_t region = wait_for_any(asked);
        ASSERT_TRUE(asked);
        const bool breaks = round % 50 == 49;
        const bool refuses = round % 5 == 1;
        if (breaks) {
            regions[region]->break_trunks();
        } else if (refuses) {
            regions[region]->answer(asked, "", ReplyStatus::overloaded);
        } else {
            regions[region]->answer(asked, pattern(round % 10 == 2 ? 300'000 : 100));
        }
        if (breaks || refuses) regions[1 - region]->answer(wait_for(1 - region), "from the other");
        EXPECT_EQ(reply().substr(0, 15), "HTTP/1.1 200 OK");
        leave(last_, round % 3 == 0);
        ASSERT_TRUE(step_until([&] { return count(Reason::trunk_up) == trunks + breaks; }));
    }
    EXPECT_EQ(inside, 0u);
}

using NoAllocationOfARegion = NoAllocationBy<TrunkRegion>;
TEST_F(NoAllocationOfARegion, ByTrunk) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    for (std::uint32_t round = 0; round < 200; ++round) {
        Pop pop = this->pop();
        const std::uint32_t place =
            ask(pop, pattern(round % 10 == 0 ? 300'000 : 100), wire::flag::want_accepted);
        const std::uint32_t refused = ask(pop, "x", 0, 0x999);
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        worker.respond(0, pattern(round % 10 == 1 ? 300'000 : 100));
        if (round % 10 != 2) {
            ASSERT_TRUE(answered(pop, place) && answered(pop, refused));
        }
        lose(pop, round % 3 == 0);
    }
    EXPECT_EQ(inside, 0u);
}

// Signatures that are right, wrong, and of nobody; with the payload's hash in the head and without.
TEST_F(NoAllocationByHttp, OfRequestsThatMustBeSigned) {
    using auth::testing::Client;
    info.http.require_signature = true;
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 512;
    start();
    Client client;
    const auth::AccessKeys keys(1, {auth::testing::spec_of(client)});
    shared.access_keys.store(&keys);
    shared.unix_ms_at_tsc_zero.store(auth::testing::kNow_s * 1000 -
                                     rte_rdtsc() / (rte_get_tsc_hz() / 1000));
    client.path = "/2015-03-31/functions/f0/invocations";
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    for (std::uint32_t round = 0; round < 300; ++round) {
        Client each = client;
        each.body = std::string(round % 10 == 0 ? 50'000 : 100, 'x');
        each.declares = round % 2 == 0;
        if (round % 3 == 1) each.secret = "wrong";
        if (round % 3 == 2) each.id = "AKIDSTRANGER";
        const net::tcp::Handle connection = connect();
        say(connection, each.request());
        if (round % 3 == 0) {
            ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
            worker.respond(0, "answer");
        }
        (void)answer(connection);
        leave(connection, false);
    }
    EXPECT_EQ(count(Reason::served_local), 100u);
    EXPECT_EQ(count(Reason::http_signature_wrong), 100u);
    EXPECT_EQ(count(Reason::http_key_unknown), 100u);
    EXPECT_EQ(inside, 0u);
    shared.access_keys.store(nullptr);
}

TEST_F(NoAllocation, OverAMillionPackets) {
    start();
    set_region(0, 1000);
    make_frames();
    PlayedWorker worker(shared, 0, 16);
    while (packets_ < 1'000'000) {
        send_batch();
        watched_turns(worker);
        answer_forwarded();
        watched_turns(worker);
        sent.clear();
        other_sent.clear();
    }
    EXPECT_EQ(inside_, 0u);
    for (const Reason reason :
         {Reason::served_local, Reason::served_region, Reason::served_replay, Reason::joined,
          Reason::refused_no_function, Reason::challenge_sent, Reason::accept_taken,
          Reason::echo_replied, Reason::neighbour_replied, Reason::drop_fragment})
        EXPECT_GT(count(reason), 50'000u) << skerry::info(reason).name;
}

// One that keeps its connection, and one that makes a new one for each call.
TEST_F(NoAllocation, WithWorkersThatSpeakTheRuntimeApi) {
    start();
    make_frames();
    ApiWorker worker(shared);
    const auto turn_until_heard = [&](const std::string& what) {
        std::string heard;
        for (int i = 0; i < 1'000'000 && heard.find(what) == std::string::npos; ++i) {
            const std::uint64_t before = allocated_bytes();
            core->turn();
            inside_ += allocated_bytes() - before;
            heard += worker.hear();
        }
        return heard.find(what) != std::string::npos;
    };
    const auto is_free = [this] { return shared.capacity->entries[0].free_slots.load() != 0; };
    for (std::uint64_t id = 1; id <= 2000; ++id) {
        wire::Header header = good4_;
        header.request_id_lo.set(id);
        send(client(), header, "event");
        ASSERT_TRUE(turn_until_heard("event"));
        if (id % 2 == 0) worker.fd = worker.connect();
        worker.say(ApiWorker::post(id, "response", "answer"));
        ASSERT_TRUE(turn_until_heard("202"));
        if (id % 2 == 0) worker.fd = worker.connect();
        worker.say(ApiWorker::kNext);
        ASSERT_TRUE(turn_until(is_free));
        collect_sent();
        sent.clear();
    }
    EXPECT_EQ(inside_, 0u);
    EXPECT_EQ(count(Reason::served_local), 2000u);
}

}  // namespace
}  // namespace skerry::test
