#include "control/logs/collector.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "sandbox/channel/host.hpp"

namespace skerry::logs {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

template <typename Condition>
bool eventually(Condition&& condition) {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > limit) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

// The test plays workers, cores and the control thread.
class CollectorTest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        auto started = Collector::start(
            folder_, {[this](LogEvent* to, std::size_t most) {
                const std::lock_guard lock(mutex_);
                const std::size_t n = std::min(most, events_.size());
                std::copy_n(events_.begin(), n, to);
                events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(n));
                return n;
            }},
            {{.take =
                  [this](TailRequest* to, std::size_t most) {
                      const std::lock_guard lock(mutex_);
                      const std::size_t n = std::min(most, wanted_.size());
                      std::copy_n(wanted_.begin(), n, to);
                      wanted_.erase(wanted_.begin(),
                                    wanted_.begin() + static_cast<std::ptrdiff_t>(n));
                      return n;
                  },
              .give =
                  [this](const TailAnswer& answer) {
                      const std::lock_guard lock(mutex_);
                      tails_.emplace_back(answer.text, answer.bytes);
                      return true;
                  }}});
        ASSERT_TRUE(started) << started.error().text;
        collector_ = std::move(*started);
    }
    void TearDown() override {
        collector_.reset();
        fs::remove_all(folder_);
    }

    static WorkerLog worker(std::uint64_t id, const std::string& function, bool lambda) {
        WorkerLog log;
        log.function = function;
        log.writer = {.version = "0123456789ab",
                      .worker = id,
                      .log_kib = 64,
                      .lambda_lines = lambda,
                      .memory_mib = 128};
        log.channel = static_cast<std::uint32_t>(id);
        log.generation = id;
        return log;
    }
    UniqueFd start(WorkerLog log) {
        auto pipe = make_pipe(getuid());
        EXPECT_TRUE(pipe);
        collector_->add(std::move(log), std::move(pipe->read));
        return std::move(pipe->write);
    }
    static void say(const UniqueFd& fd, std::string_view text) {
        ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void tell(std::uint64_t id, LogEventKind kind, const RequestId& request) {
        LogEvent event;
        event.request_id_hi = request.hi;
        event.request_id_lo = request.lo;
        event.generation = id;
        event.channel = static_cast<std::uint32_t>(id);
        event.kind = kind;
        event.run_us = 1000;
        event.at_us = Clock::now().monotonic_us;
        const std::lock_guard lock(mutex_);
        events_.push_back(event);
    }
    std::string tail(std::uint64_t id, const RequestId& request, std::uint32_t room = kTailBytes) {
        {
            const std::lock_guard lock(mutex_);
            wanted_.push_back({.request_id_hi = request.hi,
                               .request_id_lo = request.lo,
                               .generation = id,
                               .token = 5,
                               .channel = static_cast<std::uint32_t>(id),
                               .room_bytes = room});
        }
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(collector_->bell(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
        EXPECT_TRUE(eventually([this] {
            const std::lock_guard lock(mutex_);
            return !tails_.empty();
        }));
        const std::lock_guard lock(mutex_);
        std::string last = std::move(tails_.back());
        tails_.clear();
        return last;
    }
    std::vector<Record> records(const std::string& function) {
        auto page = collector_->store().read(function, {});
        EXPECT_TRUE(page);
        return page ? std::move(page->records) : std::vector<Record>();
    }
    Texts texts(const std::string& function) {
        Texts all;
        for (const Record& record : records(function)) all.push_back(record.text);
        return all;
    }

    char folder_[32] = "/tmp/skerry-logs-XXXXXX";
    std::mutex mutex_;
    std::vector<LogEvent> events_;
    std::vector<TailRequest> wanted_;
    std::vector<std::string> tails_;
    std::unique_ptr<Collector> collector_;
};

constexpr RequestId kA{1, 2}, kB{3, 4};

TEST_F(CollectorTest, TwoWorkersInterleaved) {
    const UniqueFd one = start(worker(1, "f", false)), two = start(worker(2, "f", false));
    say(one, "one: be");
    say(two, "two: all of it\n");
    ASSERT_TRUE(eventually([&] { return texts("f").size() == 1; }));
    say(one, "gun\n");
    ASSERT_TRUE(eventually([&] { return texts("f").size() == 2; }));
    const auto all = records("f");
    EXPECT_EQ(all[0].text, "two: all of it");
    EXPECT_EQ(all[0].worker, 2u);
    EXPECT_EQ(all[1].text, "one: begun");
    EXPECT_EQ(all[1].worker, 1u);
    EXPECT_TRUE(texts("g").empty());
}

TEST_F(CollectorTest, InvocationsOfAnApiWorker) {
    const UniqueFd pipe = start(worker(1, "f", true));
    collector_->ready(1, 5000);
    tell(1, LogEventKind::started, kA);
    std::this_thread::sleep_for(2ms);
    say(pipe, "in a\nlast of a");
    ASSERT_TRUE(eventually([&] { return texts("f").size() == 2; }));
    tell(1, LogEventKind::ended, kA);
    ASSERT_TRUE(eventually([&] { return texts("f").size() == 5; }));
    tell(1, LogEventKind::started, kB);  // silent
    tell(1, LogEventKind::ended, kB);
    tell(9, LogEventKind::started, kA);  // nobody's
    ASSERT_TRUE(eventually([&] { return texts("f").size() == 8; }));
    const auto all = records("f");
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(all[i].request, i < 5 ? kA : kB) << i;
    EXPECT_EQ(all[0].text.substr(0, 5), "START");
    EXPECT_EQ(all[1].text, "in a");
    EXPECT_EQ(all[2].text, "last of a");
    EXPECT_EQ(all[3].text.substr(0, 3), "END");
    EXPECT_NE(all[4].text.find("Init Duration: 5.00 ms"), std::string::npos);
    const auto tail = collector_->tails().find(1, kA);
    ASSERT_TRUE(tail);
    EXPECT_NE(tail->find("\nin a\nlast of a\nEND "), std::string::npos) << *tail;
}

TEST_F(CollectorTest, ATailHasAllThatWasWrittenUpToTheEnd) {
    const UniqueFd pipe = start(worker(1, "f", true));
    const std::string id = uuid_text(kA);
    tell(1, LogEventKind::started, kA);
    std::this_thread::sleep_for(2ms);
    say(pipe, "one\ntwo without an end");
    tell(1, LogEventKind::ended, kA);
    const std::string all = tail(1, kA);
    EXPECT_EQ(all.substr(0, all.find("\tDuration")),
              "START RequestId: " + id + " Version: 0123456789ab\none\ntwo without an end\n" +
                  "END RequestId: " + id + "\nREPORT RequestId: " + id);
    EXPECT_EQ(tail(1, kA), "") << "it was given away";
    // More than a pipe's worth, and little room.
    tell(1, LogEventKind::started, kB);
    std::this_thread::sleep_for(2ms);
    for (int i = 0; i < 50; ++i) say(pipe, std::string(1000, 'x') + std::to_string(i) + "\n");
    tell(1, LogEventKind::ended, kB);
    const std::string last = tail(1, kB, 300);
    EXPECT_LE(last.size(), 300u);
    EXPECT_EQ(last.substr(0, 4), "END ") << last;
    EXPECT_EQ(tail(7, kA), "") << "a worker that nobody knows";
}

TEST_F(CollectorTest, ATailOfAWorkerThatEndedSaysHow) {
    UniqueFd pipe = start(worker(1, "f", true));
    tell(1, LogEventKind::started, kA);
    std::this_thread::sleep_for(2ms);
    say(pipe, "last words");
    pipe.reset();
    collector_->ended(1, "the worker was ended by signal 9");
    std::this_thread::sleep_for(30ms);
    tell(1, LogEventKind::ended, kA);
    const std::string all = tail(1, kA);
    EXPECT_NE(all.find("\nlast words\nEND "), std::string::npos) << all;
    EXPECT_NE(all.find("\nREPORT "), std::string::npos) << all;
    EXPECT_NE(all.find("ended by signal 9\n"), std::string::npos) << all;
}

TEST_F(CollectorTest, ATailOfANativeWorker) {
    auto memory = channel::create_channel(
        {.slots = 1, .request_area_bytes = 64, .response_area_bytes = 64, .core_count = 1});
    ASSERT_TRUE(memory);
    auto* slot = reinterpret_cast<channel::SlotControl*>(memory->base + channel::kHeaderBytes);
    WorkerLog log = worker(1, "f", false);
    log.channel_memory = UniqueFd(::dup(memory->memfd.get()));
    log.slots = 1;
    log.slot_stride = memory->slot_stride;
    const UniqueFd pipe = start(std::move(log));
    slot->request_id_hi = kA.hi, slot->request_id_lo = kA.lo, slot->request_seq = 1;
    say(pipe, "native\nand no end");
    slot->response_seq = 1;
    EXPECT_EQ(tail(1, kA), "native\nand no end\n");
}

// Of several that were handed over ahead, the one that has begun.
TEST_F(CollectorTest, InvocationsOfANativeWorkerThatTakesSingly) {
    auto memory = channel::create_channel({.slots = 1,
                                           .request_area_bytes = 64,
                                           .response_area_bytes = 64,
                                           .core_count = 1,
                                           .ahead_slots = 1});
    ASSERT_TRUE(memory);
    auto& header = *reinterpret_cast<channel::ChannelHeader*>(memory->base);
    const auto slot = [&](std::uint32_t i) {
        return reinterpret_cast<channel::SlotControl*>(memory->base + channel::kHeaderBytes +
                                                       std::size_t{i} * memory->slot_stride);
    };
    WorkerLog log = worker(1, "f", false);
    log.channel_memory = UniqueFd(::dup(memory->memfd.get()));
    log.ahead_slots = 1;
    log.slot_stride = memory->slot_stride;
    const UniqueFd pipe = start(std::move(log));
    std::size_t lines = 0;
    const auto say_and_wait = [&](const std::string& text) {
        say(pipe, text + "\n");
        ++lines;
        ASSERT_TRUE(eventually([&] { return texts("f").size() == lines; }));
    };
    header.worker.takes_singly.store(1);
    say_and_wait("starting");
    header.pending.slots.store(2);
    slot(0)->request_id_hi = kA.hi, slot(0)->request_id_lo = kA.lo, slot(0)->request_seq = 1;
    slot(1)->request_id_hi = kB.hi, slot(1)->request_id_lo = kB.lo, slot(1)->request_seq = 2;
    say_and_wait("a");
    header.pending.slots.store(0);
    header.worker.begun_slot.store(1);
    say_and_wait("b");
    header.pending.slots.store(2);  // its slot was given to another
    slot(1)->request_id_hi = 7, slot(1)->request_seq = 3;
    say_and_wait("after b");
    header.worker.begun_slot.store(64);  // a lie
    say_and_wait("and on");
    const auto all = records("f");
    EXPECT_EQ(all[0].request, RequestId{});
    EXPECT_EQ(all[1].request, kA);
    EXPECT_EQ(all[2].request, kB);
    EXPECT_EQ(all[3].request, kB);
    EXPECT_EQ(all[4].request, kB);
}

TEST_F(CollectorTest, InvocationsOfANativeWorker) {
    auto memory = channel::create_channel(
        {.slots = 2, .request_area_bytes = 64, .response_area_bytes = 64, .core_count = 1});
    ASSERT_TRUE(memory);
    const auto slot = [&](std::uint32_t i) {
        return reinterpret_cast<channel::SlotControl*>(memory->base + channel::kHeaderBytes +
                                                       std::size_t{i} * memory->slot_stride);
    };
    WorkerLog log = worker(1, "f", false);
    log.channel_memory = UniqueFd(::dup(memory->memfd.get()));
    log.slots = 2;
    log.slot_stride = memory->slot_stride;
    const UniqueFd pipe = start(std::move(log));
    std::size_t lines = 0;
    const auto say_and_wait = [&](const std::string& text) {
        say(pipe, text + "\n");
        ++lines;
        ASSERT_TRUE(eventually([&] { return texts("f").size() == lines; }));
    };
    say_and_wait("starting");
    slot(0)->request_id_hi = kA.hi, slot(0)->request_id_lo = kA.lo, slot(0)->request_seq = 1;
    say_and_wait("a");
    slot(1)->request_id_hi = kB.hi, slot(1)->request_id_lo = kB.lo, slot(1)->request_seq = 2;
    say_and_wait("either");
    slot(0)->response_seq = 1;
    say_and_wait("b");
    slot(1)->response_seq = 2;
    say_and_wait("after b");
    const auto all = records("f");
    EXPECT_EQ(all[0].request, RequestId{});
    EXPECT_EQ(all[1].request, kA);
    EXPECT_EQ(all[2].request, RequestId{});
    EXPECT_EQ(all[3].request, kB);
    EXPECT_EQ(all[4].request, kB);
}

TEST_F(CollectorTest, TheLastWordsOfAWorker) {
    UniqueFd pipe = start(worker(1, "f", false));
    say(pipe, std::string("binary \0\xff\x1b and no end", 21));
    pipe.reset();
    collector_->ended(1, "the worker was ended by signal 9");
    ASSERT_TRUE(eventually([&] { return texts("f").size() == 2; }));
    EXPECT_EQ(texts("f"), (Texts{std::string("binary \0\xff\x1b and no end", 21),
                                 "the worker was ended by signal 9"}));
    EXPECT_EQ(records("f")[1].stream, Stream::platform);
}

TEST_F(CollectorTest, ALineWithoutAnEndIsShownAfterAWhile) {
    const UniqueFd pipe = start(worker(1, "f", false));
    say(pipe, "a prompt> ");
    EXPECT_TRUE(eventually([&] { return texts("f") == Texts{"a prompt> "}; }));
}

TEST_F(CollectorTest, AWorkerThatClosesItsOutputStillHasInvocations) {
    UniqueFd pipe = start(worker(1, "f", true));
    pipe.reset();
    std::this_thread::sleep_for(50ms);
    tell(1, LogEventKind::started, kA);
    tell(1, LogEventKind::ended, kA);
    EXPECT_TRUE(eventually([&] { return texts("f").size() == 3; }));
}

// The flood may wait, and most of it is dropped; the neighbour's lines are all there, in time.
TEST_F(CollectorTest, AFloodIsNobodyElsesTrouble) {
    const UniqueFd flood = start(worker(1, "flood", false)), calm = start(worker(2, "calm", false));
    std::atomic<bool> end{false};
    std::atomic<std::uint64_t> written{0};
    ASSERT_EQ(fcntl(flood.get(), F_SETFL, O_NONBLOCK), 0);
    std::thread flooder([&] {
        const std::string line = std::string(999, 'x') + "\n";
        while (!end) {
            const ssize_t n = ::write(flood.get(), line.data(), line.size());
            if (n > 0)
                written += static_cast<std::uint64_t>(n);
            else
                std::this_thread::sleep_for(1ms);
        }
    });
    const auto began = std::chrono::steady_clock::now();
    auto slowest = 0ns;
    for (std::size_t i = 1; i <= 50; ++i) {
        const auto said = std::chrono::steady_clock::now();
        say(calm, "line " + std::to_string(i) + "\n");
        EXPECT_TRUE(eventually([&] { return texts("calm").size() == i; }));
        slowest =
            std::max<std::chrono::nanoseconds>(slowest, std::chrono::steady_clock::now() - said);
        std::this_thread::sleep_for(10ms);
    }
    end = true;
    flooder.join();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    EXPECT_LT(slowest, 1s);
    EXPECT_LE(static_cast<double>(written.load()), seconds * (4 << 20) + (1 << 20) + (1 << 17));
    EXPECT_GT(written.load(), 1u << 20) << "drained, not stopped";
    EXPECT_LE(fs::file_size(std::string(folder_) + "/flood.1.log"), 100u << 10);
    EXPECT_GT(collector_->totals().dropped_bytes, 1u << 19);
}

TEST_F(CollectorTest, WhatWasWrittenBeforeTheEndIsKept) {
    const UniqueFd pipe = start(worker(1, "f", false));
    say(pipe, "last line");
    collector_.reset();
    EXPECT_EQ(Store(folder_).read("f", {}).value().records.size(), 1u);
}

}  // namespace
}  // namespace skerry::logs
