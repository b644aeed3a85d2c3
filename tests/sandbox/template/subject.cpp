// What is copied in the tests: `subject SCENARIO` prepares something, takes a snapshot, and checks
// in the copy that all is as it was and works. Its exit code: as the SDK's in the template; in a
// copy 0, or 1 after a line that says what is wrong.
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/sdk/skerry.h"
#include "sandbox/template/layout.hpp"
#include "sandbox/template/snapshot.h"

namespace {

#define EXPECT(condition)                                                                     \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            std::fprintf(stderr, "in the copy: %s (%s:%d), errno %d\n", #condition, __FILE__, \
                         __LINE__, errno);                                                    \
            ::_exit(1);                                                                       \
        }                                                                                     \
    } while (0)

// Returns in copies alone.
void snapshot() {
    const int result = skerry_snapshot(skerry::snapshot::kSnapshotFd);
    if (result < 0) std::fprintf(stderr, "refused: %s\n", skerry_snapshot_name(result));
    if (result != 1) ::_exit(result == 0 ? 0 : skerry::snapshot::kRefusedExit - result);
}

int global = 1;
thread_local int per_thread = 2;
volatile int caught = 0;
int hooked = 0;
std::string* heap_text = nullptr;

int twice(int number) {
    return 2 * number;
}
int (*function)(int) = nullptr;

[[gnu::noinline]] int throws(int depth) {
    if (depth == 0) throw std::runtime_error("thrown");
    return throws(depth - 1) + 1;
}

void state() {
    char on_stack[3000];
    std::memset(on_stack, 's', sizeof on_stack);
    global = 11;
    per_thread = 22;
    function = twice;
    heap_text = new std::string(100000, 'h');
    std::map<int, std::string> map;
    for (int i = 0; i < 1000; ++i) map[i] = std::to_string(i);
    std::printf("buffered by the template, ");
    struct sigaction action {};
    action.sa_handler = [](int number) { caught = number; };
    ::sigaction(SIGUSR1, &action, nullptr);
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR2);
    ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
    static char signal_stack[65536];
    const stack_t alternate{signal_stack, 0, sizeof signal_stack};
    ::sigaltstack(&alternate, nullptr);
    ::umask(027);
    EXPECT(::chdir("/proc") == 0);
    ::prctl(PR_SET_NAME, "the-subject");
    skerry_after_copy([] { ++hooked; });
    const pid_t before = ::getpid();

    snapshot();

    EXPECT(global == 11 && per_thread == 22 && function(21) == 42 && hooked == 1);
    EXPECT(*heap_text == std::string(100000, 'h') && map.size() == 1000 && map[999] == "999");
    EXPECT(std::count(on_stack, on_stack + sizeof on_stack, 's') == sizeof on_stack);
    EXPECT(::getpid() != before && ::gettid() == ::getpid());
    // What the C library cached of the thread's id: an error-checking mutex compares it.
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_t mutex;
    ::pthread_mutex_init(&mutex, &attributes);
    EXPECT(::pthread_mutex_lock(&mutex) == 0 && ::pthread_mutex_lock(&mutex) == EDEADLK);
    EXPECT(mutex.__data.__owner == ::gettid());
    EXPECT(::raise(SIGUSR1) == 0 && caught == SIGUSR1);
    sigset_t now;
    ::sigprocmask(SIG_SETMASK, nullptr, &now);
    EXPECT(sigismember(&now, SIGUSR2) == 1 && sigismember(&now, SIGTERM) == 0);
    stack_t stack_now;
    EXPECT(::sigaltstack(nullptr, &stack_now) == 0 && stack_now.ss_sp == signal_stack);
    EXPECT(::umask(0) == 027);
    char text[64] = {};
    EXPECT(::getcwd(text, sizeof text) != nullptr && std::string(text) == "/proc");
    EXPECT(::prctl(PR_GET_NAME, text) == 0 && std::string(text) == "the-subject");
    const std::unique_ptr<FILE, int (*)(FILE*)> command(std::fopen("/proc/self/cmdline", "r"),
                                                        std::fclose);
    char line[4096] = {};
    EXPECT(std::fread(line, 1, sizeof line - 1, command.get()) > 0);
    EXPECT(std::string(line).find("subject") != std::string::npos);
    std::string what;
    try {
        throws(20);
    } catch (const std::runtime_error& error) {
        what = error.what();
    }
    EXPECT(what == "thrown");
    std::printf("printed by the copy\n");
    EXPECT(std::fflush(stdout) == 0);
}

[[gnu::noinline]] int deep(int levels) {
    volatile char frame[1000];
    frame[0] = static_cast<char>(levels);
    return levels == 0 ? 0 : deep(levels - 1) + (frame[0] == static_cast<char>(levels) ? 1 : 0);
}

void works() {
    std::vector<std::unique_ptr<char[]>> early;
    for (int i = 0; i < 2000; ++i) early.push_back(std::make_unique<char[]>(1000));
    auto big = static_cast<char*>(std::malloc(1 << 20));
    std::memset(big, 'b', 1 << 20);

    snapshot();

    timespec by_vdso, by_kernel;
    EXPECT(::getauxval(AT_SYSINFO_EHDR) != 0);
    EXPECT(::clock_gettime(CLOCK_MONOTONIC, &by_vdso) == 0);
    EXPECT(::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &by_kernel) == 0);
    const double apart = static_cast<double>(by_kernel.tv_sec - by_vdso.tv_sec) +
                         static_cast<double>(by_kernel.tv_nsec - by_vdso.tv_nsec) / 1e9;
    EXPECT(apart >= 0 && apart < 1);
    EXPECT(::sched_getcpu() >= 0);
    EXPECT(deep(6000) == 6000);  // 6 MiB and more, of 8
    // The heap: given back, grown again; in small and in large pieces, and a piece that grows.
    early.clear();
    ::malloc_trim(0);
    std::vector<std::string> small;
    for (int i = 0; i < 30000; ++i) small.emplace_back(1024, static_cast<char>('a' + i % 26));
    for (int i = 0; i < 30000; ++i) EXPECT(small[i][1023] == 'a' + i % 26);
    small.clear();
    small.shrink_to_fit();
    ::malloc_trim(0);
    const auto large = std::make_unique<std::string>(100 << 20, 'x');
    EXPECT(large->back() == 'x');
    big = static_cast<char*>(std::realloc(big, 60 << 20));
    EXPECT(big != nullptr && std::count(big, big + (1 << 20), 'b') == 1 << 20);
    std::memset(big, 'c', 60 << 20);
    EXPECT(big[(60 << 20) - 1] == 'c');
    std::free(big);
    auto* zeros = static_cast<char*>(std::calloc(1, 20 << 20));
    EXPECT(std::count(zeros, zeros + (20 << 20), 0) == 20 << 20);
    std::free(zeros);
    int sum = 0;
    {
        std::vector<std::thread> threads;
        static std::atomic<int> total{0};
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([i] {
                per_thread = i;
                auto text = std::make_unique<std::string>(10000, 't');
                total += static_cast<int>(text->size()) + per_thread;
            });
        for (std::thread& thread : threads) thread.join();
        sum = total;
    }
    EXPECT(sum == 80028);
    const pid_t child = ::fork();
    if (child == 0) {
        ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
        ::_exit(1);
    }
    int code = 0;
    EXPECT(::waitpid(child, &code, 0) == child && WEXITSTATUS(code) == 7);
    EXPECT(::system("true") == 0);
}

// No descriptor, nothing mapped, that the copy was not given.
void clean() {
    snapshot();
    EXPECT(::fcntl(skerry::snapshot::kSnapshotFd, F_GETFD) == -1);
    const std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen("/proc/self/maps", "r"),
                                                     std::fclose);
    char line[4096];
    while (std::fgets(line, sizeof line, maps.get()) != nullptr) {
        unsigned long start = 0, end = 0;
        char kind[8];
        EXPECT(std::sscanf(line, "%lx-%lx %7s", &start, &end, kind) == 3);
        EXPECT(start >= skerry::snapshot::kReservedEnd);
        EXPECT(std::string(line).find("skerry-restore") == std::string::npos);
        EXPECT(kind[3] == 'p' && (kind[1] != 'w' || kind[2] != 'x'));
    }
}

// Prints a number of each kind of source.
void numbers() {
    snapshot();
    std::uint64_t from_kernel = 0;
    EXPECT(::getrandom(&from_kernel, sizeof from_kernel, 0) == sizeof from_kernel);
    std::printf("%lx\n", from_kernel);
    std::fflush(stdout);
}

// Writes all over its memory; prints what it found there.
void writes() {
    static char bss[1 << 20];
    static int data[1 << 16] = {1};
    std::string text(1 << 20, 'o');
    snapshot();
    EXPECT(std::count(std::begin(bss), std::end(bss), 0) == sizeof bss);
    EXPECT(data[0] == 1 && data[1000] == 0 && text == std::string(1 << 20, 'o'));
    std::memset(bss, 'w', sizeof bss);
    std::fill(std::begin(data), std::end(data), 99);
    std::fill(text.begin(), text.end(), 'w');
    ::usleep(20000);
    EXPECT(data[5] == 99 && text[77] == 'w' && bss[99] == 'w');
}

void wiped() {
    constexpr std::size_t kBytes = 1 << 16;
    auto* secret = static_cast<char*>(
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(::madvise(secret, kBytes, MADV_WIPEONFORK) == 0);
    std::memset(secret, 's', kBytes);
    auto* hidden = static_cast<char*>(
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::memset(hidden, 'h', kBytes);
    EXPECT(::mprotect(hidden, kBytes, PROT_NONE) == 0);
    snapshot();
    EXPECT(std::count(secret, secret + kBytes, 0) == kBytes);
    std::memset(secret, 't', kBytes);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(std::count(secret, secret + kBytes, 0) == kBytes ? 5 : 6);
    int code = 0;
    EXPECT(::waitpid(child, &code, 0) == child && WEXITSTATUS(code) == 5);
    EXPECT(::mprotect(hidden, kBytes, PROT_READ) == 0);
    EXPECT(std::count(hidden, hidden + kBytes, 'h') == kBytes);
}

// A function: initialised once, told by its answers.
void serve() {
    std::string prefix = "initialised by the template: ";
    skerry_after_copy([] { ++hooked; });
    skerry_invocation inv;
    while (skerry_next(&inv) == 0) {
        const std::string answer =
            prefix + std::to_string(hooked) + " " +
            std::string(static_cast<const char*>(inv.payload), inv.payload_bytes);
        EXPECT(skerry_respond(&inv, SKERRY_OK, answer.data(), answer.size()) == 0);
        if (inv.payload_bytes == 0) ::_exit(0);
    }
    ::_exit(3);
}

// For measuring: as a template if told to, and anew otherwise. Says when it would serve, and idles.
void moment() {
    if (std::getenv(skerry::snapshot::kSnapshotVariable) != nullptr) snapshot();
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    std::printf("%ld%09ld\n", static_cast<long>(now.tv_sec), now.tv_nsec);
    std::fflush(stdout);
    for (;;) ::pause();
}

void table() {
    static std::vector<std::uint64_t> numbers(8 << 20);
    std::uint64_t number = 1;
    for (std::uint64_t& one : numbers) one = number = number * 6364136223846793005u + 1;
    moment();
}

}  // namespace

void refused(const std::string& what);

int main(int argc, char** argv) {
    const std::string scenario = argc > 1 ? argv[1] : "";
    const std::map<std::string, void (*)()> scenarios = {
        {"state", state},    {"works", works}, {"clean", clean},   {"numbers", numbers},
        {"writes", writes},  {"wiped", wiped}, {"moment", moment}, {"table", table},
        {"plain", snapshot}, {"serve", serve}};
    const auto found = scenarios.find(scenario);
    if (found == scenarios.end()) {
        refused(scenario);
        snapshot();
        return 0;
    }
    found->second();
    std::printf("done\n");
    return 0;
}
