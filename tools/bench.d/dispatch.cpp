// skerry-bench-dispatch: what a worker's reply costs on top of a function's own time, and how many
// a core can have executed in a second, beside two processes that play ping-pong over the very same
// mechanism.
//
// The worker is a process of its own that runs the SDK's loop, without a jail: it is the doorbells
// and the hand-over that are measured. The core is the dispatcher of skerryd on its io_uring, no
// packets.
#include <poll.h>
#include <rte_cycles.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "dataplane/reply/replies.hpp"
#include "sandbox/channel/handover.hpp"
#include "sandbox/sdk/skerry.h"
#include "tools/bench.d/rig.hpp"

namespace {

using namespace skerry;

struct Figures {
    double p50_us = 0, p99_us = 0, per_s = 0;
};

Figures figures(std::vector<std::uint64_t>& cycles, double seconds, std::uint64_t done) {
    std::sort(cycles.begin(), cycles.end());
    const auto us = [&](double share) {
        if (cycles.empty()) return 0.0;
        const auto at = static_cast<std::size_t>(share * static_cast<double>(cycles.size() - 1));
        return static_cast<double>(cycles[at]) * 1e6 / static_cast<double>(rte_get_tsc_hz());
    };
    return {us(0.5), us(0.99), static_cast<double>(done) / seconds};
}

// The core on CPU 1, what answers it on CPU 0: where the scheduler puts them decides between 0.2
// and 50 microseconds, so it is not left to chance. With one CPU both stay where they are.
void pin(unsigned cpu) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    (void)sched_setaffinity(0, sizeof only, &only);
}

// The child becomes a worker: the descriptors where the SDK looks for them, then its loop.
pid_t fork_worker(const channel::HostChannel& memory, const channel::Doorbells& doorbells) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(0);
    const int source[] = {memory.memfd.get(), doorbells.fd.get(), memory.wake.get(),
                          memory.ready.get(), memory.done[0].get()};
    int high[5];
    for (int i = 0; i < 5; ++i) high[i] = fcntl(source[i], F_DUPFD, 200);
    for (int i = 0; i < 5; ++i) dup2(high[i], channel::kChannelFd + i);
    skerry_invocation invocation;
    while (skerry_next(&invocation) == 0)
        skerry_respond(&invocation, SKERRY_OK, invocation.payload, invocation.payload_bytes);
    _exit(1);
}

struct Worker {
    channel::HostChannel memory;
    Channel channel;
    pid_t pid;
};

void add_worker(bench::Rig& rig, Worker& worker, std::uint32_t slots) {
    worker.channel.base = worker.memory.base;
    worker.channel.slot_count = slots;
    worker.channel.slot_stride = worker.memory.slot_stride;
    worker.channel.request_area_bytes = worker.channel.response_area_bytes = 1024;
    worker.channel.wake_fd = worker.memory.wake.get();
    worker.channel.done_fd[0] = worker.memory.done[0].get();
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        rig.shared.capacity->refs[0][slot] = {&worker.channel, slot};
        rig.shared.capacity->entries[0].add(slot);
    }
    pollfd ready{worker.memory.ready.get(), POLLIN, 0};
    if (poll(&ready, 1, 10'000) != 1) bench::fail("the worker did not become ready");
}

// One invocation into a free slot; false: none was free.
bool start_one(Context& context, Dispatcher& dispatcher, const wire::Header& header,
               std::uint64_t id) {
    const Claim claim = dispatcher.claim(0);
    if (claim.channel == nullptr) return false;
    const std::uint32_t index = context.invocations.allocate();
    if (index == kNoInvocation) bench::fail("no invocation record");
    Invocation& invocation = context.invocations[index];
    const wire::ReplyCache::Found found = context.cache.find_or_reserve(
        context.cache.tag(invocation.path, {0, id}), bench::kFunctionKey, context.now_ms);
    if (found.seen != wire::Seen::fresh)
        bench::fail("the reply cache says " + std::to_string(static_cast<int>(found.seen)));
    invocation.header = header;
    invocation.cache_entry = found.entry;
    context.cache.bind(found.entry, index);
    static const net::IpAddress client = *net::IpAddress::parse(bench::kClientAddress);
    static const net::IpAddress server = *net::IpAddress::parse(bench::kServerAddress);
    invocation.path.peer = client;
    invocation.path.local = server;
    invocation.entry = 0;
    invocation.timeout_us = 10'000'000;
    invocation.deadline_tsc = context.now_tsc + 10 * context.tsc_hz;
    dispatcher.start(index, claim, &header, nullptr);
    return true;
}

Figures dispatch(double seconds, std::uint32_t concurrency, std::uint32_t spin_us) {
    // A window that no rate fills: the reply cache's own limit (docs/protocol.md) is not measured
    // here.
    bench::Rig rig({.devargs = "net_null0", .reply_cache_entries = 131072, .reply_window_ms = 1});
    auto memory = channel::create_channel({.slots = concurrency,
                                           .request_area_bytes = 1024,
                                           .response_area_bytes = 1024,
                                           .core_count = 1,
                                           .spin_us = spin_us});
    if (!memory) bench::fail(memory.error().text);
    Worker worker{.memory = std::move(*memory), .channel = {}, .pid = -1};
    worker.pid = fork_worker(worker.memory, rig.doorbells);
    add_worker(rig, worker, concurrency);

    auto ring = Ring::create();
    if (!ring || (*ring)->enable() != 0) bench::fail("io_uring");
    Context& context = rig.core->context();
    Dispatcher dispatcher(context, **ring, false);
    wire::Header header{};
    header.function_key.set(bench::kFunctionKey);
    std::vector<std::uint64_t> latencies;
    latencies.reserve(4'000'000);
    std::uint64_t done = 0;
    std::uint64_t id = 0;
    context.begin_turn();
    const std::uint64_t begin = rte_rdtsc();
    const std::uint64_t end =
        begin + static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
    std::uint64_t now = begin;
    while (now < end) {
        context.begin_turn();
        const std::uint64_t started = rte_rdtsc();
        while (start_one(context, dispatcher, header, ++id)) {
        }
        (*ring)->completions([&](std::uint64_t tag, int result, bool armed) {
            if (tag & Dispatcher::kOwnTags) dispatcher.completed(tag, result, armed);
        });
        dispatcher.ring_workers();
        std::uint32_t answered = 0;
        do answered = dispatcher.collect();
        while (answered == 0);
        now = rte_rdtsc();
        context.flush(0);
        done += answered;
        if (concurrency == 1 && latencies.size() < latencies.capacity())
            latencies.push_back(now - started);
    }
    while (dispatcher.in_flight() != 0) dispatcher.collect();
    context.flush(0);
    kill(worker.pid, SIGKILL);
    waitpid(worker.pid, nullptr, 0);
    return figures(latencies,
                   static_cast<double>(now - begin) / static_cast<double>(rte_get_tsc_hz()), done);
}

// The same hand-over with nothing around it: bits and an eventfd each way, the asker's write
// through io_uring. `batch` messages are asked at once and waited for together; the answerer spins
// as long as the worker would, then sleeps in poll().
struct PingPong {
    channel::PendingLine asked;
    channel::AsleepLine answerer_asleep;
    channel::DoneLine answered;
    channel::CoreDoorbell asker_asleep;  // it never sleeps
};

[[noreturn]] void answer_for_ever(PingPong& shared, int bell, std::uint32_t spin_us) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(0);
    const std::uint64_t patience = spin_us * (rte_get_tsc_hz() / 1'000'000);
    std::uint64_t idle_since = rte_rdtsc();
    for (;;) {
        const std::uint64_t bits = channel::take(shared.asked);
        if (bits != 0) {
            for (std::uint64_t left = bits; left != 0; left &= left - 1)
                (void)channel::answer(shared.answered, shared.asker_asleep, left & (~left + 1));
            idle_since = rte_rdtsc();
        } else if (rte_rdtsc() - idle_since >= patience &&
                   channel::prepare_sleep(shared.asked, shared.answerer_asleep)) {
            pollfd waiting{bell, POLLIN, 0};
            poll(&waiting, 1, -1);
            std::uint64_t count = 0;
            (void)!read(bell, &count, sizeof count);
            channel::woken(shared.answerer_asleep);
        }
    }
}

Figures ping_pong(double seconds, std::uint32_t batch, std::uint32_t spin_us) {
    void* memory =
        mmap(nullptr, sizeof(PingPong), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) bench::fail("mmap");
    auto* shared = new (memory) PingPong{};
    const int bell = eventfd(0, EFD_NONBLOCK);
    const pid_t pid = fork();
    if (pid == 0) answer_for_ever(*shared, bell, spin_us);
    auto ring = Ring::create();
    if (!ring || (*ring)->enable() != 0) bench::fail("io_uring");
    const std::uint64_t all = batch == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << batch) - 1;
    std::vector<std::uint64_t> latencies;
    latencies.reserve(4'000'000);
    const std::uint64_t begin = rte_rdtsc();
    const std::uint64_t end =
        begin + static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
    std::uint64_t now = begin;
    std::uint64_t done = 0;
    while (now < end) {
        const std::uint64_t started = rte_rdtsc();
        if (channel::post(shared->asked, shared->answerer_asleep, all)) {
            (*ring)->ring(bell);
            (*ring)->submit();
        }
        for (std::uint64_t answered = 0; answered != all;)
            answered |= channel::take_done(shared->answered);
        now = rte_rdtsc();
        done += batch;
        if (latencies.size() < latencies.capacity()) latencies.push_back(now - started);
    }
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return figures(latencies,
                   static_cast<double>(now - begin) / static_cast<double>(rte_get_tsc_hz()), done);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Dispatch to a worker, beside bare ping-pong."};
    double seconds = 2;
    std::uint32_t concurrency = 1;
    std::uint32_t spin_us = 0;
    bool bare = false;
    app.add_option("--seconds", seconds)->check(CLI::Range(0.1, 600.0));
    app.add_option("--concurrency", concurrency)->check(CLI::Range(1, 64));
    app.add_option("--spin-us", spin_us, "how long the worker spins before it sleeps");
    app.add_flag("--ping-pong", bare, "the bare mechanism instead");
    CLI11_PARSE(app, argc, argv);
    bench::start_eal(256);
    pin(1);
    const Figures result =
        bare ? ping_pong(seconds, concurrency, spin_us) : dispatch(seconds, concurrency, spin_us);
    std::printf("{\"p50_us\": %.2f, \"p99_us\": %.2f, \"per_s\": %.0f}\n", result.p50_us,
                result.p99_us, result.per_s);
    return 0;
}
