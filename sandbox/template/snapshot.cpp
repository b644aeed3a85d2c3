// The template's side, from one call to its two returns. Freestanding like the SDK it is part of:
// no exceptions, no libstdc++, no heap.
#include "sandbox/template/snapshot.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "sandbox/template/dump.hpp"
#include "sandbox/template/process.hpp"
#include "sandbox/template/raw.hpp"

extern "C" {
// Of programs that have them.
[[gnu::weak]] int RAND_poll(void);
#pragma weak dlsym
#pragma weak dladdr
#pragma weak dladdr1

// Returns 0; and again, with 1, in each copy. As setjmp, but the restorer is its longjmp.
[[gnu::returns_twice, gnu::visibility("hidden")]] int skerry_snapshot_context(
    skerry::snapshot::Context* context);
}

asm(".text\n"
    ".globl skerry_snapshot_context\n"
    ".hidden skerry_snapshot_context\n"
    ".type skerry_snapshot_context, @function\n"
    "skerry_snapshot_context:\n"
    "  mov %rbx, 0(%rdi)\n"
    "  mov %rbp, 8(%rdi)\n"
    "  mov %r12, 16(%rdi)\n"
    "  mov %r13, 24(%rdi)\n"
    "  mov %r14, 32(%rdi)\n"
    "  mov %r15, 40(%rdi)\n"
    "  lea 8(%rsp), %rdx\n"
    "  mov %rdx, 48(%rdi)\n"
    "  mov (%rsp), %rdx\n"
    "  mov %rdx, 56(%rdi)\n"
    "  stmxcsr 64(%rdi)\n"
    "  fnstcw 68(%rdi)\n"
    "  xor %eax, %eax\n"
    "  ret\n"
    ".size skerry_snapshot_context, .-skerry_snapshot_context\n");

namespace skerry::snapshot {
namespace {

constexpr int kHooksMax = 16;

// Not on the stack: what is on it when the context is taken must be the same in a copy.
Process process;
Header header;
void (*hooks[kHooksMax])(void);
int hook_count = 0;

// Looked for by name, because a plug-in may have brought it after the program was linked.
void* global_symbol(const char* name) {
    return &dlsym != nullptr ? dlsym(RTLD_DEFAULT, name) : nullptr;
}

enum class Owner { glibc, unknown, other };

// unknown: the program took the function's address, so that its own stub for calls stands for it.
Owner owner_of(const char* name, const void* glibc_base) {
    void* const function = global_symbol(name);
    Dl_info found{};
    void* symbol = nullptr;
    if (function == nullptr || dladdr1(function, &found, &symbol, RTLD_DL_SYMENT) == 0)
        return Owner::other;
    if (found.dli_fbase == glibc_base) return Owner::glibc;
    const auto* entry = static_cast<const ElfW(Sym)*>(symbol);
    return entry != nullptr && entry->st_shndx == SHN_UNDEF ? Owner::unknown : Owner::other;
}

// Whether memory that the allocator gives back and uses again may be other than zero. glibc's does
// not count on zeros there; about others nobody knows. Another one replaces all four at once.
bool is_glibc_malloc() {
    if (&dladdr == nullptr || &dladdr1 == nullptr) return false;
    Dl_info glibc{};
    void* const version = global_symbol("gnu_get_libc_version");
    if (version == nullptr || dladdr(version, &glibc) == 0) return false;
    bool any = false;
    static constexpr const char* kNames[] = {"malloc", "calloc", "realloc", "free"};
    for (const char* name : kNames) {
        const Owner owner = owner_of(name, glibc.dli_fbase);
        if (owner == Owner::other) return false;
        any = any || owner == Owner::glibc;
    }
    return any;
}

void seed_openssl() {
    int (*poll)(void) = &RAND_poll;
    if (poll == nullptr) poll = reinterpret_cast<int (*)(void)>(global_symbol("RAND_poll"));
    if (poll != nullptr) poll();
}

int read_all() {
    if (const int reason = read_process(process); reason != 0) return reason;
    header = Header{};
    if (const int reason = read_program(header.program); reason != 0) return reason;
    header.fs_base = number_of(__builtin_thread_pointer());  // the ABI: %fs:0 holds its own address
    header.version = kVersion;
    return 0;
}

int write_all(int memfd, bool exact) {
    if (const int reason = dump_memory(memfd, exact, header); reason != 0) return reason;
    header.magic = kMagic;
    const long done =
        raw_call(SYS_pwrite64, number_of(memfd), number_of(&header), sizeof header, 0);
    return done == static_cast<long>(sizeof header) ? 0 : int{SKERRY_SNAPSHOT_memfd};
}

}  // namespace
}  // namespace skerry::snapshot

extern "C" {

using namespace skerry::snapshot;

int skerry_snapshot(int memfd) {
    // Seeding sets up much the first time: once here instead of in each copy.
    seed_openssl();
    if (const int reason = refuse_process(memfd); reason != 0) return -reason;
    const bool exact = getenv("SKERRY_SNAPSHOT_EXACT") != nullptr || !is_glibc_malloc();
    const uint64_t mask = block_signals();
    process.mask = mask;
    int reason = read_all();
    if (reason == 0) {
        if (skerry_snapshot_context(&header.context) != 0) {
            become(process);
            seed_openssl();
            for (int i = 0; i < hook_count; ++i) hooks[i]();
            return 1;
        }
        reason = write_all(memfd, exact);
    }
    set_signals(mask);
    return -reason;
}

int skerry_after_copy(void (*hook)(void)) {
    if (hook == nullptr || hook_count == kHooksMax) return -1;
    hooks[hook_count++] = hook;
    return 0;
}

const char* skerry_snapshot_text(int reason) {
    switch (reason < 0 ? -reason : reason) {
#define SKERRY_REASON(number, name, text) \
    case number:                          \
        return text;
#include "sandbox/template/reasons.def"
#undef SKERRY_REASON
        default:
            return "no reason";
    }
}

const char* skerry_snapshot_name(int reason) {
    switch (reason < 0 ? -reason : reason) {
#define SKERRY_REASON(number, name, text) \
    case number:                          \
        return #name;
#include "sandbox/template/reasons.def"
#undef SKERRY_REASON
        default:
            return "none";
    }
}

}  // extern "C"
