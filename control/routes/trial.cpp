#include "control/routes/trial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "sandbox/base/unique_fd.hpp"

extern char** environ;

namespace skerry::routes {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kReady = 'r', kDone = 'd', kTooLarge = 'm';
constexpr std::uint32_t kBytesMax = 1u << 16;  // of an expression; routes and rules have 1024

// What the process is told first.
struct Order {
    std::uint64_t memory_bytes;
    std::uint32_t cpu_ms;
    std::uint32_t form;
};

bool read_all(int fd, void* to, std::size_t bytes) {
    auto* at = static_cast<char*>(to);
    while (bytes != 0) {
        const ssize_t got = ::read(fd, at, bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

bool write_all(int fd, const void* from, std::size_t bytes) {
    const auto* at = static_cast<const char*>(from);
    while (bytes != 0) {
        const ssize_t put = ::write(fd, at, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += put;
        bytes -= static_cast<std::size_t>(put);
    }
    return true;
}

// One such process, ended by its destructor. Its memory is that of no one else: it may be killed at
// any moment.
class Child {
  public:
    explicit Child(const std::string& program) {
        int to[2], from[2];
        if (::pipe2(to, O_CLOEXEC) != 0) return;
        in_ = UniqueFd(to[1]);
        const UniqueFd its_in(to[0]);
        if (::pipe2(from, O_CLOEXEC) != 0) return;
        out_ = UniqueFd(from[0]);
        const UniqueFd its_out(from[1]);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, its_in.get(), 0);
        posix_spawn_file_actions_adddup2(&actions, its_out.get(), 1);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        std::string name = program, argument = kTrialArgument;
        char* const arguments[] = {name.data(), argument.data(), nullptr};
        if (::posix_spawn(&pid_, program.c_str(), &actions, &attributes, arguments, environ) != 0)
            pid_ = -1;
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    ~Child() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        (void)wait();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    bool tell(const void* what, std::size_t bytes) const {
        return pid_ > 0 && write_all(in_.get(), what, bytes);
    }
    // Its next word; 0: none until `until`, or it has ended.
    char hear(Clock::time_point until, bool& ended) const {
        ended = false;
        for (;;) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
            if (pid_ <= 0 || left <= 0) return 0;
            pollfd poll{out_.get(), POLLIN, 0};
            if (::poll(&poll, 1, static_cast<int>(left)) <= 0) continue;
            char word = 0;
            if (read_all(out_.get(), &word, 1)) return word;
            ended = true;
            return 0;
        }
    }
    // How it ended, as waitpid(2) says it; it must be about to.
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }

  private:
    pid_t pid_ = -1;
    UniqueFd in_, out_;
};

Trial ended_by(int status) {
    if (WIFSIGNALED(status)) {
        if (WTERMSIG(status) == SIGPROF || WTERMSIG(status) == SIGXCPU) return Trial::too_slow;
        if (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV) return Trial::too_large;
    }
    return Trial::failed;
}

// From `at` on, as far as one process comes; `trials` has one more at least afterwards.
void try_some(const std::string& program, const std::vector<std::string_view>& expressions,
              const Order& order, Clock::time_point until, std::vector<Trial>& trials) {
    Child child(program);
    bool ended = false;
    if (!child.tell(&order, sizeof order) || child.hear(until, ended) != kReady) {
        trials.push_back(Clock::now() < until ? Trial::failed : Trial::no_time);
        return;
    }
    while (trials.size() < expressions.size()) {
        const std::string_view text = expressions[trials.size()];
        const auto bytes = static_cast<std::uint32_t>(text.size());
        if (bytes > kBytesMax || !child.tell(&bytes, sizeof bytes) ||
            !child.tell(text.data(), bytes)) {
            trials.push_back(Trial::failed);
            return;
        }
        const char word = child.hear(until, ended);
        if (word == kDone || word == kTooLarge) {
            trials.push_back(word == kDone ? Trial::done : Trial::too_large);
            continue;
        }
        trials.push_back(ended ? ended_by(child.wait()) : Trial::no_time);
        return;
    }
}

bool limit_memory(std::uint64_t bytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)bytes;
    return true;  // its shadow needs all of the address space
#else
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    (void)bytes;
    return true;
#endif
#endif
    const rlimit limit{bytes, bytes};
    return ::setrlimit(RLIMIT_AS, &limit) == 0;
#endif
}

}  // namespace

std::vector<Trial> try_expressions(const std::string& program,
                                   const std::vector<std::string_view>& expressions, Form form,
                                   const TrialBudget& budget) {
    std::vector<Trial> trials;
    if (program.empty()) trials.assign(expressions.size(), Trial::done);
    const auto until = Clock::now() + std::chrono::milliseconds(budget.all_ms);
    const Order order{budget.memory_bytes, budget.cpu_ms, static_cast<std::uint32_t>(form)};
    while (trials.size() < expressions.size()) {
        if (Clock::now() >= until)
            trials.resize(expressions.size(), Trial::no_time);
        else
            try_some(program, expressions, order, until, trials);
    }
    return trials;
}

namespace {
std::string program_of_trials;
}

void use_trials(std::string program) {
    program_of_trials = std::move(program);
}

const std::string& trial_program() {
    return program_of_trials;
}

std::string to_text(Trial trial, const TrialBudget& budget) {
    switch (trial) {
        case Trial::too_slow:
            return "compiling it takes more than " + std::to_string(budget.cpu_ms) + " ms";
        case Trial::too_large:
            return "compiling it takes more than " + std::to_string(budget.memory_bytes >> 20) +
                   " MiB of memory";
        case Trial::no_time:
            return "compiling all that is new takes more than " +
                   std::to_string(budget.all_ms / 1000) + " s";
        case Trial::failed:
            return "whether it compiles in time could not be tried";
        case Trial::done:
            break;
    }
    return {};
}

int serve_trials() {
    (void)::close_range(3, ~0u, 0);  // what it has from the server is nothing to it
    Order order{};
    if (!read_all(0, &order, sizeof order) || !limit_memory(order.memory_bytes)) return 1;
    if (!write_all(1, &kReady, 1)) return 1;
    const itimerval budget{
        {0, 0}, {order.cpu_ms / 1000, static_cast<suseconds_t>(order.cpu_ms % 1000) * 1000}};
    std::uint32_t bytes = 0;
    while (read_all(0, &bytes, sizeof bytes) && bytes <= kBytesMax) {
        std::string text(bytes, '\0');
        if (!read_all(0, text.data(), bytes)) return 1;
        // SIGPROF ends this process: it is of its own CPU time, so others may be busy.
        (void)::setitimer(ITIMER_PROF, &budget, nullptr);
        Cache none;
        const Loaded loaded = load_database({{text, 0}}, none, static_cast<Form>(order.form % 3));
        const bool memory =
            !loaded.failures.empty() &&
            loaded.failures[0].text.find("Unable to allocate memory") != std::string::npos;
        if (!write_all(1, memory ? &kTooLarge : &kDone, 1)) return 1;
    }
    return 0;
}

}  // namespace skerry::routes
