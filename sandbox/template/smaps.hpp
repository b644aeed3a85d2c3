// /proc/self/smaps, line by line: what the kernel says about each area of a process's memory.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace skerry::snapshot {

inline constexpr size_t kLineBytesMax = 4608;  // a path of 4096, and what stands before it

struct Vma {
    uint64_t start, end;
    uint64_t offset;      // in the file
    uint64_t inode;       // 0: anonymous
    uint16_t protection;  // PROT_…
    bool shared;
    uint64_t present_kib;    // in memory or swapped out
    uint64_t anonymous_kib;  // of these, not (or no longer) the file's
    char name[280];          // a path, or [name], or nothing
    bool name_cut;           // it is longer than that
    uint32_t traits;         // Trait, of the VmFlags
};

enum Trait : uint32_t {
    kMayWrite = 1 << 0,      // mw
    kStackLike = 1 << 1,     // gd
    kHugetlb = 1 << 2,       // ht
    kDevice = 1 << 3,        // io, pf, mm
    kLocked = 1 << 4,        // lo
    kWiped = 1 << 5,         // wf: zero in a child
    kDropped = 1 << 6,       // dp: may become zero at any time
    kNotInherited = 1 << 7,  // dc
    kUnreserved = 1 << 8,    // nr
    kWatched = 1 << 9,       // um, uw, ui: userfaultfd
    kShadowStack = 1 << 10,  // ss
};

enum class Line { more, complete, malformed };

// Takes one line without its newline. complete: `vma` is whole now (the line was its VmFlags). The
// first line of an area resets it. `vma` must be zeros before the first.
Line take_line(const char* line, size_t length, Vma& vma);

}  // namespace skerry::snapshot
