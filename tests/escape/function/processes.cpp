// Many processes, processes that stay, and signals to others'.
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

// Counts what was made until it was refused; `kProcessesTried` is more than any jail allows.
template <typename Make>
void make_many(Report& report, Make&& make) {
    int made = 0;
    while (made < kProcessesTried && make()) ++made;
    const int error = errno;
    report.say("bounded", made < kProcessesTried ? "yes" : "no");
    report.say("within_limit", made < 64 ? "yes" : std::to_string(made));
    errno = error;
    report.tried("then", made < kProcessesTried ? -1 : 0);
}

bool fork_sleeper() {
    const pid_t pid = ::fork();
    if (pid == 0) sleep_for_ever();
    return pid > 0;
}

void fork_bomb(Report& report, const Words&) {
    make_many(report, fork_sleeper);
}

// Every child forks, too. What stops them is the limit alone; each has a bound of its own.
void fork_tree(Report& report, const Words&) {
    for (int depth = 0; depth < 11; ++depth)
        if (::fork() == 0 && depth == 10) sleep_for_ever();
    if (::getpid() != 1) sleep_for_ever();
    report.say("tree", "yes");
}

void* sleeping_thread(void*) {
    sleep_for_ever();
}

void thread_bomb(Report& report, const Words&) {
    pthread_attr_t small;
    ::pthread_attr_init(&small);
    ::pthread_attr_setstacksize(&small, 16384);
    make_many(report, [&small] {
        pthread_t thread;
        const int error = ::pthread_create(&thread, &small, sleeping_thread, nullptr);
        errno = error;
        return error == 0;
    });
}

// Children that have ended and that nobody waits for keep their place.
void zombie_farm(Report& report, const Words&) {
    make_many(report, [] {
        const pid_t pid = ::fork();
        if (pid == 0) ::_exit(0);
        return pid > 0;
    });
}

// Many more than it may have at once; few enough for the time limit on a busy machine.
void vfork_storm(Report& report, const Words&) {
    constexpr int kInTurn = 500;
    int made = 0;
    for (; made < kInTurn; ++made) {
        const pid_t pid =
            static_cast<pid_t>(::syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0));
        if (pid == 0) ::_exit(0);
        if (pid < 0) break;
        (void)::waitpid(pid, nullptr, 0);
    }
    report.say("made", made == kInTurn ? "all" : std::to_string(made));
}

// Out of the session, the group and the parent's sight, without ears for any signal. It is
// answered at once: the daemon is what the next invocations run beside.
void daemon_process(Report& report, const Words&) {
    if (::fork() == 0) {
        ::setsid();
        if (::fork() != 0) ::_exit(0);
        for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
        sleep_for_ever();
    }
    (void)::wait(nullptr);
    report.say("left", "yes");
}

// Everybody, every group, and every process whose number the harness or a guess names: none but
// its own can be named.
void kill_others(Report& report, const Words& words) {
    report.tried("all", ::kill(-1, SIGKILL));
    for (const std::string& word : words) report.tried("pid", ::kill(std::stoi(word), SIGKILL));
    long reached = 0;
    for (int pid = 2; pid < 70000; ++pid)
        if (::kill(pid, SIGKILL) == 0) ++reached;
    report.count("guessed", reached);
    for (const std::string& word : words)
        report.tried("queue", ::sigqueue(std::stoi(word), SIGTERM, sigval{}));
}

// A parent outside of its namespace has the number 0; so has its process group.
void kill_parent(Report& report, const Words&) {
    report.count("parent", ::getppid());
    ::signal(SIGTERM, SIG_IGN);
    report.tried("group", ::kill(0, SIGTERM));
    report.tried("init", ::kill(1, SIGSTOP));
    report.count("pid", ::getpid());
}

void priorities(Report& report, const Words&) {
    errno = 0;
    report.tried("nice", ::nice(-1) == -1 && errno != 0 ? -1 : 0);
    report.tried("others", ::setpriority(PRIO_PROCESS, 2, 10));
}

// skerryd, the warden and the neighbour's worker, by the numbers they have on the host.
void others_by_number(Report& report, const Words& words) {
    for (const std::string& pid : words) {
        for (const char* what : {"/mem", "/root", "/cwd", "/exe", "/fd/3", "/ns/mnt", "/environ"})
            report.tried(pid + what, ::open(("/proc/" + pid + what).c_str(), O_RDONLY));
        report.tried("pidfd " + pid, ::syscall(SYS_pidfd_open, std::stoi(pid), 0));
        report.tried("session " + pid, ::getsid(std::stoi(pid)));
    }
}

constexpr Attempt kAttempts[] = {
    {"others_by_number", others_by_number},
    {"fork_bomb", fork_bomb},
    {"fork_tree", fork_tree},
    {"thread_bomb", thread_bomb},
    {"zombie_farm", zombie_farm},
    {"vfork_storm", vfork_storm},
    {"daemon", daemon_process},
    {"kill_others", kill_others},
    {"kill_parent", kill_parent},
    {"priorities", priorities},
};

}  // namespace

std::span<const Attempt> process_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
