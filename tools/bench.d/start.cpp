// skerry-bench-start: how long a worker's start takes, from the order to the warden until the
// function says that it is ready, beside a bare process in as many namespaces with a filter of
// system calls, made and run in the same turns. Needs root.
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <vector>

#include "sandbox/channel/host.hpp"
#include "sandbox/seccomp/filters.hpp"
#include "sandbox/warden/client.hpp"

namespace {

using namespace skerry;
using Clock = std::chrono::steady_clock;

constexpr int kPatienceMs = 10'000;
constexpr std::uint32_t kUser = 0x40000000;

double us_since(Clock::time_point start) {
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(1);
}

double p50(std::vector<double> all) {
    std::sort(all.begin(), all.end());
    return all.empty() ? 0 : all[all.size() / 2];
}
double p99(std::vector<double> all) {
    std::sort(all.begin(), all.end());
    return all.empty() ? 0 : all[(all.size() - 1) * 99 / 100];
}

// All namespaces at once, the filter of native functions, exec, and the program has run.
double bare_start(const seccomp::Filters& filters) {
    const auto start = Clock::now();
    clone_args arguments{};
    arguments.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                      CLONE_NEWUTS | CLONE_NEWCGROUP;
    arguments.exit_signal = SIGCHLD;
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid < 0) fail("clone3: needs root");
    if (pid == 0) {
        (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (seccomp::install(filters.of(runtime::Kind::native, false)).error != 0) ::_exit(1);
        ::execl("/bin/true", "true", nullptr);
        ::_exit(1);
    }
    int state = 0;
    if (::waitpid(pid, &state, 0) != pid || state != 0) fail("the bare process did not run");
    return us_since(start);
}

struct Sample {
    double spawned_us = 0, ready_us = 0;
    jail::Phases phases;
};

warden::Event next_event(warden::Client& client) {
    pollfd waiting{client.fd(), POLLIN, 0};
    if (::poll(&waiting, 1, kPatienceMs) != 1) fail("the warden says nothing");
    auto event = client.poll_event();
    if (!event || !*event) fail("the warden has ended");
    return std::move(**event);
}

Sample start_worker(warden::Client& client, const std::string& artifact, std::uint64_t id,
                    const channel::Doorbells& doorbells) {
    auto memory = channel::create_channel(
        {.slots = 1, .request_area_bytes = 4096, .response_area_bytes = 4096, .core_count = 1});
    if (!memory) fail(memory.error().text);
    const UniqueFd log(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    warden::SpawnRequest order;
    order.worker_id = id;
    order.artifact_dir = artifact;
    order.function = "bench";
    order.version_hex = "00";
    order.host_uid = kUser;
    order.channel_fd = memory->memfd.get();
    order.doorbells_fd = doorbells.fd.get();
    order.wake_fd = memory->wake.get();
    order.ready_fd = memory->ready.get();
    order.log_fd = log.get();
    order.done_fds = {memory->done[0].get()};
    Sample sample;
    const auto start = Clock::now();
    if (const Status sent = client.spawn(order); !sent) fail(sent.error().text);
    const warden::Event event = next_event(client);
    if (event.kind != warden::MessageKind::spawned) fail(event.text);
    sample.spawned_us = us_since(start);
    pollfd ready{memory->ready.get(), POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) != 1) fail("the function did not become ready");
    sample.ready_us = us_since(start);
    sample.phases = event.phases;
    if (!client.kill(id)) fail("the warden has ended");
    (void)next_event(client);
    return sample;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"What a worker's start takes, beside a bare process in namespaces of its own."};
    std::string function;
    unsigned ready_jails = 4;
    double seconds = 5, pause_ms = 20;
    bool groups = true;
    app.add_option("--function", function, "a native function's bootstrap")->required();
    app.add_option("--ready-jails", ready_jails, "kept by the warden; 0: each start all the way");
    app.add_option("--cgroups", groups, "with control groups or without");
    app.add_option("--pause-ms", pause_ms, "between starts, in which the warden makes new ones");
    app.add_option("--seconds", seconds);
    CLI11_PARSE(app, argc, argv);

    char folder[] = "/tmp/skerry-bench-start-XXXXXX";
    if (::mkdtemp(folder) == nullptr) fail("mkdtemp");
    ::chmod(folder, 0755);
    const std::string artifact = std::string(folder) + "/artifact";
    std::filesystem::create_directory(artifact);
    ::chmod(artifact.c_str(), 0755);
    std::filesystem::copy_file(function, artifact + "/bootstrap");
    auto client =
        warden::Client::start({.artifacts_dir = folder,
                               .cgroups = groups ? cgroup::Mode::automatic : cgroup::Mode::off,
                               .ready_jails = ready_jails});
    if (!client) fail(client.error().text);
    auto doorbells = channel::create_doorbells();
    if (!doorbells) fail(doorbells.error().text);
    auto filters = seccomp::Filters::make();
    if (!filters) fail(filters.error().text);
    const auto pause = std::chrono::duration<double, std::milli>(pause_ms);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));

    std::vector<double> bare, spawned, ready, namespaces, mounts, identity, exec;
    const auto began = Clock::now();
    for (std::uint64_t id = 1; us_since(began) < seconds * 1e6 || id < 20; ++id) {
        bare.push_back(bare_start(*filters));
        std::this_thread::sleep_for(pause);
        const Sample one = start_worker(*client, artifact, id, *doorbells);
        spawned.push_back(one.spawned_us);
        ready.push_back(one.ready_us);
        namespaces.push_back(one.phases.namespaces_us);
        mounts.push_back(one.phases.mounts_us);
        identity.push_back(one.phases.identity_us);
        exec.push_back(one.phases.exec_us);
        std::this_thread::sleep_for(pause);
    }
    std::filesystem::remove_all(folder);
    std::printf(
        "{\"starts\": %zu, \"bare_p50_us\": %.0f, \"bare_p99_us\": %.0f, \"spawned_p50_us\": %.0f, "
        "\"ready_p50_us\": %.0f, \"ready_p99_us\": %.0f, \"namespaces_p50_us\": %.0f, "
        "\"mounts_p50_us\": %.0f, \"identity_p50_us\": %.0f, \"exec_p50_us\": %.0f}\n",
        ready.size(), p50(bare), p99(bare), p50(spawned), p50(ready), p99(ready), p50(namespaces),
        p50(mounts), p50(identity), p50(exec));
    return 0;
}
