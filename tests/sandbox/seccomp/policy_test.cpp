// Policies as text, and that the programs made of them say what the text says. Needs no rights.
#include "sandbox/seccomp/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <seccomp.h>

#include <map>
#include <set>

#include "sandbox/runtime/kind.hpp"
#include "sandbox/seccomp/filters.hpp"
#include "sandbox/seccomp/policies.hpp"
#include "tests/sandbox/seccomp/evaluate.hpp"
#include "tests/sandbox/seccomp/simulate.hpp"

namespace skerry::seccomp::test {
namespace {

using ::testing::HasSubstr;

using Texts = std::map<std::string, std::string, std::less<>>;

Result<Policy> parse(const Texts& texts) {
    return parse_policy("a.policy", [&texts](std::string_view name) {
        const auto found = texts.find(name);
        return found == texts.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    });
}
// The complaint; empty: there is none.
std::string refusal(const Texts& texts) {
    const auto policy = parse(texts);
    return policy ? "" : policy.error().text;
}
std::string refusal(const std::string& text) {
    return refusal(Texts{{"a.policy", text}});
}

Policy embedded(const std::string& name) {
    auto policy = parse_policy(name, policy_text);
    EXPECT_TRUE(policy) << policy.error().text;
    return policy ? *policy : Policy{};
}

std::vector<std::string> all_policies() {
    std::vector<std::string> names = {"warden.policy"};
    for (const std::string_view kind : runtime::kKindNames)
        names.push_back(std::string(kind) + ".policy");
    return names;
}

TEST(Policy, ReadsLinesOfAllForms) {
    const auto policy = parse({{"a.policy",
                                "# a comment\n\n"
                                "allow read   # one\n"
                                "refuse ENOSYS clone3 # two\n"
                                "include b.policy\n"
                                "allow socket arg0 == AF_INET and arg1 & 0xf == 1 # three\n"},
                               {"b.policy", "allow write # four"}});
    ASSERT_TRUE(policy) << policy.error().text;
    ASSERT_EQ(policy->lines.size(), 4u);
    EXPECT_EQ(policy->lines[0].call, "read");
    EXPECT_EQ(policy->lines[0].reason, "one");
    EXPECT_EQ(policy->lines[0].place, "a.policy:3");
    EXPECT_EQ(policy->lines[1].verdict, Verdict::refuse);
    EXPECT_EQ(policy->lines[1].error, ENOSYS);
    EXPECT_EQ(policy->lines[2].place, "b.policy:1");
    const std::vector<Condition> conditions = {{0, ~0u, 2}, {1, 0xf, 1}};
    EXPECT_EQ(policy->lines[3].conditions, conditions);
}

TEST(Policy, SaysWhatIsWrongAndWhere) {
    EXPECT_EQ(refusal("allow read"),
              "a.policy:1: a reason is missing: '# ...' at the end of the line");
    EXPECT_EQ(refusal("\nallow raed # x"), "a.policy:2: there is no system call 'raed'");
    EXPECT_THAT(refusal("permit read # x"), HasSubstr("'permit'"));
    EXPECT_THAT(refusal("refuse EWHAT read # x"), HasSubstr("errno"));
    EXPECT_THAT(refusal("refuse ENOSYS # x"), HasSubstr("name of a call"));
    EXPECT_THAT(refusal("allow # x"), HasSubstr("name of a call"));
    EXPECT_THAT(refusal("allow socket arg6 == 1 # x"), HasSubstr("arg0 to arg5"));
    EXPECT_THAT(refusal("allow socket arg0 != 1 # x"), HasSubstr("form"));
    EXPECT_THAT(refusal("allow socket arg0 == AF_NONE # x"), HasSubstr("AF_NONE"));
    EXPECT_THAT(refusal("allow socket arg0 == 0x100000000 # x"), HasSubstr("no value"));
    EXPECT_THAT(refusal("allow socket arg0 == 1 arg1 == 1 # x"), HasSubstr("'and'"));
    EXPECT_THAT(refusal("allow socket arg0 == 1 and # x"), HasSubstr("'and'"));
    EXPECT_THAT(refusal("allow socket arg0 == 1 and arg0 == 2 # x"), HasSubstr("one condition"));
    EXPECT_THAT(refusal("allow socket arg0 & 1 == 2 # x"), HasSubstr("not in the mask"));
    EXPECT_THAT(refusal("allow socket arg0 & 0 == 0 # x"), HasSubstr("no mask"));
    EXPECT_THAT(refusal("allow read\t# x"), HasSubstr("ASCII"));
    EXPECT_THAT(refusal("# nothing\n"), HasSubstr("names no call"));
    EXPECT_THAT(refusal("refuse ENOSYS nr99999 # x"), HasSubstr("no system call"));
    EXPECT_EQ(refusal("refuse ENOSYS nr452 # x"), "");
}

// The order of lines says nothing, so no two may be about the same calls.
TEST(Policy, RefusesLinesThatSpeakOfTheSame) {
    EXPECT_THAT(refusal("allow read # x\nallow read # y"), HasSubstr("a.policy:2"));
    EXPECT_THAT(refusal("allow read # x\nrefuse EPERM read # y"), HasSubstr("a.policy:1"));
    EXPECT_THAT(refusal("allow read arg0 == 0 # x\nallow read # y"), HasSubstr("same calls"));
    EXPECT_EQ(refusal("allow read arg0 == 0 # x\nrefuse EPERM read arg0 == 1 # y"), "");
}

TEST(Policy, BoundsWhatFilesInclude) {
    EXPECT_THAT(refusal("include b.policy"), HasSubstr("no policy 'b.policy'"));
    EXPECT_THAT(refusal("include a.policy"), HasSubstr("too deeply"));
    std::string many;
    for (int i = 0; i < 500; ++i) many += "include allowed b.policy\n";
    std::string comments;
    for (int i = 0; i < 500; ++i) comments += "#\n";
    EXPECT_THAT(refusal(Texts{{"a.policy", many}, {"b.policy", comments}}),
                HasSubstr("lines in all files"));
    EXPECT_THAT(refusal(std::string(kPolicyBytesMax + 1, '#')), HasSubstr("bytes"));
}

TEST(Policy, TakesWhatOthersAllow) {
    const Texts texts = {{"a.policy",
                          "allow socket arg0 == 1 # own\n"
                          "include allowed b.policy\n"
                          "include allowed c.policy\n"},
                         {"b.policy", "allow read # b\nrefuse EPERM write # b\n"},
                         {"c.policy", "allow read # c\nallow socket # c\n"}};
    const auto policy = parse(texts);
    ASSERT_TRUE(policy) << policy.error().text;
    ASSERT_EQ(policy->lines.size(), 2u);
    EXPECT_EQ(policy->lines[0].place, "b.policy:1");
    EXPECT_EQ(policy->lines[1].place, "c.policy:2") << "the wider one";
    EXPECT_THAT(refusal(Texts{{"a.policy", "include allowed b.policy\nallow close # x"},
                              {"b.policy", "allow read # b"}}),
                HasSubstr("before"));
    EXPECT_THAT(refusal(Texts{{"a.policy", "refuse EPERM read # x\ninclude allowed b.policy"},
                              {"b.policy", "allow read # b"}}),
                HasSubstr("same calls"));
}

// What decides about a call besides its number: the values that lines ask for, and their
// neighbours.
std::vector<seccomp_data> calls_of(const Policy& policy, int number) {
    std::vector<seccomp_data> calls;
    seccomp_data call{};
    call.nr = number;
    call.arch = kArch;
    calls.push_back(call);
    for (const Line& line : policy.lines) {
        if (line.number != number) continue;
        for (const std::uint64_t high : {std::uint64_t{0}, std::uint64_t{0xdeadbeef} << 32})
            for (const std::uint32_t change : {0u, 1u, 0x80u, 0x10000000u, 0x80000000u}) {
                seccomp_data like = call;
                for (const Condition& one : line.conditions)
                    like.args[one.argument] = high | (one.value ^ change);
                calls.push_back(like);
            }
    }
    return calls;
}

std::uint32_t expected(const Policy& policy, const seccomp_data& call, std::uint32_t otherwise) {
    const auto* arguments = reinterpret_cast<const std::uint64_t*>(call.args);
    const Line* line = line_for(policy, call.nr, arguments);
    if (line == nullptr) return otherwise;
    if (line->verdict == Verdict::allow) return SECCOMP_RET_ALLOW;
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(line->error);
}

TEST(Program, SaysWhatThePolicySays) {
    const std::map<Otherwise, std::uint32_t> defaults = {
        {Otherwise::notify, SECCOMP_RET_USER_NOTIF},
        {Otherwise::kill, SECCOMP_RET_KILL_PROCESS},
        {Otherwise::skip, SECCOMP_RET_TRACE}};
    for (const std::string& name : all_policies()) {
        const Policy policy = embedded(name);
        for (const auto& [otherwise, verdict] : defaults) {
            const auto program = compile(policy, otherwise);
            ASSERT_TRUE(program) << program.error().text;
            for (int number = 0; number < 600; ++number)
                for (const seccomp_data& call : calls_of(policy, number))
                    ASSERT_EQ(simulate(*program, call), expected(policy, call, verdict))
                        << name << ": " << call_name(number) << " " << call.args[0] << " "
                        << call.args[1] << " " << call.args[2];
        }
    }
}

TEST(Program, LetsNothingOfOtherArchitecturesThrough) {
    for (const std::string& name : all_policies()) {
        const auto program = compile(embedded(name), Otherwise::notify);
        ASSERT_TRUE(program) << program.error().text;
        for (int number = 0; number < 600; ++number) {
            seccomp_data call{};
            call.arch = AUDIT_ARCH_I386;
            call.nr = number;
            EXPECT_EQ(simulate(*program, call), SECCOMP_RET_USER_NOTIF) << number;
#ifdef __x86_64__
            call.arch = kArch;
            call.nr = number | 0x40000000;  // x32
            EXPECT_EQ(simulate(*program, call), SECCOMP_RET_USER_NOTIF) << number;
#endif
        }
    }
}

// What the jail itself does between the filter and the worker's program (sandbox/jail/child.cpp):
// a policy without one of them would make every start wait for its time limit.
TEST(Policies, LetAWorkerStart) {
    for (const std::string_view kind : runtime::kKindNames) {
        const Policy policy = embedded(std::string(kind) + ".policy");
        for (const char* call : {"sendmsg", "close", "prlimit64", "execve", "exit_group", "brk",
                                 "mmap", "write", "clock_gettime"}) {
            const std::uint64_t arguments[kArguments] = {};
            const Line* line = line_for(policy, ::seccomp_syscall_resolve_name(call), arguments);
            EXPECT_TRUE(line != nullptr && line->verdict == Verdict::allow) << kind << ": " << call;
        }
    }
}

// The warden's filter is inherited: what it does not allow, no worker may do.
TEST(Policies, OfWorkersAreWithinTheWardens) {
    const Policy warden = embedded("warden.policy");
    for (const std::string_view kind : runtime::kKindNames)
        for (const Line& line : embedded(std::string(kind) + ".policy").lines) {
            if (line.verdict != Verdict::allow) continue;
            bool found = false;
            for (const Line& other : warden.lines)
                found =
                    found || (other.verdict == Verdict::allow && other.call == line.call &&
                              (other.conditions.empty() || other.conditions == line.conditions));
            EXPECT_TRUE(found) << line.place << ": " << line.call;
        }
}

// By name, whatever else changes: none of these may ever be allowed to a worker.
TEST(Policies, AllowNoWorkerWhatOpensTheKernel) {
    const std::set<std::string> never = {"add_key",
                                         "bpf",
                                         "chroot",
                                         "clone3",
                                         "delete_module",
                                         "finit_module",
                                         "fsconfig",
                                         "fsmount",
                                         "fsopen",
                                         "init_module",
                                         "io_uring_enter",
                                         "io_uring_register",
                                         "io_uring_setup",
                                         "kexec_file_load",
                                         "kexec_load",
                                         "keyctl",
                                         "mount",
                                         "mount_setattr",
                                         "move_mount",
                                         "name_to_handle_at",
                                         "open_by_handle_at",
                                         "open_tree",
                                         "perf_event_open",
                                         "personality",
                                         "pidfd_getfd",
                                         "pivot_root",
                                         "process_vm_readv",
                                         "process_vm_writev",
                                         "ptrace",
                                         "quotactl",
                                         "reboot",
                                         "request_key",
                                         "setns",
                                         "swapoff",
                                         "swapon",
                                         "syslog",
                                         "umount2",
                                         "unshare",
                                         "userfaultfd",
                                         "acct",
                                         "modify_ldt",
                                         "settimeofday",
                                         "clock_settime",
                                         "adjtimex",
                                         "clock_adjtime",
                                         "iopl",
                                         "ioperm",
                                         "memfd_secret",
                                         "io_setup",
                                         "shmget",
                                         "msgget",
                                         "semget",
                                         "fanotify_init",
                                         "lookup_dcookie",
                                         "kcmp",
                                         "process_madvise",
                                         "move_pages",
                                         "migrate_pages",
                                         "vhangup",
                                         "seccomp"};
    for (const std::string_view kind : runtime::kKindNames)
        for (const Line& line : embedded(std::string(kind) + ".policy").lines)
            EXPECT_FALSE(line.verdict == Verdict::allow && never.count(line.call) != 0)
                << line.place;
}

TEST(Policies, MakeFilters) {
    const auto filters = Filters::make();
    ASSERT_TRUE(filters) << filters.error().text;
    for (std::size_t kind = 0; kind < runtime::kKindNames.size(); ++kind) {
        const Filter& filter = filters->of(static_cast<runtime::Kind>(kind), false);
        const Policy policy = embedded(std::string(runtime::kKindNames[kind]) + ".policy");
        for (int number = 0; number < 600; ++number)
            for (const seccomp_data& call : calls_of(policy, number)) {
                ASSERT_EQ(simulate(filter.notify, call),
                          expected(policy, call, SECCOMP_RET_USER_NOTIF));
                ASSERT_EQ(simulate(filter.kill, call),
                          expected(policy, call, SECCOMP_RET_KILL_PROCESS));
            }
    }
    EXPECT_TRUE(make_warden_program());
}

}  // namespace
}  // namespace skerry::seccomp::test
