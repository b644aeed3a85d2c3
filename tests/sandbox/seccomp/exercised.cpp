// Runs a runtime's exercise program under that runtime's policy:   seccomp-exercise KIND PROGRAM…
// First recorded: every call must be one that a line allows or refuses, and every line that allows
// one must have been used. Then under the filter as workers get it: the program must end well.
// --learn: says what was called, and how often, and judges nothing.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sandbox/seccomp/filters.hpp"
#include "sandbox/seccomp/policies.hpp"
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

bool recorded_well(const Policy& policy, const std::vector<std::string>& command) {
    Recorded seen;
    auto state = test::record(command, kSecondsMax, [&](pid_t, const seccomp_data& call) {
        const std::uint64_t* arguments = reinterpret_cast<const std::uint64_t*>(call.args);
        const Line* line = test::line_for(policy, call.nr, arguments);
        if (line != nullptr) seen.used.insert(line);
        // Goes on, so that one run tells of all of them.
        if (line == nullptr) ++seen.denied[described(policy, call)];
        return line == nullptr || line->verdict == Verdict::allow ? 0 : line->error;
    });
    if (!state) {
        std::printf("%s\n", state.error().text.c_str());
        return false;
    }
    bool good = ended_well("recorded", *state);
    for (const auto& [call, count] : seen.denied) {
        std::printf("no line allows %s, made %llu times\n", call.c_str(),
                    static_cast<unsigned long long>(count));
        good = false;
    }
    for (const Line& line : policy.lines) {
        // What other policies allow is proven by their own exercises.
        if (line.number < 0 || line.verdict != Verdict::allow || seen.used.count(&line) != 0)
            continue;
        std::printf("%s: the line for %s was never used\n", line.place.c_str(), line.call.c_str());
        good = false;
    }
    return good;
}

bool filtered_well(runtime::Kind kind, std::vector<std::string> command) {
    auto filters = Filters::make();
    if (!filters) {
        std::printf("%s\n", filters.error().text.c_str());
        return false;
    }
    const pid_t pid = ::fork();
    if (pid == 0) {
        std::vector<char*> arguments;
        for (std::string& word : command) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || install(filters->of(kind).kill) != 0)
            ::_exit(125);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    int state = 0;
    while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    return ended_well("filtered", state);
}

int learn(const std::vector<std::string>& command) {
    std::map<std::string, std::uint64_t> calls;
    auto state = test::record(command, kSecondsMax, [&calls](pid_t, const seccomp_data& call) {
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
    const std::vector<std::string> command(argv + 2, argv + argc);
    if (kind_name == "--learn") return learn(command);
    const auto kind = runtime::kind_of(kind_name);
    if (!kind) return 2;
    auto policy = parse_policy(kind_name + ".policy", policy_text);
    if (!policy) {
        std::printf("%s\n", policy.error().text.c_str());
        return 1;
    }
    const bool recorded = recorded_well(*policy, command);
    return filtered_well(*kind, command) && recorded ? 0 : 1;
}
