// skerry-bench-objects: what one use of each lock-free object costs, beside the same with a mutex.
// Google Benchmark; two threads meet on the same object.
#include <benchmark/benchmark.h>
#include <rte_ring_elem.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "dataplane/capacity/capacity_table.hpp"
#include "dataplane/capacity/reservations.hpp"
#include "dataplane/capacity/tenants.hpp"
#include "dataplane/counters.hpp"
#include "dataplane/dedup/store.hpp"
#include "dataplane/dispatch/cpu_marks.hpp"
#include "dataplane/event/rings.hpp"
#include "dataplane/limits/bucket_table.hpp"
#include "dataplane/limits/shared_bucket.hpp"
#include "dataplane/load/region_loads.hpp"
#include "dataplane/popularity/sketch.hpp"
#include "dataplane/snapshot/region_numbers.hpp"
#include "dataplane/snapshot/snapshot.hpp"
#include "sandbox/channel/handover.hpp"

namespace {

using namespace skerry;

// A slot claimed and released; `start` apart, as cores are.
void capacity(benchmark::State& state) {
    static CapacityEntry entry;
    if (state.thread_index() == 0) entry.free_slots.store(~std::uint64_t{0});
    const auto start = static_cast<std::uint32_t>(state.thread_index()) * 16;
    for (auto _ : state) {
        const std::uint32_t slot = entry.claim(start);
        benchmark::DoNotOptimize(slot);
        if (slot != kNoSlot) entry.release(slot);
    }
}
BENCHMARK(capacity)->Threads(1)->Threads(2)->UseRealTime();

void capacity_mutex(benchmark::State& state) {
    static std::mutex mutex;
    static std::uint64_t free_slots = ~std::uint64_t{0};
    for (auto _ : state) {
        int slot = 0;
        {
            const std::lock_guard lock(mutex);
            slot = std::countr_zero(free_slots);
            free_slots &= ~(std::uint64_t{1} << slot);
        }
        benchmark::DoNotOptimize(slot);
        const std::lock_guard lock(mutex);
        free_slots |= std::uint64_t{1} << slot;
    }
}
BENCHMARK(capacity_mutex)->Threads(1)->Threads(2)->UseRealTime();

// An invocation of a function with a limit, in and out.
void reservations(benchmark::State& state) {
    static const auto shared = std::make_unique<Reservations>();
    for (auto _ : state) {
        const bool in = shared->enter(1, 100);
        benchmark::DoNotOptimize(in);
        if (in) shared->leave(1);
    }
}
BENCHMARK(reservations)->Threads(1)->Threads(2)->UseRealTime();

// An invocation of a tenant: in hand, a common permit, both given back.
void tenants(benchmark::State& state) {
    static const auto shared = std::make_unique<Tenants>();
    const auto tenant = static_cast<std::uint32_t>(state.thread_index());
    for (auto _ : state) {
        const bool in = shared->admit(tenant, 100);
        const Permit permit = shared->take(tenant, 0, 100);
        benchmark::DoNotOptimize(permit);
        shared->give_back(tenant, permit);
        if (in) shared->done(tenant);
    }
}
BENCHMARK(tenants)->Threads(1)->Threads(2)->UseRealTime();

void reservations_mutex(benchmark::State& state) {
    static std::mutex mutex;
    static std::uint32_t count = 0;
    for (auto _ : state) {
        bool in = false;
        {
            const std::lock_guard lock(mutex);
            in = count < 100;
            if (in) ++count;
        }
        benchmark::DoNotOptimize(in);
        const std::lock_guard lock(mutex);
        if (in) --count;
    }
}
BENCHMARK(reservations_mutex)->Threads(1)->Threads(2)->UseRealTime();

// One slot's whole way: posted, taken, answered, collected; nobody sleeps.
void handover(benchmark::State& state) {
    channel::PendingLine pending{};
    channel::AsleepLine worker{}, core{};
    channel::DoneLine done{};
    for (auto _ : state) {
        benchmark::DoNotOptimize(channel::post(pending, worker, 1));
        benchmark::DoNotOptimize(channel::take(pending));
        benchmark::DoNotOptimize(channel::answer(done, core, 1));
        benchmark::DoNotOptimize(channel::take_done(done));
    }
}
BENCHMARK(handover)->UseRealTime();

// Requests that are handed over ahead, by eights: the first thread posts them and takes back what
// has not begun, a second one is the worker that begins one after the other. A turn is eight.
void handed_ahead(benchmark::State& state) {
    static channel::PendingLine pending;
    static channel::AsleepLine worker;
    constexpr std::uint32_t kSlots = 1 + channel::kAheadSlots;
    const bool is_worker = state.thread_index() != 0;
    std::uint32_t next = 0;
    for (auto _ : state) {
        if (!is_worker) benchmark::DoNotOptimize(channel::post(pending, worker, 0xff));
        for (std::uint32_t i = 0; i < kSlots; ++i) {
            if (is_worker || state.threads() == 1) {
                next = channel::take_one(pending, next);
                benchmark::DoNotOptimize(next);
            } else {
                benchmark::DoNotOptimize(channel::take_back(pending, std::uint64_t{1} << i));
            }
        }
    }
    state.SetItemsProcessed(state.iterations() * kSlots);
}
BENCHMARK(handed_ahead)->Threads(1)->Threads(2)->UseRealTime();

void handed_ahead_mutex(benchmark::State& state) {
    static std::mutex mutex;
    static std::uint64_t pending;
    constexpr std::uint32_t kSlots = 1 + channel::kAheadSlots;
    for (auto _ : state) {
        if (state.thread_index() == 0) {
            const std::lock_guard lock(mutex);
            pending |= 0xff;
        }
        for (std::uint32_t i = 0; i < kSlots; ++i) {
            const std::lock_guard lock(mutex);
            pending &= ~(std::uint64_t{1} << i);
            benchmark::DoNotOptimize(pending);
        }
    }
    state.SetItemsProcessed(state.iterations() * kSlots);
}
BENCHMARK(handed_ahead_mutex)->Threads(1)->Threads(2)->UseRealTime();

// What a limit of CPU time costs an invocation: its slot taken and left, and one look at who is
// over. With two threads the first one is the watch, which looks all the time; it does so every
// 10 ms.
template <typename Invocation, typename Watch>
void watched(benchmark::State& state, Invocation&& invocation, Watch&& watch) {
    const bool watches = state.threads() > 1 && state.thread_index() == 0;
    for (auto _ : state) watches ? watch() : invocation();
}
void cpu_marks(benchmark::State& state) {
    static CpuMarks marks;
    CpuSamples samples;
    watched(
        state,
        [] {
            marks.count_turn(0);
            const std::uint64_t over = marks.over.load(std::memory_order_acquire);
            benchmark::DoNotOptimize(over != 0 && marks.is_now(over));
            marks.count_turn(0);
        },
        [&] {
            benchmark::DoNotOptimize(
                samples.look(marks, 1, 1000, [] { return std::optional<std::uint64_t>(0); }));
        });
}
BENCHMARK(cpu_marks)->Threads(1)->Threads(2)->UseRealTime();

void cpu_marks_mutex(benchmark::State& state) {
    static std::mutex mutex;
    static std::uint64_t turn = 0, over = 0;
    const auto look = [] {
        const std::lock_guard lock(mutex);
        benchmark::DoNotOptimize(turn == over);
    };
    const auto count = [] {
        const std::lock_guard lock(mutex);
        ++turn;
    };
    watched(
        state,
        [&] {
            count();
            look();
            count();
        },
        look);
}
BENCHMARK(cpu_marks_mutex)->Threads(1)->Threads(2)->UseRealTime();

// Readers of a region's numbers, while with two threads the first one writes.
void seqlock(benchmark::State& state) {
    static Seqlock<RegionNumbers> lock;
    if (state.thread_index() == 0) lock.write({});
    const bool writes = state.threads() > 1 && state.thread_index() == 0;
    RegionNumbers numbers{};
    for (auto _ : state) {
        if (writes) {
            ++numbers.rtt_us;
            lock.write(numbers);
        } else {
            benchmark::DoNotOptimize(lock.read(numbers));
        }
    }
}
BENCHMARK(seqlock)->Threads(1)->Threads(2)->UseRealTime();

void seqlock_mutex(benchmark::State& state) {
    static std::mutex mutex;
    static RegionNumbers shared;
    const bool writes = state.threads() > 1 && state.thread_index() == 0;
    RegionNumbers numbers{};
    for (auto _ : state) {
        const std::lock_guard lock(mutex);
        if (writes) {
            ++shared.rtt_us;
        } else {
            numbers = shared;
        }
        benchmark::DoNotOptimize(numbers);
    }
}
BENCHMARK(seqlock_mutex)->Threads(1)->Threads(2)->UseRealTime();

// Readers of a region's load, while with two threads the first one writes.
void region_loads(benchmark::State& state) {
    static RegionLoads loads;
    const bool writes = state.threads() > 1 && state.thread_index() == 0;
    RegionLoad load{};
    for (auto _ : state) {
        if (writes) {
            ++load.wait_us;
            loads.write(1, load);
        } else {
            benchmark::DoNotOptimize(loads.read(1));
        }
    }
}
BENCHMARK(region_loads)->Threads(1)->Threads(2)->UseRealTime();

void region_loads_mutex(benchmark::State& state) {
    static std::mutex mutex;
    static RegionLoad shared;
    const bool writes = state.threads() > 1 && state.thread_index() == 0;
    for (auto _ : state) {
        const std::lock_guard lock(mutex);
        if (writes) ++shared.wait_us;
        const RegionLoad load = shared;
        benchmark::DoNotOptimize(load);
    }
}
BENCHMARK(region_loads_mutex)->Threads(1)->Threads(2)->UseRealTime();

// An event to the queue, and its verdict back: two elements through two rings.
void event_rings(benchmark::State& state) {
    const auto make = [](unsigned bytes) {
        const auto size =
            static_cast<std::size_t>(rte_ring_get_memsize_elem(bytes, kEventRingSize));
        auto* ring = static_cast<rte_ring*>(std::aligned_alloc(128, (size + 127) / 128 * 128));
        (void)rte_ring_init(ring, "bench", kEventRingSize, RING_F_SP_ENQ | RING_F_SC_DEQ);
        return ring;
    };
    rte_ring* submissions = make(sizeof(EventSubmission));
    rte_ring* verdicts = make(sizeof(EventVerdict));
    EventSubmission submission;
    EventVerdict verdict;
    for (auto _ : state) {
        (void)rte_ring_sp_enqueue_elem(submissions, &submission, sizeof submission);
        (void)rte_ring_sc_dequeue_elem(submissions, &submission, sizeof submission);
        (void)rte_ring_sp_enqueue_elem(verdicts, &verdict, sizeof verdict);
        (void)rte_ring_sc_dequeue_elem(verdicts, &verdict, sizeof verdict);
        benchmark::DoNotOptimize(verdict);
    }
    std::free(submissions);
    std::free(verdicts);
}
BENCHMARK(event_rings)->Threads(1)->UseRealTime();

void event_rings_mutex(benchmark::State& state) {
    std::mutex mutex;
    std::deque<EventSubmission> submissions;
    std::deque<EventVerdict> verdicts;
    EventVerdict verdict;
    const auto put = [&mutex](auto& queue, const auto& element) {
        const std::lock_guard lock(mutex);
        queue.push_back(element);
    };
    const auto take = [&mutex](auto& queue) {
        const std::lock_guard lock(mutex);
        auto element = queue.front();
        queue.pop_front();
        return element;
    };
    for (auto _ : state) {
        put(submissions, EventSubmission{});
        verdict.slot = take(submissions).slot;
        put(verdicts, verdict);
        verdict = take(verdicts);
        benchmark::DoNotOptimize(verdict);
    }
}
BENCHMARK(event_rings_mutex)->Threads(1)->UseRealTime();

// A token of a function's bucket, at instants that let all through.
void shared_bucket(benchmark::State& state) {
    static limits::SharedBucket bucket;
    const limits::Rate rate = limits::Rate::of(limits::kRateMax, limits::kBurstMax, 2'000'000'000);
    std::uint64_t now = 0;
    for (auto _ : state) benchmark::DoNotOptimize(bucket.take(rate, now += 100));
}
BENCHMARK(shared_bucket)->Threads(1)->Threads(2)->UseRealTime();

// The bucket of a source among sixty thousand.
void bucket_table(benchmark::State& state) {
    limits::BucketTable table(65536, {1, 2});
    const limits::Rate rate = limits::Rate::of(1'000'000, 1000, 2'000'000'000);
    std::uint64_t now = 1, source = 0;
    for (auto _ : state) {
        source = (source + 7919) % 60'000;
        const auto place = table.find_or_make(table.key_of(source), now += 100);
        benchmark::DoNotOptimize(table.asked(place).take(rate, now));
    }
}
BENCHMARK(bucket_table)->UseRealTime();

// A request for one of 64,000 functions without a row; and beside it one that is counted exactly,
// in a row of 72 bytes of a thousand.
void sketch(benchmark::State& state) {
    const auto made = std::make_unique<popularity::Sketch>();
    const popularity::SketchKey key;
    std::uint64_t function = 0;
    for (auto _ : state) {
        function = (function + 7919) % 64'000;
        made->add(key, (function + 1) * 0x9e3779b97f4a7c15ull);
    }
}
BENCHMARK(sketch)->UseRealTime();

void function_row(benchmark::State& state) {
    const auto rows = std::make_unique<std::array<FunctionCounters, kFunctionRows>>();
    std::uint64_t function = 0;
    for (auto _ : state) {
        function = (function + 7919) % kOwnRows;
        (*rows)[function].arrivals.add();
        benchmark::ClobberMemory();
    }
}
BENCHMARK(function_row)->UseRealTime();

// A request's whole time in the table of those that may be tried again: claimed, answered, and
// forgotten when a thousand others have been. Threads are cores.
constexpr std::uint32_t kRemembered = 1024;
constexpr std::byte kAnswer{};

void dedup_table(benchmark::State& state) {
    static dedup::Store store(2, kRemembered, {1, 2});
    dedup::TableView table = store.table();
    const auto first = static_cast<std::uint32_t>(state.thread_index()) * kRemembered;
    std::vector<std::uint64_t> hashes(kRemembered);
    dedup::Key key{static_cast<std::uint64_t>(state.thread_index()), 0};
    for (auto _ : state) {
        const auto i = static_cast<std::uint32_t>(key.lo % kRemembered);
        if (key.lo >= kRemembered) (void)table.retire(first + i, hashes[i]);
        ++key.lo;
        hashes[i] = store.hash(key);
        benchmark::DoNotOptimize(table.claim(first + i, key, hashes[i]));
        benchmark::DoNotOptimize(table.publish(first + i, {&kAnswer, 1}));
    }
    for (std::uint32_t i = 0; i < kRemembered; ++i) (void)table.retire(first + i, hashes[i]);
}
BENCHMARK(dedup_table)->Threads(1)->Threads(2)->UseRealTime();

void dedup_table_mutex(benchmark::State& state) {
    struct Hash {
        std::size_t operator()(const dedup::Key& key) const {
            return net::siphash_of_table({1, 2}, key.hi, key.lo);
        }
    };
    static std::mutex mutex;
    static std::unordered_map<dedup::Key, dedup::Answer, Hash> table;
    dedup::Key key{static_cast<std::uint64_t>(state.thread_index()), 0};
    for (auto _ : state) {
        if (key.lo >= kRemembered) {
            const std::lock_guard lock(mutex);
            table.erase({key.hi, key.lo - kRemembered});
        }
        ++key.lo;
        {
            const std::lock_guard lock(mutex);
            benchmark::DoNotOptimize(table.try_emplace(key));
        }
        const std::lock_guard lock(mutex);
        table[key] = {&kAnswer, 1};
    }
    const std::lock_guard lock(mutex);
    table.clear();
}
BENCHMARK(dedup_table_mutex)->Threads(1)->Threads(2)->UseRealTime();

// A lookup among a thousand functions of three versions each: the pointer, then one cell.
void snapshot(benchmark::State& state) {
    std::vector<Target> targets;
    for (std::uint64_t key = 1; key <= 1000; ++key)
        for (std::uint64_t qualifier = 0; qualifier < 3; ++qualifier) {
            Target target;
            target.function_key = key * 0x9e3779b97f4a7c15ull;
            target.qualifier = qualifier;
            targets.push_back(target);
        }
    const Snapshot made(1, targets, {}, false);
    std::atomic<const Snapshot*> published{&made};
    std::uint64_t key = 0;
    for (auto _ : state) {
        key = key % 1000 + 1;
        benchmark::DoNotOptimize(
            published.load(std::memory_order_acquire)->find(key * 0x9e3779b97f4a7c15ull, 0));
    }
}
BENCHMARK(snapshot)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
