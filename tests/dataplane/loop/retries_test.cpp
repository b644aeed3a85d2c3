// Requests that their clients try again, through the loop: executed once, and answered each time.
// Every test ends by proving that no buffer was lost.
#include <cstring>

#include "dataplane/dedup/dedup.hpp"
#include "dataplane/dedup/key.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/http_rig.hpp"
#include "tests/dataplane/loop/log_collector.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

const std::string kId = "2d5ef4a5-9d9c-4b0d-8d1c-6a8a4ff7b7a1";

class Retries : public HttpTest {
  protected:
    void SetUp() override {
        HttpTest::SetUp();
        info.http.retry_window_ms = 60'000;
        info.http.retry_entries = 64;
        info.http.retry_bytes = 1 << 20;
        targets[0].max_payload_bytes = 1 << 20;
        payload_buffers = 512;
    }
    void TearDown() override {
        collector_.detach();
        HttpTest::TearDown();
    }
    static std::string with_id(std::string text, const std::string& id = kId) {
        return text.insert(text.find("\r\n") + 2, "amz-sdk-invocation-id: " + id +
                                                      "\r\namz-sdk-request: attempt=1; max=5\r\n"
                                                      "X-Amzn-Trace-Id: Root=1-58406520-"
                                                      "a006649127e371903a2de979\r\n");
    }
    net::tcp::Handle ask(const std::string& body = "in", const std::string& id = kId,
                         std::size_t from = 0) {
        const net::tcp::Handle made = connect(kPort, from);
        say(made, with_id(post("f0", body), id));
        return made;
    }
    bool taken(PlayedWorker& worker) {
        return step_until([&] { return worker.take() == 1; });
    }
    void settle() {
        for (int i = 0; i < 10; ++i) step();
    }
    std::uint32_t running() const { return core->context().invocations.used(); }
    const Dedup& dedup() const { return *core->context().dedup; }
    static dedup::Key key(const std::string& payload, const std::string& id = kId) {
        char bytes[sizeof(rte_mbuf)] = {};
        auto* mbuf = reinterpret_cast<rte_mbuf*>(bytes);
        mbuf->buf_addr = const_cast<char*>(payload.data());
        mbuf->data_len = static_cast<std::uint16_t>(payload.size());
        const dedup::Key named = dedup::key_of({.access_key = {},
                                                .address = "10.0.0.9",
                                                .function_key = kFunctionKey,
                                                .qualifier = 0,
                                                .wants_tail = false,
                                                .id = id});
        return dedup::with_payload(named, mbuf, 0, mbuf->data_len);
    }

    PlayedCollector collector_;
};

TEST_F(Retries, JoinsTheOneThatRuns) {
    start();
    PlayedWorker worker(shared, 0, 2);
    const net::tcp::Handle first = ask();
    ASSERT_TRUE(taken(worker));
    const net::tcp::Handle second = ask();
    ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == 1; }));
    EXPECT_EQ(running(), 1u);
    EXPECT_EQ(worker.take(), 0u);
    worker.respond(0, "once");
    const std::string told = answer(first);
    EXPECT_EQ(body_of(told), "once");
    const std::string text = answer(second);
    EXPECT_EQ(body_of(text), "once");
    const std::string id = "x-amzn-RequestId: ";
    EXPECT_EQ(text.substr(text.find(id), 54), told.substr(told.find(id), 54));
    EXPECT_NE(text.find("; replayed\r\n"), std::string::npos) << text;
    EXPECT_EQ(count(Reason::served_local), 1u);
    EXPECT_EQ(count(Reason::served_retry), 1u);
    EXPECT_EQ(dedup().waiting(), 0u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(Retries, AfterTheAnswerItIsGivenAgain) {
    start();
    PlayedWorker worker(shared, 0, 1);
    for (const std::uint32_t status : {0u, 1u}) {
        const std::string id = kId + std::to_string(status);
        const net::tcp::Handle first = ask("in", id);
        ASSERT_TRUE(taken(worker));
        worker.respond(0, "{\"n\":1}", status);
        const std::string text = answer(first);
        const std::string again = answer(ask("in", id));
        EXPECT_EQ(body_of(again), body_of(text));
        EXPECT_EQ(again.find("X-Amz-Function-Error") == std::string::npos, status == 0);
        // On the first one's connection, too.
        say(first, with_id(post("f0", "in"), id));
        EXPECT_EQ(body_of(answer(first)), body_of(text));
    }
    EXPECT_EQ(worker.take(), 0u);
    EXPECT_EQ(count(Reason::served_retry), 4u);
}

TEST_F(Retries, TheFirstGoesAndTheNextGetsItsAnswer) {
    start();
    PlayedWorker worker(shared, 0, 1);
    for (const bool reset : {true, false}) {
        const std::string id = kId + (reset ? "r" : "c");
        const net::tcp::Handle first = ask("in", id);
        ASSERT_TRUE(taken(worker));
        leave(first, reset);
        if (!reset) client_->abort(first);
        settle();
        EXPECT_EQ(running(), 1u) << "it runs on";
        const net::tcp::Handle second = ask("in", id);
        settle();
        worker.respond(0, "for the second");
        EXPECT_EQ(body_of(answer(second)), "for the second");
        EXPECT_EQ(running(), 0u);
        EXPECT_EQ(worker.take(), 0u);
    }
}

TEST_F(Retries, TheFirstGoesAndTheAnswerComesBeforeTheNext) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle first = ask();
    ASSERT_TRUE(taken(worker));
    client_->abort(first);
    settle();
    worker.respond(0, "kept");
    ASSERT_TRUE(step_until([&] { return running() == 0; }));
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
    EXPECT_EQ(body_of(answer(ask())), "kept");
    EXPECT_EQ(worker.take(), 0u);
}

TEST_F(Retries, OneThatWaitedAloneIsTakenBackAndTheNextBeginsAnew) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle busy = ask("busy", "another");
    ASSERT_TRUE(taken(worker));
    const net::tcp::Handle waits = ask();
    ASSERT_TRUE(step_until([&] { return running() == 2; }));
    client_->abort(waits);
    ASSERT_TRUE(step_until([&] { return running() == 1; }));
    EXPECT_EQ(dedup().entries_in_use(), 1u);
    const net::tcp::Handle next_one = ask();
    settle();
    EXPECT_EQ(count(Reason::retry_joined), 0u);
    worker.respond(0, "busy's");
    ASSERT_TRUE(taken(worker));
    worker.respond(0, "its own");
    EXPECT_EQ(body_of(answer(next_one)), "its own");
    EXPECT_EQ(body_of(answer(busy)), "busy's");
}

TEST_F(Retries, OneThatWaitedForTwoGoesOnForTheSecond) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle busy = ask("busy", "another");
    ASSERT_TRUE(taken(worker));
    const net::tcp::Handle first = ask(), second = ask();
    ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == 1; }));
    client_->abort(first);
    settle();
    EXPECT_EQ(running(), 2u);
    worker.respond(0, "busy's");
    ASSERT_TRUE(taken(worker));
    worker.respond(0, "for the second");
    EXPECT_EQ(body_of(answer(second)), "for the second");
    EXPECT_EQ(body_of(answer(busy)), "busy's");
}

TEST_F(Retries, WhoJoinedMayGo) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle first = ask();
    ASSERT_TRUE(taken(worker));
    const net::tcp::Handle second = ask(), third = ask(), fourth = ask();
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 3; }));
    client_->abort(third);
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 2; }));
    client_->abort(second);
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 1; }));
    worker.respond(0, "out");
    EXPECT_EQ(body_of(answer(first)), "out");
    EXPECT_EQ(body_of(answer(fourth)), "out");
    EXPECT_EQ(count(Reason::drop_client_gone), 2u);
}

TEST_F(Retries, AnotherClientPayloadOrFunctionIsAnotherRequest) {
    targets.push_back(target(1));
    targets[1].function_key = 0x2222;
    start();
    PlayedWorker worker(shared, 0, 1), other(shared, 1, 1, 1);
    const auto executed = [&](PlayedWorker& by, net::tcp::Handle connection) {
        ASSERT_TRUE(taken(by));
        by.respond(0, "mine");
        EXPECT_EQ(body_of(answer(connection)), "mine");
    };
    executed(worker, ask("in"));
    executed(worker, ask("in", kId, 1));  // who knows the id, from elsewhere
    executed(worker, ask("in "));
    executed(worker, ask("in", kId + "0"));
    const net::tcp::Handle connection = connect();
    say(connection, with_id(post("f1", "in")));
    executed(other, connection);
    say(connection, with_id(post("f0:" + std::string("000000000000aaaa"), "in")));
    executed(worker, connection);
    EXPECT_EQ(count(Reason::served_retry), 0u);
    EXPECT_EQ(dedup().entries_in_use(), 6u);
}

TEST_F(Retries, DatagramsInBetweenHaveNoPartInIt) {
    start();
    PlayedWorker worker(shared, 0, 1);
    for (std::uint64_t round = 1; round <= 3; ++round) {
        const net::tcp::Handle connection = ask("in", kId + std::to_string(round));
        ASSERT_TRUE(taken(worker));
        worker.respond(0, "by http");
        EXPECT_EQ(body_of(answer(connection)), "by http");
        send(client(), request_header(shared, client(), round), "y");
        ASSERT_TRUE(taken(worker));
        worker.respond(0, "by datagram");
        ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
        EXPECT_EQ(next().payload, "by datagram");
        EXPECT_EQ(body_of(answer(ask("in", kId + std::to_string(round)))), "by http");
    }
    EXPECT_EQ(dedup().entries_in_use(), 3u);
}

TEST_F(Retries, WithoutAnIdOrWithANonsensicalOneNothingIsRemembered) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = connect();
    for (const std::string& text :
         {post("f0", "in"), with_id(post("f0", "in"), ""), with_id(post("f0", "in"), "two words"),
          with_id(post("f0", "in"), std::string(65, 'x')), with_id(post("f0", "in"), "\xc3\xa4")}) {
        say(connection, text);
        ASSERT_TRUE(taken(worker));
        worker.respond(0, "out");
        EXPECT_EQ(body_of(answer(connection)), "out");
    }
    EXPECT_EQ(dedup().entries_in_use(), 0u);
}

TEST_F(Retries, TheWindowPasses) {
    info.http.retry_window_ms = 30;
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = ask();
    ASSERT_TRUE(taken(worker));
    worker.respond(0, "one");
    EXPECT_EQ(body_of(answer(connection)), "one");
    ASSERT_TRUE(step_until([&] { return dedup().entries_in_use() == 0; }));
    const net::tcp::Handle late = ask();
    ASSERT_TRUE(taken(worker));
    worker.respond(0, "two");
    EXPECT_EQ(body_of(answer(late)), "two");
    EXPECT_EQ(count(Reason::retry_forgotten), 0u);
}

TEST_F(Retries, NoEntryLeft) {
    info.http.retry_entries = 2;
    start();
    PlayedWorker worker(shared, 0, 4);
    const net::tcp::Handle a = ask("a"), b = ask("b");
    ASSERT_TRUE(step_until([&] { return running() == 2; }));
    const net::tcp::Handle c = ask("c");  // both run: it can't be remembered
    ASSERT_TRUE(step_until([&] { return running() == 3; }));
    EXPECT_EQ(count(Reason::retry_unmarked), 1u);
    std::uint64_t got = 0;
    ASSERT_TRUE(step_until([&] { return (got |= worker.take()) == 7; }));
    for (std::uint32_t slot = 0; slot < 3; ++slot) worker.respond(slot, worker.request(slot) + "!");
    EXPECT_EQ(body_of(answer(a)), "a!");
    EXPECT_EQ(body_of(answer(b)), "b!");
    EXPECT_EQ(body_of(answer(c)), "c!");
    const net::tcp::Handle d = ask("d");  // the oldest answer is forgotten for it
    ASSERT_TRUE(step_until([&] { return (got = worker.take()) != 0; }));
    worker.respond(static_cast<std::uint32_t>(std::countr_zero(got)), "d!");
    EXPECT_EQ(body_of(answer(d)), "d!");
    EXPECT_EQ(count(Reason::retry_forgotten), 2u) << "and one more for the next";
    EXPECT_EQ(dedup().entries_in_use(), 1u);
    EXPECT_EQ(body_of(answer(ask("d"))), "d!");
    EXPECT_EQ(count(Reason::retry_forgotten), 2u) << "nothing for who asks again";
}

TEST_F(Retries, OldAnswersMakeRoomAndAreNotExecutedAgain) {
    info.http.retry_bytes = 65536;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const auto execute = [&](const std::string& body, std::size_t bytes) {
        const net::tcp::Handle connection = ask(body);
        ASSERT_TRUE(taken(worker));
        worker.respond(0, std::string(bytes, body[0]));
        EXPECT_EQ(body_of(answer(connection)).size(), bytes);
    };
    for (const char* body : {"a", "b", "c"}) execute(body, 25'000);
    EXPECT_NE(answer(ask("a")).find("HTTP/1.1 500"), std::string::npos);
    EXPECT_EQ(body_of(answer(ask("b"))), std::string(25'000, 'b'));
    EXPECT_EQ(body_of(answer(ask("c"))), std::string(25'000, 'c'));
    EXPECT_EQ(count(Reason::refused_reply_gone), 1u);
    // One that is larger than half of the room was never kept.
    execute("d", 33'000);
    EXPECT_EQ(count(Reason::retry_answer_not_kept), 1u);
    EXPECT_NE(answer(ask("d")).find("HTTP/1.1 500"), std::string::npos);
    EXPECT_EQ(body_of(answer(ask("c"))), std::string(25'000, 'c'));
    for (std::size_t bytes = 0; bytes < 30'000; bytes += 997)
        execute("e" + std::to_string(bytes), bytes);
    EXPECT_EQ(worker.take(), 0u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(Retries, AnAnswerTooLargeIsGoneForWhoJoined) {
    info.http.retry_bytes = 65536;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle first = ask();
    ASSERT_TRUE(taken(worker));
    const net::tcp::Handle second = ask();
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 1; }));
    worker.respond(0, std::string(100'000, 'z'));
    EXPECT_EQ(body_of(answer(first)).size(), 100'000u);
    EXPECT_NE(answer(second).find("HTTP/1.1 500"), std::string::npos);
}

TEST_F(Retries, ARefusalIsForAllWhoWaitAndForNobodyLater) {
    targets[0].timeout_us = 1;  // so much, and a second, is the time to wait for a slot
    start();
    const net::tcp::Handle first = ask(), second = ask();
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 1; }));
    EXPECT_NE(answer(first).find("HTTP/1.1 504"), std::string::npos);
    EXPECT_NE(answer(second).find("HTTP/1.1 504"), std::string::npos);
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle third = ask();
    ASSERT_TRUE(taken(worker));
    worker.respond(0, "anew");
    EXPECT_EQ(body_of(answer(third)), "anew");
}

TEST_F(Retries, WhatIsRefusedAtOnceIsNotRemembered) {
    start();
    PlayedWorker worker(shared, 0, 1);
    publish(true);
    EXPECT_NE(answer(ask()).find("HTTP/1.1 503"), std::string::npos);
    EXPECT_EQ(dedup().entries_in_use(), 0u);
}

TEST_F(Retries, ItsWorkerDies) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle first = ask();
    ASSERT_TRUE(taken(worker));
    const net::tcp::Handle second = ask();
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 1; }));
    worker.claim_answered(0);  // and says nonsense
    const std::string text = answer(first);
    EXPECT_NE(text.find("X-Amz-Function-Error"), std::string::npos) << text;
    EXPECT_EQ(text.substr(0, 15), answer(second).substr(0, 15));
    EXPECT_EQ(running(), 0u);
}

TEST_F(Retries, TooManyWait) {
    info.http.connections = 1024;
    start();
    PlayedWorker worker(shared, 0, 1);
    // As another core's: nobody here runs it.
    dedup::TableView table = shared.dedup->table();
    ASSERT_EQ(table.claim(63, key("in"), shared.dedup->hash(key("in"))).found,
              dedup::TableView::Found::fresh);
    std::vector<net::tcp::Handle> all;
    for (int i = 0; i < 30; ++i) all.push_back(ask());
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 30; }));
    for (const net::tcp::Handle each : all) client_->abort(each);
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 0; }));
}

// What another core has is played by the test: the table is all that cores share of it.
class RetriesOfCores : public Retries {
  protected:
    void SetUp() override {
        Retries::SetUp();
        info.core_count = 2;
        info.http.retry_entries = 32;
    }
    static constexpr std::uint32_t kOfCore1 = 32;

    struct Kept {
        wire::Header reply{};
        Selection selection;
        Reason reason = Reason::served_local;
        char payload[16] = {};
    };
    dedup::Answer answer_of(Kept& kept, const char* text) const {
        kept.reply.payload_bytes.set(static_cast<std::uint32_t>(std::strlen(text)));
        std::memcpy(reinterpret_cast<char*>(&kept) + offsetof(Kept, payload), text,
                    std::strlen(text));
        return {reinterpret_cast<const std::byte*>(&kept),
                static_cast<std::uint32_t>(offsetof(Kept, payload) + std::strlen(text))};
    }
};

TEST_F(RetriesOfCores, JoinsWhatAnotherCoreHas) {
    start();
    PlayedWorker worker(shared, 0, 1);
    dedup::TableView table = shared.dedup->table();
    const std::uint64_t hash = shared.dedup->hash(key("in"));
    ASSERT_EQ(table.claim(kOfCore1, key("in"), hash).found, dedup::TableView::Found::fresh);
    const net::tcp::Handle here = ask();
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 1; }));
    EXPECT_EQ(worker.take(), 0u);
    Kept kept;
    EXPECT_EQ(table.publish(kOfCore1, answer_of(kept, "by core 1")), 1u) << "core 0 waits";
    settle();
    EXPECT_EQ(dedup().waiting(), 1u) << "it looks when it is told";
    (void)shared.dedup->news[0].count.fetch_add(1, std::memory_order_release);
    EXPECT_EQ(body_of(answer(here)), "by core 1");
    EXPECT_TRUE(table.retire(kOfCore1, hash)) << "nobody reads it any more";
}

TEST_F(RetriesOfCores, IsJoinedByAnotherCore) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle here = ask();
    ASSERT_TRUE(taken(worker));
    dedup::TableView table = shared.dedup->table();
    const dedup::TableView::Claim claim =
        table.claim(kOfCore1, key("in"), shared.dedup->hash(key("in")));
    ASSERT_EQ(claim.found, dedup::TableView::Found::running);
    ASSERT_EQ(table.wait(claim.ref, 1), dedup::TableView::Found::running);
    worker.respond(0, "by core 0");
    EXPECT_EQ(body_of(answer(here)), "by core 0");
    EXPECT_EQ(shared.dedup->news[1].count.load(), 1u);
    dedup::Answer answer;
    ASSERT_TRUE(table.pin(claim.ref, answer));
    const std::string bytes(reinterpret_cast<const char*>(answer.bytes), answer.count);
    EXPECT_EQ(bytes.substr(bytes.size() - 9), "by core 0");
    table.unpin(claim.ref);
}

TEST_F(RetriesOfCores, TheOtherCoreWithdrawsOrItIsGone) {
    start();
    PlayedWorker worker(shared, 0, 1);
    dedup::TableView table = shared.dedup->table();
    const std::uint64_t hash = shared.dedup->hash(key("in"));
    ASSERT_EQ(table.claim(kOfCore1, key("in"), hash).found, dedup::TableView::Found::fresh);
    const net::tcp::Handle here = ask();
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 1; }));
    EXPECT_FALSE(table.withdraw(kOfCore1, hash)) << "somebody waits";
    (void)table.publish(kOfCore1, {});
    (void)shared.dedup->news[0].count.fetch_add(1, std::memory_order_release);
    EXPECT_NE(answer(here).find("HTTP/1.1 500"), std::string::npos);
    EXPECT_EQ(count(Reason::refused_reply_gone), 1u);
}

TEST_F(Retries, TheLogsTailIsKeptWithTheAnswer) {
    start();
    collector_.attach(shared);
    PlayedWorker worker(shared, 0, 1);
    const auto with_tail = [&] {
        std::string text = with_id(post("f0", "in"));
        return text.insert(text.find("\r\n") + 2, "X-Amz-Log-Type: Tail\r\n");
    };
    const net::tcp::Handle first = connect(), second = connect();
    say(first, with_tail());
    ASSERT_TRUE(taken(worker));
    say(second, with_tail());
    ASSERT_TRUE(step_until([&] { return dedup().waiting() == 1; }));
    client_->abort(first);
    settle();
    worker.respond(0, "out");
    std::optional<TailRequest> wanted;
    ASSERT_TRUE(step_until([&] { return (wanted = collector_.asked()).has_value(); }));
    EXPECT_EQ(dedup().waiting(), 1u);
    collector_.tell(*wanted, "the log");
    const std::string text = answer(second);
    EXPECT_EQ(body_of(text), "out");
    EXPECT_NE(text.find("X-Amz-Log-Result: dGhlIGxvZw==\r\n"), std::string::npos) << text;
    say(second, with_tail());
    EXPECT_EQ(answer(second), text);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

}  // namespace
}  // namespace skerry::test
