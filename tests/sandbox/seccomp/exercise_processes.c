/* Memory, threads, signals, time and processes. */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exercise.h"

void exercise_memory(void) {
    const size_t bytes = 1 << 20;
    char* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    static const int advice[] = {
        MADV_NORMAL,     MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,   MADV_DONTNEED, MADV_FREE,
        MADV_DONTFORK,   MADV_DOFORK, MADV_HUGEPAGE,   MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
        MADV_WIPEONFORK, 23 /* populate, to write */};
    /* Kernels are built with and without some of them. */
    for (size_t i = 0; i < sizeof advice / sizeof advice[0]; ++i)
        ANSWERED(madvise(memory, bytes, advice[i]));
    NEED(mprotect(memory, bytes, PROT_READ));
    memory = mremap(memory, bytes, 2 * bytes, MREMAP_MAYMOVE);
    CHECK(memory != MAP_FAILED);
    NEED(munmap(memory, 2 * bytes));
    CHECK(sbrk(4096) != (void*)-1);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static int turns;

static void* thread(void* nothing) {
    prctl(PR_SET_NAME, "helper");
    for (int i = 0; i < 100; ++i) {
        pthread_mutex_lock(&lock);
        ++turns;
        pthread_cond_signal(&told);
        pthread_mutex_unlock(&lock);
        sched_yield();
    }
    return nothing;
}

static long futex(int* word, int operation, int value, long other) {
    return syscall(SYS_futex, word, operation, value, other, word, FUTEX_BITSET_MATCH_ANY);
}

void exercise_threads(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; ++i) CHECK(pthread_create(&threads[i], NULL, thread, NULL) == 0);
    pthread_mutex_lock(&lock);
    while (turns < 400) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 5;
        CHECK(pthread_cond_timedwait(&told, &lock, &until) == 0);
    }
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 4; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
    /* As locks outside the C library use it: musl, Rust, Go. Nobody waits, so nothing happens. */
    int word = 1;
    CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, 0) == -1);
    CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, 0) == -1);
    NEED(futex(&word, FUTEX_WAKE_PRIVATE, 1, 0));
    NEED(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, 0));
    int other = 0;
    NEED(syscall(SYS_futex, &word, FUTEX_REQUEUE_PRIVATE, 1, 1L, &other, 0));
    NEED(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1L, &other, 1));

    cpu_set_t processors;
    struct sched_param priority;
    NEED(sched_getaffinity(0, sizeof processors, &processors));
    NEED(sched_getscheduler(0));
    NEED(sched_getparam(0, &priority));
    NEED(sched_get_priority_max(SCHED_OTHER));
    NEED(sched_get_priority_min(SCHED_OTHER));
    ANSWERED(getpriority(PRIO_PROCESS, 0));
    NEED(setpriority(PRIO_PROCESS, 0, NEED(getpriority(PRIO_PROCESS, 0))));
}

static volatile sig_atomic_t heard;
static void hear(int number) {
    heard = number;
}

static void timers(void) {
    struct itimerval value = {{0, 0}, {0, 1000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    const struct itimerspec soon = {{0, 0}, {0, 1000000}};
    struct itimerspec left;
    timer_t timer;
    sigset_t none;
    sigemptyset(&none);
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    NEED(sigprocmask(SIG_BLOCK, &alarms, NULL));
    NEED(setitimer(ITIMER_REAL, &value, NULL));
    sigsuspend(&none);
    CHECK(heard == SIGALRM);
    NEED(getitimer(ITIMER_REAL, &value));
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer));
    NEED(timer_settime(timer, 0, &soon, NULL));
    NEED(timer_gettime(timer, &left));
    sigsuspend(&none);
    NEED(timer_getoverrun(timer));
    NEED(timer_delete(timer));
    NEED(sigprocmask(SIG_UNBLOCK, &alarms, NULL));
    alarm(1);
    alarm(0);
    /* Again and again: the first may come before the pause. */
    value.it_interval.tv_usec = value.it_value.tv_usec = 20000;
    NEED(setitimer(ITIMER_REAL, &value, NULL));
    pause();
    value.it_interval.tv_usec = value.it_value.tv_usec = 0;
    NEED(setitimer(ITIMER_REAL, &value, NULL));
}

static void clocks(void) {
    const struct timespec moment = {0, 1000};
    struct timespec found;
    struct timeval now;
    struct tms used;
    struct rusage usage;
    NEED(syscall(SYS_nanosleep, &moment, NULL));
    NEED(clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL));
    NEED(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &found));
    NEED(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &found));
    NEED(syscall(SYS_gettimeofday, &now, NULL));
    NEED(syscall(SYS_time, NULL));
    CHECK(times(&used) != (clock_t)-1);
    NEED(getrusage(RUSAGE_SELF, &usage));
}

void exercise_signals(void) {
    static char stack[64 << 10];
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = hear, .sa_flags = SA_ONSTACK};
    sigset_t usr1, waiting;
    NEED(sigaltstack(&other, NULL));
    NEED(sigaction(SIGUSR1, &action, NULL));
    NEED(sigaction(SIGALRM, &action, NULL));
    raise(SIGUSR1);
    CHECK(heard == SIGUSR1);
    NEED(syscall(SYS_tkill, gettid(), SIGUSR1));
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    NEED(sigprocmask(SIG_BLOCK, &usr1, NULL));
    NEED(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 7}));
    NEED(sigpending(&waiting));
    siginfo_t info;
    const struct timespec second = {1, 0};
    CHECK(sigtimedwait(&usr1, &info, &second) == SIGUSR1 && info.si_value.sival_int == 7);
    NEED(sigprocmask(SIG_UNBLOCK, &usr1, NULL));
    timers();
    clocks();
}

static void await(pid_t pid) {
    int state = 0;
    CHECK(waitpid(pid, &state, 0) == pid);
    CHECK(WIFEXITED(state) && WEXITSTATUS(state) == 0);
}

static void sleep_ms(long ms) {
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

/* A child that is stopped in its sleep, and goes on: the kernel makes restart_syscall of it. On a
 * busy machine it may not sleep yet, or not any more: so, often. */
static void stop_and_go_on(void) {
    int state;
    for (int i = 0; i < 3; ++i) {
        const pid_t pid = NEED(fork());
        if (pid == 0) {
            sleep_ms(300);
            _exit(0);
        }
        for (int j = 0; j < 3; ++j) {
            sleep_ms(50);
            NEED(kill(pid, SIGSTOP));
            sleep_ms(5);
            NEED(kill(pid, SIGCONT));
        }
        CHECK(waitpid(pid, &state, 0) == pid && WIFEXITED(state));
    }
}

static void groups_and_names(void) {
    gid_t list[64];
    uid_t real, effective, saved;
    struct utsname name;
    struct sysinfo machine;
    struct rlimit limit;
    char text[32];
    getpid(), getppid(), gettid(), getuid(), geteuid(), getgid(), getegid();
    NEED(syscall(SYS_getpgrp));
    NEED(syscall(SYS_getpgid, 0));
    NEED(getsid(0));
    ANSWERED(setpgid(0, 0));
    NEED(getgroups(64, list));
    NEED(getresuid(&real, &effective, &saved));
    NEED(getresgid(&real, &effective, &saved));
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct rights[2];
    NEED(syscall(SYS_capget, &header, rights));
    NEED(uname(&name));
    NEED(sysinfo(&machine));
    NEED(getrandom(text, sizeof text, 0));
    NEED(getrlimit(RLIMIT_NOFILE, &limit));
    NEED(syscall(SYS_getrlimit, RLIMIT_NOFILE, &limit));
    NEED(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
    NEED(prctl(PR_GET_NAME, text));
    NEED(prctl(PR_SET_PDEATHSIG, 0));
    NEED(prctl(PR_SET_DUMPABLE, NEED(prctl(PR_GET_DUMPABLE))));
    NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    NEED(prctl(PR_CAPBSET_READ, CAP_CHOWN));
}

void exercise_processes(void) {
    pid_t pid = NEED(fork());
    if (pid == 0) _exit(setsid() < 0);
    await(pid);
    pid = NEED(syscall(SYS_fork));
    if (pid == 0) _exit(0);
    await(pid);
    pid = vfork();
    if (pid == 0) _exit(0);
    await(pid);
    char* const arguments[] = {(char*)"exercise", (char*)"again", NULL};
    char* const environment[] = {NULL};
    CHECK(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environment) == 0);
    const int handle = NEED(syscall(SYS_pidfd_open, pid, 0));
    siginfo_t info;
    NEED(waitid(P_PIDFD, (id_t)handle, &info, WEXITED));
    CHECK(info.si_status == 0);
    CHECK(syscall(SYS_pidfd_send_signal, handle, SIGTERM, NULL, 0) == -1 && errno == ESRCH);
    NEED(close(handle));
    stop_and_go_on();
    groups_and_names();
}
