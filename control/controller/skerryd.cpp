// skerryd: one program for both roles.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "control/config/preflight.hpp"
#include "control/controller/server.hpp"
#include "control/controller/version.hpp"
#include "control/routes/trial.hpp"

namespace {

using namespace skerry;

constexpr int kExitFailed = 1;      // it has served: starting again is the cure
constexpr int kExitUsage = 2;       // wrong arguments or configuration: trying again does not help
constexpr int kExitNotStarted = 3;  // the machine lacks something: may help, but not at once

// Blocked in every thread; read by the control thread.
int make_signal_fd() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

// From now on a signal ends this process at once, and the warden ends the workers: nobody should
// have to wait for an end that takes too long.
void allow_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

int fail(const std::string& text) {
    std::fprintf(stderr, "skerryd: %s\n", text.c_str());
    return kExitFailed;
}

int not_started(const std::string& text) {
    fail(text);
    return kExitNotStarted;
}

cgroup::Mode mode_of(config::Cgroups cgroups) {
    switch (cgroups) {
        case config::Cgroups::required:
            return cgroup::Mode::required;
        case config::Cgroups::off:
            return cgroup::Mode::off;
        case config::Cgroups::automatic:
            break;
    }
    return cgroup::Mode::automatic;
}

int serve(const config::Config& config) {
    routes::use_trials("/proc/self/exe");
    // Before any thread: a forked child of a process with threads may hold their locks for ever.
    auto warden = warden::Client::start({.artifacts_dir = config.state_dir + "/artifacts",
                                         .runtimes_dir = config.workers.runtimes_dir,
                                         .server_name = config.name,
                                         .cgroups = mode_of(config.workers.cgroups),
                                         .core_scheduling = config.workers.core_scheduling,
                                         .networks = config.egress});
    if (!warden) return not_started("the warden did not start: " + warden.error().text);
    const UniqueFd signals(make_signal_fd());
    if (!signals) return not_started("signalfd: " + std::string(std::strerror(errno)));
    auto server = control::Server::create(config, std::move(*warden));
    if (!server) return not_started(server.error().text);
    const Status ended = (*server)->run(signals.get());
    allow_signals();
    if (ended) return 0;
    // Nothing is served any more: the sooner this ends, the sooner it is started again. What is not
    // taken down in order here is what SIGKILL would leave as well: the kernel's, or the next
    // start's.
    std::_Exit(fail(ended.error().text));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], routes::kTrialArgument) == 0)
        return routes::serve_trials();
    CLI::App app{"Skerry: an edge dataplane that executes requests here, or in the best region."};
    std::string file;
    bool check = false;
    app.add_option("--config", file, "configuration (TOML); docs/operator-guide.md explains it")
        ->required();
    app.add_flag("--check", check,
                 "say what the configuration needs of this machine, what was found, and what mends "
                 "it; start nothing");
    app.set_version_flag("--version", std::string("skerryd ") + control::kVersion);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("skerryd"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");

    const auto config = config::load(file);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kExitUsage;
    }
    const std::vector<config::Need> needs = config::preflight(*config);
    const bool good = config::may_start(needs);
    if (check) {
        std::fputs(config::render(needs).c_str(), stdout);
        return good ? 0 : kExitFailed;
    }
    if (!good) {
        std::fputs(config::render(needs).c_str(), stderr);
        return not_started("not started: mend what FAILED above");
    }
    return serve(*config);
}
