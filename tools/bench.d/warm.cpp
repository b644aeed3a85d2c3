// skerry-bench-warm: what the jail costs a warm invocation. Two workers of one program, one in a
// jail and one an ordinary process of root's, on channels (or Runtime API sockets) of the same
// make, served in turns by the same dispatcher in the same process. Only here can a worker be
// started without a jail. Needs root.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <rte_cycles.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "dataplane/dispatch/api_end.hpp"
#include "sandbox/runtime_api/pump.hpp"
#include "sandbox/warden/client.hpp"
#include "tools/bench.d/rig.hpp"

namespace {

using namespace skerry;

constexpr std::uint32_t kArea = 4096;
constexpr std::uint32_t kUser = 0x40000000;
constexpr std::uint64_t kPatience_s = 10;
constexpr int kTurn = 50;      // invocations of one worker before the other has its turn
constexpr int kWarmUp = 1000;  // of each, not counted

struct Program {
    runtime::Kind kind = runtime::Kind::native;
    std::string artifact;  // a folder
    std::string handler;
    std::string runtimes;                // images for the jail
    std::vector<std::string> unjailed;   // words that start it without one
    std::string payload = "0123456789";  // of each invocation
};

void pin(pid_t pid, unsigned cpu) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    (void)::sched_setaffinity(pid, sizeof only, &only);
}

// Of either kind: its channel as a core uses it, and its process.
struct Worker {
    Channel channel;
    std::optional<channel::HostChannel> memory;  // native
    std::vector<std::byte> area;                 // the others
    std::unique_ptr<ApiEnd> end;
    pid_t pid = -1;
    std::vector<std::uint64_t> cycles;
};

void make_channel(Worker& worker, const Program& program, std::uint32_t spin_us) {
    Channel& channel = worker.channel;
    channel.slot_count = 1;
    channel.request_area_bytes = channel.response_area_bytes = kArea;
    if (runtime::speaks_runtime_api(program.kind)) {
        channel.slot_stride = channel::slot_stride(kArea, kArea);
        worker.area.resize(channel::channel_bytes(1, channel.slot_stride) + 64);
        const auto start = reinterpret_cast<std::uintptr_t>(worker.area.data());
        channel.base = worker.area.data() + (64 - start % 64) % 64;
        return;
    }
    auto memory = channel::create_channel({.slots = 1,
                                           .request_area_bytes = kArea,
                                           .response_area_bytes = kArea,
                                           .core_count = 1,
                                           .spin_us = spin_us});
    if (!memory) bench::fail(memory.error().text);
    worker.memory.emplace(std::move(*memory));
    channel.base = worker.memory->base;
    channel.slot_stride = worker.memory->slot_stride;
    channel.wake_fd = worker.memory->wake.get();
    channel.done_fd[0] = worker.memory->done[0].get();
}

// From its start until it waits for the first invocation.
void await(Worker& worker, UniqueFd listener) {
    const std::uint64_t end_tsc = rte_rdtsc() + kPatience_s * rte_get_tsc_hz();
    if (worker.memory) {
        pollfd ready{worker.memory->ready.get(), POLLIN, 0};
        if (::poll(&ready, 1, kPatience_s * 1000) == 1) return;
        bench::fail("the worker did not become ready");
    }
    worker.end = std::make_unique<ApiEnd>(std::move(listener), "arn:bench",
                                          worker.channel.response_area(0), kArea);
    worker.channel.api = worker.end.get();
    while ((runtime_api::pump(worker.end->peer, worker.end->listener.get()) &
            runtime_api::kAsked) == 0) {
        if (rte_rdtsc() > end_tsc) bench::fail("the worker did not ask for an invocation");
        ::usleep(1000);
    }
}

void start_jailed(Worker& worker, const Program& program, warden::Client& client,
                  const channel::Doorbells& doorbells) {
    const UniqueFd log(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    warden::SpawnRequest order;
    order.worker_id = 1;
    order.runtime = program.kind;
    order.artifact_dir = program.artifact;
    order.function = "bench";
    order.version_hex = "00";
    order.handler = program.handler;
    order.host_uid = kUser;
    order.memory_mib = 512;
    order.log_fd = log.get();
    if (worker.memory) {
        order.channel_fd = worker.memory->memfd.get();
        order.doorbells_fd = doorbells.fd.get();
        order.wake_fd = worker.memory->wake.get();
        order.ready_fd = worker.memory->ready.get();
        order.done_fds = {worker.memory->done[0].get()};
    }
    if (const Status sent = client.spawn(order); !sent) bench::fail(sent.error().text);
    pollfd waiting{client.fd(), POLLIN, 0};
    if (::poll(&waiting, 1, kPatience_s * 1000) != 1) bench::fail("the warden says nothing");
    auto event = client.poll_event();
    if (!event || !*event) bench::fail("the warden has ended");
    if ((*event)->kind != warden::MessageKind::spawned) bench::fail((*event)->text);
    worker.pid = (*event)->pid;
    pin(worker.pid, 0);
    await(worker, std::move((*event)->listener));
}

UniqueFd listen_on_loopback(std::string& place) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd.get(), generic, bytes) != 0 || ::listen(fd.get(), 16) != 0 ||
        ::getsockname(fd.get(), generic, &bytes) != 0)
        bench::fail("listening on loopback");
    place = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    return fd;
}

// What the child of a jail does last, without the jail: descriptors in their places, and exec.
[[noreturn]] void become(const Worker& worker, const channel::Doorbells& doorbells,
                         const char* folder, char* const* words, char* const* environment) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (worker.memory) {
        const int source[] = {worker.memory->memfd.get(), doorbells.fd.get(),
                              worker.memory->wake.get(), worker.memory->ready.get(),
                              worker.memory->done[0].get()};
        int high[5];
        for (int i = 0; i < 5; ++i) high[i] = ::fcntl(source[i], F_DUPFD_CLOEXEC, 200);
        for (int i = 0; i < 5; ++i) ::dup2(high[i], channel::kChannelFd + i);
    }
    ::dup2(::open("/dev/null", O_RDWR), STDIN_FILENO);
    ::dup2(STDIN_FILENO, STDOUT_FILENO);
    if (::chdir(folder) == 0) ::execve(words[0], words, environment);
    ::_exit(127);
}

void start_unjailed(Worker& worker, const Program& program, const channel::Doorbells& doorbells) {
    std::string api;
    UniqueFd listener;
    if (!worker.memory) listener = listen_on_loopback(api);
    std::vector<std::string> environment = {"PATH=/usr/bin:/bin",
                                            "LANG=C.UTF-8",
                                            "HOME=/tmp",
                                            "AWS_LAMBDA_RUNTIME_API=" + api,
                                            "_HANDLER=" + program.handler,
                                            "LAMBDA_TASK_ROOT=" + program.artifact,
                                            "AWS_LAMBDA_FUNCTION_NAME=bench",
                                            "AWS_LAMBDA_FUNCTION_VERSION=1",
                                            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
                                            "AWS_LAMBDA_LOG_GROUP_NAME=bench",
                                            "AWS_LAMBDA_LOG_STREAM_NAME=bench"};
    std::vector<std::string> command = program.unjailed;
    std::vector<char*> words, variables;
    for (std::string& word : command) words.push_back(word.data());
    for (std::string& each : environment) variables.push_back(each.data());
    words.push_back(nullptr);
    variables.push_back(nullptr);
    worker.pid = ::fork();
    if (worker.pid < 0) bench::fail("fork");
    if (worker.pid == 0)
        become(worker, doorbells, program.artifact.c_str(), words.data(), variables.data());
    pin(worker.pid, 0);
    await(worker, std::move(listener));
}

class Dispatch {
  public:
    explicit Dispatch(const Program& program)
        : rig_({.devargs = "net_null0", .reply_cache_entries = 131072, .reply_window_ms = 1}) {
        auto ring = Ring::create();
        if (!ring || (*ring)->enable() != 0) bench::fail("io_uring");
        ring_ = std::move(*ring);
        dispatcher_.emplace(rig_.core->context(), *ring_, false);
        message_.resize(sizeof(wire::Header) + program.payload.size());
        wire::Header header{};
        header.payload_bytes.set(static_cast<std::uint32_t>(program.payload.size()));
        header.function_key.set(bench::kFunctionKey);
        std::memcpy(message_.data(), &header, sizeof header);
        std::memcpy(message_.data() + sizeof header, program.payload.data(),
                    program.payload.size());
    }
    const channel::Doorbells& doorbells() const { return rig_.doorbells; }
    std::uint64_t answered() const { return rig_.count(Reason::served_local); }

    // Cycles from the request until the worker is free again.
    std::uint64_t invoke(Worker& worker) {
        Context& context = rig_.core->context();
        context.begin_turn();
        const std::uint64_t started = rte_rdtsc();
        start(context, worker);
        do {
            if (dispatcher_->api_in_flight() != 0) ring_->finish_due_work();
            ring_->completions([&](std::uint64_t tag, int result, bool armed) {
                if (tag & Dispatcher::kOwnTags) dispatcher_->completed(tag, result, armed);
            });
            dispatcher_->ring_workers();
            (void)dispatcher_->collect();
            if (rte_rdtsc() - started > kPatience_s * context.tsc_hz)
                bench::fail("the worker did not answer");
        } while (dispatcher_->in_flight() != 0);
        const std::uint64_t took = rte_rdtsc() - started;
        context.flush(0);
        return took;
    }

  private:
    void start(Context& context, Worker& worker) {
        const std::uint32_t index = context.invocations.allocate();
        if (index == kNoInvocation) bench::fail("no invocation record");
        Invocation& invocation = context.invocations[index];
        static const net::IpAddress client = *net::IpAddress::parse(bench::kClientAddress);
        static const net::IpAddress server = *net::IpAddress::parse(bench::kServerAddress);
        invocation.path.peer = client;
        invocation.path.local = server;
        const auto found = context.cache.find_or_reserve(
            context.cache.tag(invocation.path, {1, ++id_}), bench::kFunctionKey, context.now_ms);
        if (found.seen != wire::Seen::fresh) bench::fail("the reply cache is full");
        auto* header = reinterpret_cast<wire::Header*>(message_.data());
        header->request_id_hi.set(1);
        header->request_id_lo.set(id_);
        invocation.header = *header;
        invocation.cache_entry = found.entry;
        context.cache.bind(found.entry, index);
        invocation.entry = 0;
        invocation.timeout_us = 10'000'000;
        invocation.deadline_tsc = context.now_tsc + 10 * context.tsc_hz;
        rte_mbuf packet{};
        packet.buf_addr = message_.data();
        packet.data_len = static_cast<std::uint16_t>(message_.size());
        dispatcher_->start(index, {&worker.channel, 0, worker.channel.index}, header, &packet);
    }

    bench::Rig rig_;
    std::unique_ptr<Ring> ring_;
    std::optional<Dispatcher> dispatcher_;
    std::vector<std::byte> message_;
    std::uint64_t id_ = 0;
};

double us_at(std::vector<std::uint64_t>& cycles, double share) {
    std::sort(cycles.begin(), cycles.end());
    const auto at = static_cast<std::size_t>(share * static_cast<double>(cycles.size() - 1));
    return static_cast<double>(cycles[at]) * 1e6 / static_cast<double>(rte_get_tsc_hz());
}

void measure(Dispatch& dispatch, Worker (&workers)[2], double seconds) {
    for (Worker& worker : workers)
        for (int i = 0; i < kWarmUp; ++i) (void)dispatch.invoke(worker);
    const std::uint64_t end =
        rte_rdtsc() + static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
    while (rte_rdtsc() < end)
        for (Worker& worker : workers)
            for (int i = 0; i < kTurn; ++i) worker.cycles.push_back(dispatch.invoke(worker));
    const std::size_t all = 2 * (workers[0].cycles.size() + kWarmUp);
    if (dispatch.answered() != all) bench::fail("not all invocations were answered well");
}

void read_options(CLI::App& app, Program& program, double& seconds, std::uint32_t& spin_us) {
    app.add_option("--kind", program.kind, "of the function")
        ->required()
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, runtime::Kind>{{"native", runtime::Kind::native},
                                                 {"provided", runtime::Kind::provided},
                                                 {"python3", runtime::Kind::python3}}));
    app.add_option("--artifact", program.artifact, "a folder; everybody must get at it")
        ->required();
    app.add_option("--handler", program.handler);
    app.add_option("--payload", program.payload);
    app.add_option("--runtimes", program.runtimes, "images of tools/runtime-images");
    app.add_option("--spin-us", spin_us, "how long a native worker spins before it sleeps");
    app.add_option("--seconds", seconds);
    app.add_option("unjailed", program.unjailed, "what starts it without a jail")->required();
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"What the jail costs a warm invocation."};
    Program program;
    double seconds = 2;
    std::uint32_t spin_us = 0;
    read_options(app, program, seconds, spin_us);
    CLI11_PARSE(app, argc, argv);

    // Before DPDK has threads.
    auto client = warden::Client::start(
        {.artifacts_dir = std::filesystem::path(program.artifact).parent_path().string(),
         .runtimes_dir = program.runtimes});
    if (!client) bench::fail(client.error().text);
    bench::start_eal(256);
    pin(0, 1);
    Dispatch dispatch(program);
    Worker workers[2];
    for (std::uint32_t i = 0; i < 2; ++i) {
        make_channel(workers[i], program, spin_us);
        workers[i].channel.index = i;
        workers[i].channel.generation = i + 1;
    }
    start_jailed(workers[0], program, *client, dispatch.doorbells());
    start_unjailed(workers[1], program, dispatch.doorbells());
    measure(dispatch, workers, seconds);
    ::kill(workers[1].pid, SIGKILL);
    ::waitpid(workers[1].pid, nullptr, 0);
    std::printf("{\"invocations\": %zu", workers[0].cycles.size());
    for (auto& [name, worker] :
         {std::pair("jailed", &workers[0]), std::pair("unjailed", &workers[1])})
        std::printf(", \"%s_p50_us\": %.2f, \"%s_p99_us\": %.2f", name, us_at(worker->cycles, 0.5),
                    name, us_at(worker->cycles, 0.99));
    std::printf("}\n");
    return 0;
}
