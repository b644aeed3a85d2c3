// A snapshot, byte by byte: one process's memory and registers in a memfd, as skerry_snapshot()
// writes it and the restorer reads it. x86-64 Linux only; all numbers are in host order, and a
// snapshot is of use on the machine and kernel boot that made it alone.
//
//     0            Header
//     kFilesOffset File[kFilesMax]   files that are mapped again instead of being copied
//     kAreasOffset Area[kAreasMax]   ascending by address; memory that is in no area is unmapped
//     kDataOffset  contents, page by page, up to data_end; then a hole (see README.md, "The tail")
//
// Whoever wrote it is as untrusted as the function it is of. check.hpp says what the restorer
// relies on.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifndef __x86_64__
#error "snapshots exist for x86-64 only: registers, vdso and system calls are those of that machine"
#endif

namespace skerry::snapshot {

// The descriptor of the memfd, in the template (writable) and in each copy (sealed); of a restorer
// that stands by, a socket through which that comes.
inline constexpr int kSnapshotFd = 100;
// What comes there: one record, the number of descriptors with it as a uint32_t. The last one is
// the snapshot, those before become kFirstGivenFd and so on.
inline constexpr int kFirstGivenFd = 3;
inline constexpr int kGivenFdsMax = 32;
// Its value is the number of the memfd; a process that finds it is a template.
inline constexpr char kSnapshotVariable[] = "SKERRY_SNAPSHOT_FD";
// Exit codes. Template: 0 after a dump, kRefusedExit + reason when it can't be copied (snapshot.h).
inline constexpr int kRefusedExit = 80;
// The restorer, when it does not become the copy; one line on descriptor 2 says why.
inline constexpr int kRestoreFailedExit = 125;

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kMagic = 0x31304e53'59524b53;  // "SKRYSN01"
inline constexpr uint32_t kVersion = 1;

// The restorer lives here while it replaces everything above: a process that has memory here is
// refused. Below the address of an ordinary executable that is not position-independent.
inline constexpr uint64_t kReservedStart = 0x10000;  // the usual vm.mmap_min_addr
inline constexpr uint64_t kTableAddress = 0x200000;  // where it maps the first kDataOffset bytes
inline constexpr uint64_t kParkAddress = 0x380000;   // where vdso and vvar wait
inline constexpr uint64_t kReservedEnd = 0x400000;
inline constexpr uint64_t kAddressEnd = 0x7ffffffff000;  // 47 bits, as everybody has by default

inline constexpr uint32_t kFilesMax = 256;
inline constexpr uint32_t kAreasMax = 16384;
inline constexpr uint32_t kSpecialMax = 4;             // [vvar], [vvar_vclock], [vdso], one to come
inline constexpr uint64_t kSpecialBytesMax = 1 << 18;  // of all of them, and how far they are apart
inline constexpr uint64_t kFilesOffset = kPageBytes;
inline constexpr uint64_t kAreasOffset = 128 << 10;
inline constexpr uint64_t kDataOffset = 1 << 20;

// What a called function must preserve.
struct Context {
    uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
    uint32_t mxcsr;
    uint32_t x87_control;  // the upper half is unused
};

// Memory that the kernel provides and that can only be moved, not made.
struct Special {
    uint64_t start;
    uint64_t bytes;
};

// Where the kernel believes a program's parts to be: struct prctl_mm_map's first eleven words.
struct ProgramMap {
    uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
    uint64_t arg_start, arg_end, env_start, env_end;
};

struct Header {
    uint64_t magic;  // written last: a snapshot that was not finished is none
    uint32_t version;
    uint32_t file_count;
    uint32_t area_count;
    uint32_t special_count;
    uint32_t vdso_index;  // in `special`; meaningless without any
    uint32_t reserved;
    uint64_t data_end;
    uint64_t fs_base;
    ProgramMap program;
    Special special[kSpecialMax];  // ascending
    Context context;
};

struct File {
    uint64_t device, inode, bytes;  // as fstat says in the template and must say in the copy
    int64_t mtime_s, mtime_ns;
    char path[280];  // absolute, in the jail's root; ends with a zero
};

enum class AreaKind : uint32_t {
    zero = 0,  // anonymous memory, all zeros
    data = 1,  // a private mapping of the snapshot at `offset`
    file = 2,  // a private mapping of files[file] at `offset`
    fill = 3,  // no mapping: `bytes` are read from `offset` into the writable zero area before it
};

enum AreaFlag : uint16_t {
    kGrowsDown = 1,  // the stack
    kNoReserve = 2,
    kWipeOnFork = 4,  // holds nothing a copy may have: always a zero area
    kDontFork = 8,
    kAllFlags = 15,
};

struct Area {
    uint64_t start;  // both in whole pages
    uint64_t bytes;
    uint64_t offset;  // in whole pages
    AreaKind kind;
    uint16_t protection;  // PROT_…
    uint16_t flags;       // AreaFlag, of zero areas only
    uint32_t file;
    uint32_t reserved;
};

static_assert(sizeof(Context) == 72 && offsetof(Context, rsp) == 48 &&
              offsetof(Context, rip) == 56);
static_assert(offsetof(Context, mxcsr) == 64 && offsetof(Context, x87_control) == 68);
static_assert(sizeof(Header) <= kPageBytes && sizeof(File) == 320 && sizeof(Area) == 40);
static_assert(kFilesOffset + kFilesMax * sizeof(File) <= kAreasOffset);
static_assert(kAreasOffset + kAreasMax * sizeof(Area) <= kDataOffset);
static_assert(kTableAddress + kDataOffset <= kParkAddress);
static_assert(kParkAddress + kSpecialBytesMax <= kReservedEnd);

}  // namespace skerry::snapshot
