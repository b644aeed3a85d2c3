// System calls without a C library: no errno, no cancellation, no thread pointer needed. Each
// returns the kernel's answer; -4095 … -1 is a negative errno.
#pragma once

#include <stdint.h>
#include <sys/syscall.h>

namespace skerry::snapshot {

inline long raw_call(long number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0,
                     uint64_t e = 0, uint64_t f = 0) {
    long result;
    register uint64_t r10 asm("r10") = d;
    register uint64_t r8 asm("r8") = e;
    register uint64_t r9 asm("r9") = f;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

inline bool failed(long result) {
    return result < 0 && result >= -4095;
}

inline uint64_t number_of(const volatile void* pointer) {
    return reinterpret_cast<uint64_t>(pointer);
}
inline uint64_t number_of(int value) {
    return static_cast<uint64_t>(static_cast<int64_t>(value));
}

[[noreturn]] inline void raw_exit(int code) {
    for (;;) raw_call(SYS_exit_group, number_of(code));
}

}  // namespace skerry::snapshot
