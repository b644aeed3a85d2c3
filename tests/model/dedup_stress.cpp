// The table of requests that are tried again with real threads: cores that ask for the same few
// requests all the time, wait for each other, read, forget and use their entries again.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/dedup/table.hpp"

namespace skerry {
namespace {

using dedup::TableView;
using Found = TableView::Found;

constexpr std::uint32_t kCores = 4, kEntriesOfACore = 8, kBuckets = 4, kRequests = 24;
constexpr std::uint32_t kRounds = 200'000;

struct All {
    std::array<dedup::Entry, kCores * kEntriesOfACore> entries;
    std::array<std::atomic<std::uint64_t>, kBuckets> buckets{};
    // Plain on purpose: what is written before publish() is read after pin(), or ThreadSanitizer
    // says so.
    std::array<std::array<std::byte, 16>, kCores * kEntriesOfACore> answers{};
    // Who has each request in hand: never two.
    std::array<std::atomic<int>, kRequests> running{};
    std::atomic<std::uint64_t> executed{0}, read{0}, waited{0}, told{0};
};

dedup::Key key_of(std::uint32_t request) {
    return {request + 1, ~std::uint64_t{request}};
}

class Core {
  public:
    Core(All& all, std::uint32_t core)
        : all_(all), table_(all.entries.data(), all.buckets.data(), kBuckets), core_(core) {}

    void run() {
        for (std::uint32_t i = 0; i < kRounds; ++i) {
            random_ = random_ * 6364136223846793005u + core_ + 1;
            ask(static_cast<std::uint32_t>(random_ >> 33) % kRequests);
            while (kept_.size() == kEntriesOfACore - 1) forget();
        }
        while (!kept_.empty()) forget();
    }

  private:
    struct Kept {
        std::uint32_t entry, request;
    };
    void ask(std::uint32_t request) {
        const TableView::Claim claim = table_.claim(free_entry(), key_of(request), request);
        if (claim.found == Found::fresh) return execute(claim.ref.entry, request);
        Found found = claim.found;
        if (found == Found::running) {
            found = table_.wait(claim.ref, core_);
            if (found == Found::running) {
                ++all_.waited;
                while ((found = table_.see(claim.ref)) == Found::running) std::this_thread::yield();
            }
        }
        if (found == Found::kept) read(claim.ref, request);
    }
    void read(const dedup::Ref& ref, std::uint32_t request) {
        dedup::Answer answer;
        if (!table_.pin(ref, answer)) return;
        EXPECT_EQ(answer.count, request + 1);
        for (std::uint32_t i = 0; i < 16; ++i) EXPECT_EQ(answer.bytes[i], std::byte(request));
        table_.unpin(ref);
        ++all_.read;
    }
    void execute(std::uint32_t entry, std::uint32_t request) {
        EXPECT_EQ(all_.running[request].exchange(1), 0);
        all_.answers[entry].fill(std::byte(request));
        ++all_.executed;
        all_.running[request].store(0);
        if (random_ % 8 == 0 && table_.withdraw(entry, request)) return;
        const std::uint32_t waiters =
            table_.publish(entry, {all_.answers[entry].data(), request + 1});
        all_.told += static_cast<std::uint64_t>(std::popcount(waiters));
        used_ |= 1u << (entry - core_ * kEntriesOfACore);
        kept_.push_back({entry, request});
    }
    std::uint32_t free_entry() const {
        return core_ * kEntriesOfACore + static_cast<std::uint32_t>(std::countr_one(used_));
    }
    void forget() {
        const Kept oldest = kept_.front();
        if (random_ % 3 == 0 && table_.drop(oldest.entry))
            all_.answers[oldest.entry].fill(std::byte{0xff});
        if (!table_.retire(oldest.entry, oldest.request)) return;
        used_ &= ~(1u << (oldest.entry - core_ * kEntriesOfACore));
        kept_.erase(kept_.begin());
    }

    All& all_;
    TableView table_;
    const std::uint32_t core_;
    std::uint64_t random_ = 0;
    std::uint32_t used_ = 0;
    std::vector<Kept> kept_;
};

TEST(DedupStress, OneExecutesAndEveryoneReadsItsOwn) {
    const auto all = std::make_unique<All>();
    std::vector<std::thread> cores;
    for (std::uint32_t core = 0; core < kCores; ++core)
        cores.emplace_back([&, core] { Core(*all, core).run(); });
    for (std::thread& core : cores) core.join();
    EXPECT_GT(all->executed.load(), 0u);
    EXPECT_GT(all->read.load(), 0u);
    EXPECT_EQ(all->waited.load(), all->told.load());
    for (const auto& bucket : all->buckets)
        EXPECT_EQ(bucket.load() & 0xffff'ffff'ffffull, 0u) << "everything is forgotten";
}

}  // namespace
}  // namespace skerry
