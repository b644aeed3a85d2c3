// The queue's thread between rings and file; the cores are played by the test.
#include "control/events/service.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "tests/dataplane/loop/environment.hpp"

namespace skerry::events {
namespace {

[[maybe_unused]] const auto* environment = test::add_eal();

namespace fs = std::filesystem;
constexpr std::uint64_t kFunction = 0xf1;

class EventService : public ::testing::Test {
  protected:
    void SetUp() override {
        static int serial = 0;
        name_ = "es" + std::to_string(++serial);
        folder_ = fs::temp_directory_path() / ("skerry-service-" + std::to_string(getpid()));
        fs::remove_all(folder_);
        options_.folder = folder_.string();
        options_.safety = Safety::written;
        options_.settings = {.records = 500,
                             .bytes = 8 << 20,
                             .concurrency = 8,
                             .retries = 1,
                             .max_age_ms = 60'000,
                             .retry_delay_ms = 20,
                             .busy_delay_ms = 20};
        shared_.server.core_count = 2;
        pool_ = rte_pktmbuf_pool_create((name_ + "pool").c_str(), 1023, 0, 0, 2176, SOCKET_ID_ANY);
        ASSERT_NE(pool_, nullptr);
        for (std::uint32_t core = 0; core < 2; ++core) {
            shared_.event_submissions[core] = ring("s", core, sizeof(EventSubmission));
            shared_.event_verdicts[core] = ring("v", core, sizeof(EventVerdict));
            shared_.event_runs[core] = ring("r", core, sizeof(EventRun));
            shared_.event_results[core] = ring("e", core, sizeof(EventResult));
        }
        shared_.kick_fd[0] = shared_.kick_fd[1] = -1;
    }
    void TearDown() override {
        service_.reset();
        for (std::uint32_t core = 0; core < 2; ++core)
            for (rte_ring* each : {shared_.event_submissions[core], shared_.event_verdicts[core],
                                   shared_.event_runs[core], shared_.event_results[core]})
                rte_ring_free(each);
        EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u);
        rte_mempool_free(pool_);
        fs::remove_all(folder_);
    }
    rte_ring* ring(const char* what, std::uint32_t core, unsigned bytes) const {
        rte_ring* made =
            rte_ring_create_elem((name_ + what + std::to_string(core)).c_str(), bytes,
                                 kEventRingSize, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        EXPECT_NE(made, nullptr);
        return made;
    }
    void start() {
        auto started = Service::start(shared_, options_);
        ASSERT_TRUE(started) << started.error().text;
        service_ = std::move(*started);
    }
    void bell() {
        const std::uint64_t one = 1;
        ASSERT_EQ(::write(service_->bell(), &one, sizeof one), 8);
    }

    // A payload of more than one buffer, as a core gathers it.
    void submit(std::uint32_t core, std::uint32_t slot, const std::string& payload) {
        wire::Header header{};
        header.function_key.set(kFunction);
        header.request_id_hi.set(7);
        header.request_id_lo.set(++last_request_);
        std::string all(reinterpret_cast<const char*>(&header), wire::kHeaderBytes);
        all += payload;
        rte_mbuf *first = nullptr, *last = nullptr;
        for (std::size_t at = 0; at < all.size(); at += 1500) {
            rte_mbuf* next = rte_pktmbuf_alloc(pool_);
            ASSERT_NE(next, nullptr);
            const std::string piece = all.substr(at, 1500);
            std::memcpy(rte_pktmbuf_append(next, static_cast<std::uint16_t>(piece.size())),
                        piece.data(), piece.size());
            (first == nullptr ? first : last->next) = next;
            last = next;
        }
        messages_[core][slot] = first;
        EventSubmission submission{first, static_cast<std::uint32_t>(payload.size()), slot};
        ASSERT_EQ(rte_ring_sp_enqueue_elem(shared_.event_submissions[core], &submission,
                                           sizeof submission),
                  0);
        bell();
    }
    template <typename Element>
    bool wait_for(rte_ring* from, Element& element, int most_ms = 10'000) {
        for (int i = 0; i < most_ms; ++i) {
            if (rte_ring_sc_dequeue_elem(from, &element, sizeof element) == 0) return true;
            ::poll(nullptr, 0, 1);
        }
        return false;
    }
    EventFate verdict(std::uint32_t core = 0) {
        EventVerdict verdict;
        EXPECT_TRUE(wait_for(shared_.event_verdicts[core], verdict));
        for (rte_mbuf* at = messages_[core][verdict.slot]; at != nullptr;) {
            rte_mbuf* next = at->next;
            at->next = nullptr;
            rte_pktmbuf_free(at);
            at = next;
        }
        messages_[core].erase(verdict.slot);
        return verdict.fate;
    }
    bool run(std::uint32_t core, EventRun& run, std::string* payload = nullptr,
             int most_ms = 10'000) {
        if (!wait_for(shared_.event_runs[core], run, most_ms)) return false;
        if (payload != nullptr)
            payload->assign(reinterpret_cast<const char*>(run.payload), run.payload_bytes);
        return true;
    }
    void end(std::uint32_t core, const EventRun& run, ReplyStatus status = ReplyStatus::ok) {
        EventResult result;
        result.slot = run.slot;
        result.status = status;
        ASSERT_EQ(rte_ring_sp_enqueue_elem(shared_.event_results[core], &result, sizeof result), 0);
        bell();
    }
    template <typename Condition>
    bool eventually(Condition&& condition) {
        for (int i = 0; i < 10'000; ++i) {
            if (condition(service_->view())) return true;
            ::poll(nullptr, 0, 1);
        }
        return false;
    }
    static std::uint64_t dropped(const View& view, Dropped why) {
        return view.counts.dropped[static_cast<std::size_t>(why)];
    }

    Shared shared_;
    Service::Options options_;
    std::unique_ptr<Service> service_;
    rte_mempool* pool_ = nullptr;
    std::map<std::uint32_t, std::map<std::uint32_t, rte_mbuf*>> messages_;
    std::uint64_t last_request_ = 0;
    std::string name_;
    fs::path folder_;
};

TEST_F(EventService, KeptExecutedForgotten) {
    start();
    const std::string large(5000, 'x');
    submit(0, 3, large);
    EXPECT_EQ(verdict(), EventFate::accepted);
    EventRun given;
    std::string payload;
    // Cores take turns; the first one is the second.
    const std::uint32_t core = run(1, given, &payload, 200) ? 1 : (run(0, given, &payload), 0);
    EXPECT_EQ(payload, large);
    EXPECT_EQ(given.function_key, kFunction);
    EXPECT_EQ(given.request_id_hi, 7u);
    EXPECT_EQ(given.request_id_lo, 1u);
    end(core, given);
    EXPECT_TRUE(eventually([](const View& v) { return v.records == 0; }));
    EXPECT_EQ(service_->view().counts.executed, 1u);
    EXPECT_EQ(service_->view().bytes, 0u);
}

TEST_F(EventService, EveryCoreBringsAndGets) {
    start();
    service_->pause(true);
    for (std::uint32_t core = 0; core < 2; ++core)
        for (std::uint32_t slot = 0; slot < 100; ++slot) submit(core, slot, "p");
    for (std::uint32_t core = 0; core < 2; ++core)
        for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(verdict(core), EventFate::accepted);
    EXPECT_EQ(service_->view().records, 200u);
    EXPECT_EQ(service_->view().running, 0u);
    EXPECT_TRUE(service_->view().paused);
    service_->pause(false);
    std::set<std::uint64_t> seen;
    std::uint32_t of_core[2] = {};
    for (int i = 0; i < 100'000 && seen.size() < 200; ++i)
        for (std::uint32_t core = 0; core < 2; ++core) {
            EventRun given;
            if (!run(core, given, nullptr, 1)) continue;
            ++of_core[core];
            EXPECT_TRUE(seen.insert(given.request_id_lo).second);
            end(core, given);
        }
    EXPECT_EQ(seen.size(), 200u);
    EXPECT_GT(of_core[0], 20u);
    EXPECT_GT(of_core[1], 20u);
    EXPECT_TRUE(eventually([](const View& v) { return v.records == 0; }));
}

TEST_F(EventService, WhatWaitsOutlivesTheProcess) {
    start();
    service_->pause(true);
    for (std::uint32_t slot = 0; slot < 10; ++slot) submit(0, slot, std::to_string(slot));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(verdict(), EventFate::accepted);
    service_.reset();
    start();
    EXPECT_EQ(service_->view().records, 10u);
    std::set<std::string> seen;
    for (int i = 0; i < 10'000 && seen.size() < 10; ++i)
        for (std::uint32_t core = 0; core < 2; ++core) {
            EventRun given;
            std::string payload;
            if (!run(core, given, &payload, 1)) continue;
            EXPECT_TRUE(seen.insert(payload).second);
            end(core, given);
        }
    EXPECT_EQ(seen.size(), 10u);
    EXPECT_TRUE(eventually([](const View& v) { return v.records == 0; }));
    service_.reset();
    start();
    EXPECT_EQ(service_->view().records, 0u);
}

TEST_F(EventService, InMemoryWhatWaitsIsLostAndNothingIsOnTheDisk) {
    options_.safety = Safety::memory;
    start();
    service_->pause(true);
    submit(0, 0, "x");
    EXPECT_EQ(verdict(), EventFate::accepted);
    EXPECT_FALSE(fs::exists(folder_));
    EXPECT_EQ(service_->view().safety, "off");
    service_.reset();
    start();
    EXPECT_EQ(service_->view().records, 0u);
}

TEST_F(EventService, FailuresAreTriedAgainAndGivenUp) {
    options_.settings.concurrency = 1;
    shared_.server.core_count = 1;
    start();
    submit(0, 0, "x");
    EXPECT_EQ(verdict(), EventFate::accepted);
    EventRun given;
    ASSERT_TRUE(run(0, given));
    end(0, given, ReplyStatus::overloaded);
    ASSERT_TRUE(run(0, given));
    end(0, given, ReplyStatus::function_error);
    ASSERT_TRUE(run(0, given));
    end(0, given, ReplyStatus::function_error);
    EXPECT_TRUE(eventually([](const View& v) { return v.records == 0; }));
    const View view = service_->view();
    EXPECT_EQ(view.counts.attempts, 3u);
    EXPECT_EQ(view.counts.busy, 1u);
    EXPECT_EQ(view.counts.failures, 2u);
    EXPECT_EQ(dropped(view, Dropped::function_failed), 1u);
    shared_.server.core_count = 2;
}

TEST_F(EventService, AFullQueueSaysSo) {
    options_.settings.records = 2;
    start();
    service_->pause(true);
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
        submit(0, slot, "x");
        EXPECT_EQ(verdict(), slot < 2 ? EventFate::accepted : EventFate::full);
    }
    EXPECT_EQ(service_->view().counts.refused_full, 1u);
    EXPECT_EQ(service_->view().counts.accepted, 2u);
}

// Nothing is kept of what can't be written, what was kept is executed, and it mends itself.
TEST_F(EventService, ADiskThatTakesNothingMore) {
    start();
    service_->pause(true);
    submit(0, 0, "kept");
    EXPECT_EQ(verdict(), EventFate::accepted);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit tight{64ull * 1024, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
    submit(0, 1, std::string(300'000, 'x'));
    const EventFate fate = verdict();
    EXPECT_TRUE(fate == EventFate::failed || fate == EventFate::unknown);
    EXPECT_FALSE(service_->view().last_error.empty());
    EXPECT_EQ(service_->view().counts.refused_store, 1u);
    service_->pause(false);
    EventRun given;
    std::string payload;
    const std::uint32_t core = run(1, given, &payload, 200) ? 1 : (run(0, given, &payload), 0);
    EXPECT_EQ(payload, "kept");
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    end(core, given);
    submit(0, 2, std::string(300'000, 'x'));
    EXPECT_EQ(verdict(), EventFate::accepted);
    EXPECT_TRUE(eventually([](const View& v) { return v.last_error.empty(); }));
    for (std::uint32_t each = 0; each < 2; ++each)
        if (run(each, given, nullptr, 200)) end(each, given);
    EXPECT_TRUE(eventually([](const View& v) { return v.records == 0; }));
}

TEST_F(EventService, ADamagedFileIsCounted) {
    fs::create_directories(folder_);
    {
        std::FILE* file = std::fopen((folder_ / "events.db").c_str(), "w");
        for (int i = 0; i < 10'000; ++i) std::fputc('x', file);
        std::fclose(file);
    }
    start();
    EXPECT_EQ(service_->view().counts.damaged_files, 1u);
    submit(0, 0, "x");
    EXPECT_EQ(verdict(), EventFate::accepted);
}

}  // namespace
}  // namespace skerry::events
