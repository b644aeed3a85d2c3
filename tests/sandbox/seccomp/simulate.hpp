// The kernel's part: what a program answers to a call. Knows the instructions that libseccomp uses.
#pragma once

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cstring>

#include "sandbox/base/check.hpp"
#include "sandbox/seccomp/program.hpp"

namespace skerry::seccomp::test {

#ifdef __x86_64__
inline constexpr std::uint32_t kArch = AUDIT_ARCH_X86_64;
#else
inline constexpr std::uint32_t kArch = AUDIT_ARCH_AARCH64;
#endif

inline std::uint32_t simulate(const Program& program, const seccomp_data& call) {
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const sock_filter& one = program[at];
        const auto jump = [&one](bool condition) -> std::size_t {
            return condition ? one.jt : one.jf;
        };
        switch (one.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                SKERRY_CHECK(one.k % 4 == 0 && one.k + 4 <= sizeof call);
                std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + one.k, 4);
                break;
            case BPF_ALU | BPF_AND | BPF_K:
                accumulator &= one.k;
                break;
            case BPF_JMP | BPF_JA:
                at += one.k;
                break;
            case BPF_JMP | BPF_JEQ | BPF_K:
                at += jump(accumulator == one.k);
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                at += jump(accumulator >= one.k);
                break;
            case BPF_JMP | BPF_JGT | BPF_K:
                at += jump(accumulator > one.k);
                break;
            case BPF_RET | BPF_K:
                return one.k;
            default:
                SKERRY_CHECK(false);
        }
    }
    SKERRY_CHECK(false);
    return 0;
}

}  // namespace skerry::seccomp::test
