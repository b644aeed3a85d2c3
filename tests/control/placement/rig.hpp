// A pool whose warden is played by the test: no process is started, and the clock is the test's.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "control/placement/worker_pool.hpp"
#include "sandbox/warden/transport.hpp"

namespace skerry::placement {

// One worker as the warden sees it: what it was ordered with, the descriptors included.
struct Ordered {
    warden::Message message;
    std::vector<UniqueFd> fds;  // channel, doorbells, wake, ready, log, done…

    const UniqueFd& ready_bell() const { return fds[3]; }
    void ring_ready() const {
        const std::uint64_t one = 1;
        ASSERT_EQ(::write(ready_bell().get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    }
};

class PoolTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ::alarm(60);  // a control thread that blocks is what some of these tests are about
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        client_.emplace(warden::Client::with_socket(UniqueFd(ends[0]), groups()));
        warden_ = UniqueFd(ends[1]);
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        doorbells_ = std::move(*doorbells);
        make_pool(8);
    }
    void TearDown() override {
        warden_.reset();  // nobody answers kills any more
        pool_.reset();
        ::alarm(0);
    }
    virtual cgroup::Groups groups() const { return {}; }  // that its workers are in
    void make_pool(std::uint32_t workers_max, std::uint32_t starts_max = 0) {
        pool_ = std::make_unique<WorkerPool>(
            shared_, *client_, doorbells_,
            WorkerLimits{.max = workers_max, .first_uid = 210000, .starts_max = starts_max});
    }
    std::uint32_t open(std::uint32_t concurrency, std::uint32_t workers_max,
                       const char* name = "f") {
        auto entry = pool_->open_entry({.function = name,
                                        .version_hex = "00ff",
                                        .artifact_dir = "/a",
                                        .concurrency = concurrency,
                                        .workers_max = workers_max,
                                        .payload_bytes_max = 1024,
                                        .templates = false});
        EXPECT_TRUE(entry);
        return *entry;
    }
    void step(std::uint64_t later_us = 1000) { pool_->step(now_us_ += later_us); }

    // Reads the pool's orders; kills go into killed_. How many spawns came.
    std::size_t take_orders() {
        std::size_t spawns = 0;
        while (true) {
            Ordered order;
            if (warden::receive_message(warden_.get(), order.message, order.fds) !=
                warden::Received::message)
                return spawns;
            if (order.message.kind == warden::MessageKind::kill) {
                killed_.push_back(order.message.worker_id);
                continue;
            }
            if (order.message.kind == warden::MessageKind::assign) {
                assigned_.push_back(order.message);
                assigned_fds_ = std::move(order.fds);
                continue;
            }
            ++spawns;
            last_ = order.message.worker_id;
            ordered_[last_] = std::move(order);
        }
    }
    void tell(warden::MessageKind kind, std::uint64_t id, int signal = 0, const char* text = "") {
        warden::Message message;
        message.kind = kind;
        message.worker_id = id;
        message.signal = signal;
        warden::put_text(message.text, text);
        ASSERT_EQ(warden::send_message(warden_.get(), message, {}), 0);
    }
    void exited(std::uint64_t id, int signal = 11) {
        tell(warden::MessageKind::exited, id, signal);
    }
    // One step that must order a worker, which becomes ready. Its id.
    std::uint64_t start_one() {
        step();
        EXPECT_EQ(take_orders(), 1u);
        tell(warden::MessageKind::spawned, last_, 0, "w");
        ordered_[last_].ring_ready();
        step();
        return last_;
    }
    std::uint64_t ready_worker(std::uint32_t entry) {
        pool_->set_target(entry, pool_->workers(entry) + 1, true);
        return start_one();
    }
    CapacityEntry& table(std::uint32_t entry) { return shared_.capacity->entries[entry]; }

    Shared shared_;
    channel::Doorbells doorbells_;
    std::optional<warden::Client> client_;
    UniqueFd warden_;
    std::unique_ptr<WorkerPool> pool_;
    std::map<std::uint64_t, Ordered> ordered_;
    std::vector<std::uint64_t> killed_;
    std::vector<warden::Message> assigned_;
    std::vector<UniqueFd> assigned_fds_;  // of the last of these
    std::uint64_t last_ = 0;
    std::uint64_t now_us_ = 100'000'000;
};

}  // namespace skerry::placement
