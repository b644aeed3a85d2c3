// A policy of system calls: the text of a *.policy file, read and checked.
//
//     # a comment
//     include common.policy                        the lines of that file, as if they stood here
//     include allowed native.policy                what that file allows (last in a file)
//     allow read                                   # reason
//     allow socket arg0 == AF_UNIX                 # reason
//     allow clone arg0 & NEW_NAMESPACES == 0       # reason
//     refuse ENOSYS clone3                         # reason
//     refuse ENOSYS nr452                          # reason; a call newer than libseccomp
//
// A line that names a call has a reason. Several conditions are joined by "and", at most one for
// each argument. Values are numbers or names of constants.cpp, joined by "|". Conditions look at
// the low 32 bits of an argument, as the kernel does itself with those that a policy may name
// (int, unsigned int, flags of clone): what is above them is undefined in a correct program.
// What no line names gets the default verdict, which is not the policy's to say (program.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::seccomp {

inline constexpr std::size_t kPolicyBytesMax = 64u << 10;
inline constexpr std::size_t kLinesMax = 1024;  // of one policy, with what it includes
inline constexpr std::size_t kArguments = 6;

// Holds when (argument & mask) == value.
struct Condition {
    std::uint32_t argument = 0;  // its number, from 0
    std::uint32_t mask = 0xffffffffu;
    std::uint32_t value = 0;
    friend bool operator==(const Condition&, const Condition&) = default;
};

enum class Verdict { allow, refuse };

struct Line {
    Verdict verdict = Verdict::allow;
    int error = 0;  // errno that a refused call returns
    std::string call;
    int number = 0;  // of the call; below zero: it does not exist on this architecture
    std::vector<Condition> conditions;
    std::string reason;
    std::string place;  // "common.policy:12"
};

struct Policy {
    std::string name;
    std::vector<Line> lines;
};

// The text of a file; nullopt: there is none of that name.
using Files = std::function<std::optional<std::string_view>(std::string_view name)>;

// The error names the file, the line, what was found and what is needed. Of the lines for one call
// no two may hold for the same reason: one without conditions stands alone.
Result<Policy> parse_policy(std::string_view name, const Files& files);

// The name of a call of this machine by its number; "nr451" for one that libseccomp does not know.
std::string call_name(int number);

}  // namespace skerry::seccomp
