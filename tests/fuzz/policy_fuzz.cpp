// Any bytes as a policy of system calls: refused with a place, or a program that says what the
// policy says. Includes name two small files.
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sandbox/base/check.hpp"
#include "tests/sandbox/seccomp/evaluate.hpp"
#include "tests/sandbox/seccomp/simulate.hpp"

namespace {

using namespace skerry;
using namespace skerry::seccomp;

std::uint32_t expected(const Line* line) {
    if (line == nullptr) return SECCOMP_RET_KILL_PROCESS;
    if (line->verdict == Verdict::allow) return SECCOMP_RET_ALLOW;
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(line->error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 4096) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto policy =
        parse_policy("f", [text](std::string_view name) -> std::optional<std::string_view> {
            if (name == "f") return text;
            if (name == "b") return "allow read # b\nallow socket arg0 == AF_UNIX # b\n";
            if (name == "c") return "include f\n";
            return std::nullopt;
        });
    if (!policy) {
        SKERRY_CHECK(!policy.error().text.empty());
        return 0;
    }
    const auto program = compile(*policy, Otherwise::kill);
    if (!program) return 0;  // conditions that libseccomp can't hold together
    for (const Line& line : policy->lines) {
        SKERRY_CHECK(!line.reason.empty() && !line.place.empty());
        if (line.number < 0) continue;
        seccomp_data call{};
        call.nr = line.number;
        call.arch = seccomp::test::kArch;
        for (const Condition& one : line.conditions) call.args[one.argument] = one.value;
        // Overlapping conditions of different verdicts have no order; here, one of them is said.
        const std::uint32_t said = seccomp::test::simulate(*program, call);
        bool one_of_them = false;
        for (const Line& other : policy->lines) {
            const auto* arguments = reinterpret_cast<const std::uint64_t*>(call.args);
            one_of_them = one_of_them || (seccomp::test::holds(other, call.nr, arguments) &&
                                          said == expected(&other));
        }
        SKERRY_CHECK(one_of_them);
    }
    return 0;
}
