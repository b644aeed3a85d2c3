// Runs a runtime's exercise programs under that runtime's policy:
//     seccomp-exercised KIND PROGRAM… [-- TEMPLATE… -- RESTORER]
// First recorded: every call must be one that a line allows or refuses, and every line that allows
// one must have been used. Then under the filter as workers get it: the program must end well.
// The template's program gets an empty snapshot, and the restorer the same one, sealed.
// --learn: says what was called, and how often, and judges nothing.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sandbox/seccomp/filters.hpp"
#include "sandbox/seccomp/policies.hpp"
#include "sandbox/template/layout.hpp"
#include "tests/sandbox/seccomp/evaluate.hpp"
#include "tests/sandbox/seccomp/recording.hpp"

namespace {

using namespace skerry;
using namespace skerry::seccomp;

constexpr unsigned kSecondsMax = 120;

// Arguments only where a policy looks at them: the rest would make each call another one.
std::string described(const Policy& policy, const seccomp_data& call) {
    const std::string name = call_name(call.nr);
    for (const Line& line : policy.lines)
        if (line.call == name && !line.conditions.empty()) {
            char text[96];
            std::snprintf(text, sizeof text, "(%#x, %#x, %#x)", static_cast<unsigned>(call.args[0]),
                          static_cast<unsigned>(call.args[1]), static_cast<unsigned>(call.args[2]));
            return name + text;
        }
    return name;
}

bool ended_well(const std::string& which, int state) {
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return true;
    std::printf("%s: ended with %s %d\n", which.c_str(), WIFSIGNALED(state) ? "signal" : "status",
                WIFSIGNALED(state) ? WTERMSIG(state) : WEXITSTATUS(state));
    return false;
}

struct Recorded {
    std::set<const Line*> used;
    std::map<std::string, std::uint64_t> denied;
};

// A program, and the number under which it finds the snapshot.
struct Step {
    std::vector<std::string> command;
    std::map<int, int> fds;
    bool is_template = false;
};

// As the warden does when the template has ended.
void seal(const Step& step) {
    if (!step.is_template) return;
    constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    if (::fcntl(step.fds.begin()->second, F_ADD_SEALS, kSeals) != 0)
        std::printf("the snapshot can't be sealed\n");
}

std::vector<Step> steps_of(char** first, char** last) {
    std::vector<Step> steps(1);
    for (; first != last; ++first) {
        if (std::string(*first) != "--") {
            steps.back().command.emplace_back(*first);
            continue;
        }
        steps.emplace_back();
        steps.back().is_template = steps.size() == 2;
    }
    return steps;
}

// A new snapshot for each run of them: it is sealed for ever.
UniqueFd give_snapshot(std::vector<Step>& steps) {
    UniqueFd snapshot(::memfd_create("snapshot", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    for (std::size_t i = 1; i < steps.size(); ++i)
        steps[i].fds = {{snapshot::kSnapshotFd, snapshot.get()}};
    return snapshot;
}

Result<int> filtered(const Program& program, const Step& step) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        std::vector<char*> arguments;
        for (const std::string& word : step.command)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        test::arrange_descriptors(step.fds);
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || install(program) != 0) ::_exit(125);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    int state = 0;
    while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    return state;
}

bool recorded_well(const Policy& policy, std::vector<Step> steps) {
    Recorded seen;
    const auto judge = [&](pid_t, const seccomp_data& call) {
        const auto* arguments = reinterpret_cast<const std::uint64_t*>(call.args);
        const Line* line = test::line_for(policy, call.nr, arguments);
        if (line != nullptr) seen.used.insert(line);
        // Goes on, so that one run tells of all of them.
        if (line == nullptr) ++seen.denied[described(policy, call)];
        return line == nullptr || line->verdict == Verdict::allow ? 0 : line->error;
    };
    bool good = true;
    const UniqueFd snapshot = give_snapshot(steps);
    for (const Step& step : steps) {
        auto state = test::record(step.command, step.fds, kSecondsMax, judge);
        if (!state) std::printf("%s\n", state.error().text.c_str());
        good = state && ended_well("recorded: " + step.command[0], *state) && good;
        seal(step);
    }
    for (const auto& [call, count] : seen.denied) {
        std::printf("no line allows %s, made %llu times\n", call.c_str(),
                    static_cast<unsigned long long>(count));
        good = false;
    }
    for (const Line& line : policy.lines) {
        if (line.number < 0 || line.verdict != Verdict::allow || seen.used.count(&line) != 0)
            continue;
        std::printf("%s: the line for %s was never used\n", line.place.c_str(), line.call.c_str());
        good = false;
    }
    return good;
}

bool filtered_well(runtime::Kind kind, bool egress, std::vector<Step> steps) {
    auto filters = Filters::make();
    if (!filters) {
        std::printf("%s\n", filters.error().text.c_str());
        return false;
    }
    bool good = true;
    const UniqueFd snapshot = give_snapshot(steps);
    for (const Step& step : steps) {
        const auto state = filtered(filters->of(kind, egress).kill, step);
        good = ended_well("filtered: " + step.command[0], *state) && good;
        seal(step);
    }
    return good;
}

int learn(const std::vector<std::string>& command) {
    std::map<std::string, std::uint64_t> calls;
    auto state = test::record(command, {}, kSecondsMax, [&calls](pid_t, const seccomp_data& call) {
        char text[160];
        std::snprintf(text, sizeof text, "%s arg0=%#llx arg1=%#llx arg2=%#llx",
                      call_name(call.nr).c_str(), call.args[0], call.args[1], call.args[2]);
        const std::string name = call_name(call.nr);
        static const std::set<std::string> by_argument = {
            "socket", "ioctl", "fcntl", "prctl", "clone", "socketpair", "arch_prctl", "futex"};
        ++calls[by_argument.count(name) != 0 ? text : name];
        return name == "clone3" ? ENOSYS : 0;
    });
    for (const auto& [call, count] : calls)
        std::printf("%8llu %s\n", static_cast<unsigned long long>(count), call.c_str());
    return state && ended_well("learned", *state) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (argc < 3) return 2;
    const std::string kind_name = argv[1];
    if (kind_name == "--learn") return learn({argv + 2, argv + argc});
    const bool egress = kind_name == "native-egress";
    const auto kind = egress ? runtime::Kind::native : runtime::kind_of(kind_name);
    if (!kind) return 2;
    auto policy = parse_policy(kind_name + ".policy", policy_text);
    if (!policy) {
        std::printf("%s\n", policy.error().text.c_str());
        return 1;
    }
    const std::vector<Step> steps = steps_of(argv + 2, argv + argc);
    ::setenv(snapshot::kSnapshotVariable, std::to_string(snapshot::kSnapshotFd).c_str(), 1);
    const bool recorded = recorded_well(*policy, steps);
    return filtered_well(*kind, egress, steps) && recorded ? 0 : 1;
}
