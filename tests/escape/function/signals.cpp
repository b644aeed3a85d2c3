// Passing the time limit, in every way that a process can be made deaf; and ending oddly.
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <csignal>

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

[[noreturn]] void burn() {
    for (volatile unsigned long turns = 0;;) turns = turns + 1;
}

void block_all_signals() {
    sigset_t all;
    ::sigfillset(&all);
    (void)::sigprocmask(SIG_BLOCK, &all, nullptr);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
}

void endless_loop(Report&, const Words&) {
    burn();
}

void deaf_loop(Report&, const Words&) {
    block_all_signals();
    burn();
}

void deaf_sleep(Report&, const Words&) {
    block_all_signals();
    sleep_for_ever();
}

// The time passes while a handler runs that never returns.
void burn_in_handler(Report&, const Words&) {
    ::signal(SIGALRM, [](int) { burn(); });
    ::alarm(0);
    (void)::raise(SIGALRM);
}

// On an alternate stack, in a handler, entered again and again by a timer.
void storm_of_signals(Report&, const Words&) {
    ::signal(SIGALRM, [](int) {});
    const itimerval often{{0, 100}, {0, 100}};
    (void)::setitimer(ITIMER_REAL, &often, nullptr);
    burn();
}

// A stopped process hears nothing but SIGKILL. The first of a namespace can't be stopped from
// inside; its child can.
void stopped_child(Report&, const Words&) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        (void)::raise(SIGSTOP);
        ::_exit(0);
    }
    (void)::raise(SIGSTOP);
    sleep_for_ever();
}

// Waits in the kernel with vfork's uninterruptible promise: the child never executes anything.
void vfork_sleep(Report&, const Words&) {
    if (::vfork() == 0)
        while (true) ::sleep(1000);
}

// Every core of the machine, as far as the limits let it.
void burn_in_all(Report&, const Words&) {
    block_all_signals();
    for (int i = 0; i < 40; ++i)
        if (::fork() == 0) burn();
    burn();
}

// Deeper for as long as there is stack.
int descend(volatile int* above) {
    volatile int here[1024] = {*above};
    return *above < 0 ? 0 : descend(here) + here[1];
}

void stack_overflow(Report& report, const Words&) {
    volatile int start = 0;
    report.count("came_back", descend(&start));
}

constexpr Attempt kAttempts[] = {
    {"endless_loop", endless_loop},
    {"deaf_loop", deaf_loop},
    {"deaf_sleep", deaf_sleep},
    {"burn_in_handler", burn_in_handler},
    {"storm_of_signals", storm_of_signals},
    {"stopped_child", stopped_child},
    {"vfork_sleep", vfork_sleep},
    {"burn_in_all", burn_in_all},
    {"stack_overflow", stack_overflow},
};

}  // namespace

std::span<const Attempt> signal_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
