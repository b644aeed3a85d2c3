// Runs the warden's own tests with every call told, and judges those of wardens and of their
// children until these are workers by warden.policy:   seccomp-warden-exercised PROGRAM…
//
// Fails when a call was made that no line allows, or a line was never used that is the warden's
// own. Those that it has for its workers' sake are their policies' matter.
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "sandbox/seccomp/policies.hpp"
#include "tests/sandbox/seccomp/evaluate.hpp"
#include "tests/sandbox/seccomp/recording.hpp"

namespace {

using namespace skerry;
using namespace skerry::seccomp;

constexpr unsigned kSecondsMax = 120;

struct Process {
    std::string name;
    pid_t pid = 0;  // of the process that a thread is of
    pid_t parent = 0;
};

Process process_of(pid_t thread) {
    Process found;
    std::ifstream file("/proc/" + std::to_string(thread) + "/status");
    for (std::string line; std::getline(file, line);) {
        const auto value = line.find_first_not_of(" \t", line.find(':') + 1);
        if (value == std::string::npos) continue;
        if (line.starts_with("Name:")) found.name = line.substr(value);
        if (line.starts_with("Tgid:")) found.pid = std::stoi(line.substr(value));
        if (!line.starts_with("PPid:")) continue;
        found.parent = std::stoi(line.substr(value));
        break;
    }
    return found;
}

class Wardens {
  public:
    // Whether this call is made under the warden's filter, and before a worker's own program runs.
    bool are_judged(pid_t thread, const seccomp_data& call) {
        const Process process = process_of(thread);
        // Its children have its name until they execute something.
        if (process.name != "skerry-warden") return false;
        if (locked_.count(process.pid) != 0 || locked_.count(process.parent) != 0) return true;
        // The first filter without a listener is its own; what comes before is setting up.
        if (call.nr == SYS_seccomp && call.args[1] == 0) locked_.insert(process.pid);
        return false;
    }

  private:
    std::set<pid_t> locked_;
};

// With a recorder around everything the workers' filters have no listeners: the kernel allows one.
bool is_for_listeners(const Line& line) {
    return line.call == "ioctl" && line.conditions.size() == 1 &&
           line.conditions[0].value == static_cast<std::uint32_t>(SECCOMP_IOCTL_NOTIF_RECV);
}

bool is_own(const Line& line) {
    return line.number >= 0 && line.verdict == Verdict::allow &&
           line.place.starts_with("warden.policy:") && !is_for_listeners(line);
}

}  // namespace

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (argc < 2) return 2;
    auto policy = parse_policy("warden.policy", policy_text);
    if (!policy) {
        std::printf("%s\n", policy.error().text.c_str());
        return 1;
    }
    Wardens wardens;
    std::set<const Line*> used;
    std::map<std::string, std::uint64_t> denied;
    std::uint64_t judged = 0;
    auto state = test::record(
        {argv + 1, argv + argc}, {}, kSecondsMax, [&](pid_t thread, const seccomp_data& call) {
            if (!wardens.are_judged(thread, call)) return 0;
            ++judged;
            const auto* arguments = reinterpret_cast<const std::uint64_t*>(call.args);
            const Line* line = test::line_for(*policy, call.nr, arguments);
            if (line != nullptr) used.insert(line);
            char text[64];
            std::snprintf(text, sizeof text, " (%#llx, %#llx)", call.args[0], call.args[1]);
            if (line == nullptr) ++denied[call_name(call.nr) + text];
            return 0;
        });
    if (!state) {
        std::printf("%s\n", state.error().text.c_str());
        return 1;
    }
    bool good = WIFEXITED(*state) && WEXITSTATUS(*state) == 0 && judged != 0;
    if (!good) std::printf("its tests failed, or there was no warden with a filter\n");
    for (const auto& [call, count] : denied) {
        std::printf("no line allows %s, made %llu times\n", call.c_str(),
                    static_cast<unsigned long long>(count));
        good = false;
    }
    for (const Line& line : policy->lines) {
        if (!is_own(line) || used.count(&line) != 0) continue;
        std::printf("%s: the line for %s was never used\n", line.place.c_str(), line.call.c_str());
        good = false;
    }
    return good ? 0 : 1;
}
