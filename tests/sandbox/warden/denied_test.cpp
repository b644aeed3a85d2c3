// System calls from inside a jail: what no line of the policy names ends the worker and is told by
// its name; what a line refuses returns the errno of the line. Needs root.
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>

#include "sandbox/seccomp/policies.hpp"
#include "sandbox/seccomp/policy.hpp"
#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {
namespace {

using Arguments = std::vector<std::uint64_t>;

std::string order_of(const std::string& way, int number, const Arguments& arguments) {
    std::ostringstream text;
    text << way << ' ' << number << std::hex;
    for (const std::uint64_t argument : arguments) text << ' ' << argument;
    return text.str();
}

class Denied : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        ::alarm(120);  // a worker that nobody ends is what is tested
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        doorbells_ = std::move(*doorbells);
        auto client = warden::Client::start(folder_.options());
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
    }
    void TearDown() override { ::alarm(0); }
    std::unique_ptr<Place> spawn() {
        auto place = std::make_unique<Place>(folder_, doorbells_, ++last_id_);
        const auto sent = client_->spawn(place->order);
        EXPECT_TRUE(sent) << sent.error().text;
        const auto event = next_event(*client_);
        if (!event || event->kind != warden::MessageKind::spawned || !place->wait_ready()) {
            ADD_FAILURE() << (event ? event->text : "") << read_all(folder_.log());
            return nullptr;
        }
        return place;
    }
    // How a worker ended that was given the order.
    warden::Event end_after(const std::string& order) {
        auto place = spawn();
        if (!place) return {};
        place->core.submit(0, order);
        auto event = next_event(*client_);
        if (!event) return {};
        EXPECT_EQ(event->kind, warden::MessageKind::exited) << order;
        EXPECT_EQ(event->worker_id, last_id_);
        return std::move(*event);
    }
    void expect_denied(const std::string& call, const Arguments& arguments = {}) {
        const int number = ::seccomp_syscall_resolve_name(call.c_str());
        if (number < 0) return;  // not on this architecture
        const auto event = end_after(order_of("try", number, arguments));
        EXPECT_EQ(event.denied_call, call);
        EXPECT_EQ(event.signal, SIGKILL) << call;
    }

    Folder folder_;
    channel::Doorbells doorbells_;
    std::optional<warden::Client> client_;
    std::uint64_t last_id_ = 0;
};

TEST_F(Denied, CallsThatOpenTheKernelEndTheWorker) {
    for (const char* call : {"acct",
                             "add_key",
                             "adjtimex",
                             "bpf",
                             "chroot",
                             "clock_adjtime",
                             "clock_settime",
                             "delete_module",
                             "fanotify_init",
                             "finit_module",
                             "fsconfig",
                             "fsmount",
                             "fsopen",
                             "fspick",
                             "init_module",
                             "io_setup",
                             "io_uring_enter",
                             "io_uring_register",
                             "ioperm",
                             "iopl",
                             "kcmp",
                             "kexec_file_load",
                             "kexec_load",
                             "keyctl",
                             "lookup_dcookie",
                             "memfd_secret",
                             "migrate_pages",
                             "modify_ldt",
                             "mount",
                             "mount_setattr",
                             "move_mount",
                             "move_pages",
                             "msgctl",
                             "msgget",
                             "msgrcv",
                             "msgsnd",
                             "name_to_handle_at",
                             "nfsservctl",
                             "open_by_handle_at",
                             "open_tree",
                             "perf_event_open",
                             "personality",
                             "pidfd_getfd",
                             "pivot_root",
                             "process_madvise",
                             "process_vm_readv",
                             "process_vm_writev",
                             "ptrace",
                             "quotactl",
                             "quotactl_fd",
                             "reboot",
                             "remap_file_pages",
                             "request_key",
                             "semctl",
                             "semget",
                             "semop",
                             "setdomainname",
                             "sethostname",
                             "setns",
                             "settimeofday",
                             "shmat",
                             "shmctl",
                             "shmget",
                             "swapoff",
                             "swapon",
                             "syslog",
                             "umount2",
                             "unshare",
                             "userfaultfd",
                             "vhangup"})
        expect_denied(call);
    EXPECT_EQ(processes_of_workers(), 0);
}

TEST_F(Denied, CallsWithTheWrongArgumentsEndTheWorker) {
    for (const std::uint64_t flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET,
                                     CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP})
        expect_denied("clone", {flag | SIGCHLD});
    // Bits that the kernel does not look at are no way around.
    expect_denied("clone", {(std::uint64_t{1} << 32) | CLONE_NEWUSER | SIGCHLD});
    for (const std::uint64_t family : {AF_PACKET, AF_VSOCK, AF_ALG, AF_BLUETOOTH, AF_CAN})
        expect_denied("socket", {family, SOCK_RAW, 0});
    expect_denied("ioctl", {0, 0x5412});                             // TIOCSTI
    expect_denied("ioctl", {0, (std::uint64_t{1} << 32) | 0x5412});  // the same for the kernel
    expect_denied("prctl", {PR_SET_SECUREBITS, 0});
    expect_denied("prctl", {PR_SET_MM, 0});
    expect_denied("fcntl", {0, F_NOTIFY, 0});
    expect_denied("mknodat", {static_cast<std::uint64_t>(AT_FDCWD), 0, S_IFCHR | 0600, 0x103});
    expect_denied("prlimit64", {1, RLIMIT_NOFILE, 0, 0});
    expect_denied("setpriority", {PRIO_USER, 0, 0});
}

TEST_F(Denied, AnotherArchitectureIsNoWayAround) {
#ifdef __x86_64__
    auto event = end_after("int80 20");  // getpid, which is harmless
    // A kernel without 32-bit programs has no such entry.
    if (event.signal != SIGSEGV) {
        EXPECT_EQ(event.denied_call, "i386:getpid");
    }
    event = end_after(order_of("try", 0x40000000 | 39, {}));
    EXPECT_EQ(event.denied_call, "x32:getpid");
#endif
}

TEST_F(Denied, AnyThreadOrChildEndsTheWholeWorker) {
    for (const char* way : {"thread", "child"}) {
        const auto event = end_after(order_of(way, SYS_ptrace, {}));
        EXPECT_EQ(event.denied_call, "ptrace") << way;
        EXPECT_EQ(event.signal, SIGKILL);
        EXPECT_EQ(processes_of_workers(), 0);
    }
}

TEST_F(Denied, OtherEndsNameNoCall) {
    EXPECT_EQ(end_after("crash").denied_call, "");
    EXPECT_EQ(end_after("exit").denied_call, "");
    EXPECT_EQ(end_after("exit").exit_code, 7);
}

// Many at once, and neighbours that go on.
TEST_F(Denied, ManyWorkersAtOnceAreToldApart) {
    constexpr std::size_t kWorkers = 12;
    std::vector<std::unique_ptr<Place>> places;
    for (std::size_t i = 0; i < kWorkers; ++i) places.push_back(spawn());
    for (std::size_t i = 0; i < kWorkers; i += 2)
        places[i]->core.submit(0, order_of("try", i % 4 == 0 ? SYS_bpf : SYS_mount, {}));
    std::map<std::uint64_t, std::string> ended;
    while (ended.size() < kWorkers / 2) {
        const auto event = next_event(*client_);
        ASSERT_TRUE(event);
        ended[event->worker_id] = event->denied_call;
    }
    for (std::size_t i = 0; i < kWorkers; ++i) {
        if (i % 2 != 0) {
            EXPECT_EQ(places[i]->core.ask("nothing").status, 0u);
        } else {
            EXPECT_EQ(ended[i + 1], i % 4 == 0 ? "bpf" : "mount");
        }
    }
}

// A descriptor each, for as many workers as there may be.
TEST_F(Denied, TheWardenHasRoomForAllListeners) {
    rlimit ours{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &ours), 0);
    rlimit its{};
    ASSERT_EQ(::prlimit(client_->pid(), RLIMIT_NOFILE, nullptr, &its), 0);
    EXPECT_GE(its.rlim_cur, std::min<rlim_t>(ours.rlim_max, 2 * warden::kWorkersMax));
}

// Every line that refuses: the errno is that of the line, and the worker goes on.
TEST_F(Denied, RefusedCallsReturnTheErrnoOfTheirLine) {
    auto policy = seccomp::parse_policy("native.policy", seccomp::policy_text);
    ASSERT_TRUE(policy) << policy.error().text;
    auto place = spawn();
    ASSERT_TRUE(place);
    int tried = 0;
    for (const seccomp::Line& line : policy->lines) {
        if (line.verdict != seccomp::Verdict::refuse || line.number < 0) continue;
        Arguments arguments(seccomp::kArguments, 0);
        for (const seccomp::Condition& one : line.conditions) arguments[one.argument] = one.value;
        auto told = parse(place->core.ask(order_of("try", line.number, arguments)).bytes);
        EXPECT_EQ(told["try"], std::to_string(line.error)) << line.place << ": " << line.call;
        ++tried;
    }
    EXPECT_GT(tried, 50);
}

// The kernel allows one listener in a chain of filters. Where somebody outside has it, the worker's
// process ends by SIGSYS, and nobody knows the call.
TEST_F(Denied, WithoutAListenerTheKernelEndsIt) {
    const pid_t supervised = ::fork();
    ASSERT_GE(supervised, 0);
    if (supervised == 0) {
        sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        const sock_fprog program{1, &allow};
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                      &program) < 0)
            ::_exit(2);
        auto client = warden::Client::start(folder_.options());
        Place place(folder_, doorbells_, 1);
        if (!client || !client->spawn(place.order)) ::_exit(3);
        auto event = next_event(*client);
        if (!event || event->kind != warden::MessageKind::spawned || !place.wait_ready())
            ::_exit(4);
        place.core.submit(0, order_of("try", SYS_bpf, {}));
        event = next_event(*client);
        if (!event || event->kind != warden::MessageKind::exited) ::_exit(5);
        ::_exit(event->signal == SIGSYS && event->denied_call.empty() ? 0 : 6);
    }
    int state = 0;
    ASSERT_EQ(::waitpid(supervised, &state, 0), supervised);
    EXPECT_TRUE(WIFEXITED(state));
    EXPECT_EQ(WEXITSTATUS(state), 0);
}

}  // namespace
}  // namespace skerry::test
