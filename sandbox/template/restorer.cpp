// The restorer: a static program without a C library that replaces its own memory by that of a
// snapshot and goes on where the snapshot was taken. It is trusted code that runs inside the jail
// with no more rights than the function, so a hostile snapshot gains what a hostile function has.
//
// Descriptor kSnapshotFd: the snapshot, or a socket through which it will come. Arguments and
// environment are not looked at: the copy has those of its template. Exits with kRestoreFailedExit
// after one line on descriptor 2.
#include <fcntl.h>
#include <linux/auxvec.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sandbox/template/check.hpp"
#include "sandbox/template/raw.hpp"

namespace {

using namespace skerry::snapshot;

constexpr uint64_t kArchSetFs = 0x1002;
constexpr uint64_t kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr uint64_t kNoFd = ~uint64_t{0};

size_t length_of(const char* text) {
    size_t length = 0;
    while (text[length] != '\0') ++length;
    return length;
}

// The C library may be gone by now; this program and its stack are not.
[[noreturn]] void fail(const char* what, long error = 0) {
    char line[160];
    size_t used = 0;
    const auto add = [&](const char* text, size_t length) {
        for (size_t i = 0; i < length && used < sizeof line - 1; ++i) line[used++] = text[i];
    };
    add("skerry-restore: ", 16);
    add(what, length_of(what));
    if (failed(error)) {
        char digits[4];
        size_t first = sizeof digits;
        for (long rest = -error; rest != 0; rest /= 10)
            digits[--first] = static_cast<char>('0' + rest % 10);
        add(", errno ", 8);
        add(digits + first, sizeof digits - first);
    }
    line[used++] = '\n';
    raw_call(SYS_write, 2, number_of(line), used);
    raw_exit(kRestoreFailedExit);
}

long need(long result, const char* what) {
    if (failed(result)) fail(what, result);
    return result;
}

// Takes what comes to the numbers where the copy is to have it. The socket is closed before
// anything of the snapshot is looked at; whoever had the other end is done with it, too.
void take_descriptors() {
    uint32_t count = 0;
    iovec part{&count, sizeof count};
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * kGivenFdsMax)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const long got = need(raw_call(SYS_recvmsg, kSnapshotFd, number_of(&message), 0), "recvmsg");
    if (got == 0) raw_exit(kRestoreFailedExit);  // there is nobody who could want this copy
    const cmsghdr* given = CMSG_FIRSTHDR(&message);
    if (got != sizeof count || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || count == 0 ||
        count > kGivenFdsMax || given == nullptr || given->cmsg_level != SOL_SOCKET ||
        given->cmsg_type != SCM_RIGHTS || given->cmsg_len != CMSG_LEN(sizeof(int) * count))
        fail("the snapshot did not come");
    const auto* numbers = reinterpret_cast<const int*>(CMSG_DATA(given));
    // The kernel gives the lowest that are free, and none of these was taken.
    for (uint32_t i = 0; i < count; ++i)
        if (numbers[i] != kFirstGivenFd + static_cast<int>(i))
            fail("a descriptor is not where it has to be");
    const auto last = static_cast<uint64_t>(numbers[count - 1]);
    need(raw_call(SYS_dup2, last, kSnapshotFd), "dup2");
    raw_call(SYS_close, last);
}

// In a jail that was made before it was known for what.
void await_snapshot() {
    struct stat found;
    need(raw_call(SYS_fstat, kSnapshotFd, number_of(&found)), "there is no snapshot");
    if (S_ISSOCK(found.st_mode)) take_descriptors();
}

Tables map_tables() {
    struct stat found;
    need(raw_call(SYS_fstat, kSnapshotFd, number_of(&found)), "there is no snapshot");
    if (found.st_size < static_cast<off_t>(kDataOffset)) fail("the snapshot is too short");
    need(raw_call(SYS_mmap, kTableAddress, kDataOffset, PROT_READ, MAP_PRIVATE | MAP_FIXED,
                  kSnapshotFd, 0),
         "the snapshot can't be mapped");
    const Tables tables{reinterpret_cast<const Header*>(kTableAddress),
                        reinterpret_cast<const File*>(kTableAddress + kFilesOffset),
                        reinterpret_cast<const Area*>(kTableAddress + kAreasOffset)};
    if (const char* wrong = flaw(tables, static_cast<uint64_t>(found.st_size)); wrong != nullptr)
        fail(wrong);
    return tables;
}

uint64_t own_vdso(const uint64_t* stack) {
    stack += 1 + *stack + 1;      // the number of arguments, they, and their end
    while (*stack != 0) ++stack;  // the environment
    for (++stack; stack[0] != AT_NULL; stack += 2)
        if (stack[0] == AT_SYSINFO_EHDR) return stack[1];
    return 0;
}

void move(uint64_t from, uint64_t to, uint64_t bytes) {
    need(raw_call(SYS_mremap, from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to),
         "the vdso can't be moved");
}

// The C library in the snapshot has pointers into the vdso. One kernel lays these areas out alike
// in all its processes, so ours are as far from our vdso as the template's were from its own.
void park_special(const Header& header, uint64_t vdso) {
    if (header.special_count == 0) return;
    if (vdso == 0) fail("this process has no vdso, and its template had");
    const uint64_t first = header.special[0].start;
    const uint64_t vdso_there = header.special[header.vdso_index].start;
    for (uint32_t i = 0; i < header.special_count; ++i) {
        const Special& area = header.special[i];
        move(vdso - vdso_there + area.start, kParkAddress + (area.start - first), area.bytes);
    }
}

void place_special(const Header& header) {
    for (uint32_t i = 0; i < header.special_count; ++i) {
        const Special& area = header.special[i];
        move(kParkAddress + (area.start - header.special[0].start), area.start, area.bytes);
    }
}

// Opens each file once: the areas of a library follow each other.
class Files {
  public:
    explicit Files(const File* files) : files_(files) {}
    uint64_t open(uint32_t index) {
        if (fd_ >= 0 && index == index_) return static_cast<uint64_t>(fd_);
        close();
        const File& file = files_[index];
        fd_ = need(raw_call(SYS_openat, number_of(AT_FDCWD), number_of(file.path),
                            O_RDONLY | O_CLOEXEC | O_NONBLOCK),
                   "a mapped file can't be opened");
        index_ = index;
        struct stat found;
        need(raw_call(SYS_fstat, static_cast<uint64_t>(fd_), number_of(&found)), "fstat");
        if (found.st_dev != file.device || found.st_ino != file.inode ||
            static_cast<uint64_t>(found.st_size) != file.bytes ||
            found.st_mtim.tv_sec != file.mtime_s || found.st_mtim.tv_nsec != file.mtime_ns)
            fail("a mapped file has changed");
        return static_cast<uint64_t>(fd_);
    }
    void close() {
        if (fd_ >= 0) raw_call(SYS_close, static_cast<uint64_t>(fd_));
        fd_ = -1;
    }

  private:
    const File* files_;
    long fd_ = -1;
    uint32_t index_ = 0;
};

void map(const Area& area, uint64_t flags, uint64_t fd, uint64_t offset) {
    need(raw_call(SYS_mmap, area.start, area.bytes, area.protection, flags | MAP_FIXED, fd, offset),
         "an area can't be mapped");
}

void map_zero(const Area& area) {
    uint64_t flags = kAnonymous;
    if ((area.flags & kGrowsDown) != 0) flags |= MAP_GROWSDOWN | MAP_STACK;
    if ((area.flags & kNoReserve) != 0) flags |= MAP_NORESERVE;
    map(area, flags, kNoFd, 0);
    if ((area.flags & kWipeOnFork) != 0)
        need(raw_call(SYS_madvise, area.start, area.bytes, MADV_WIPEONFORK), "madvise");
    if ((area.flags & kDontFork) != 0)
        need(raw_call(SYS_madvise, area.start, area.bytes, MADV_DONTFORK), "madvise");
}

void fill(const Area& area) {
    for (uint64_t done = 0; done < area.bytes;) {
        const long got = need(raw_call(SYS_pread64, kSnapshotFd, area.start + done,
                                       area.bytes - done, area.offset + done),
                              "the snapshot can't be read");
        if (got == 0) fail("the snapshot is too short");
        done += static_cast<uint64_t>(got);
    }
}

void map_areas(const Tables& tables) {
    Files files(tables.files);
    for (uint32_t i = 0; i < tables.header->area_count; ++i) {
        const Area& area = tables.areas[i];
        switch (area.kind) {
            case AreaKind::zero:
                map_zero(area);
                break;
            case AreaKind::data:
                map(area, MAP_PRIVATE, kSnapshotFd, area.offset);
                break;
            case AreaKind::file:
                map(area, MAP_PRIVATE, files.open(area.file), area.offset);
                break;
            case AreaKind::fill:
                fill(area);
                break;
        }
    }
    files.close();
}

// Without it the kernel would go on believing that the heap is behind this program, and a C library
// that gives heap back would count with that.
void tell_kernel(const Header& header) {
    struct {
        ProgramMap map;
        uint64_t auxv;
        uint32_t auxv_bytes;
        uint32_t exe_fd;
    } told{header.program, 0, 0, ~0u};
    static_assert(sizeof told == sizeof(prctl_mm_map));
    need(raw_call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, number_of(&told), sizeof told),
         "the kernel does not take the heap's place");
}

[[noreturn]] void go_on(const Header& header) {
    need(raw_call(SYS_arch_prctl, kArchSetFs, header.fs_base), "arch_prctl");
    asm volatile(
        "ldmxcsr 64(%%rdi)\n"
        "fldcw 68(%%rdi)\n"
        "mov 0(%%rdi), %%rbx\n"
        "mov 8(%%rdi), %%rbp\n"
        "mov 16(%%rdi), %%r12\n"
        "mov 24(%%rdi), %%r13\n"
        "mov 32(%%rdi), %%r14\n"
        "mov 40(%%rdi), %%r15\n"
        "mov 48(%%rdi), %%rsp\n"
        "mov $1, %%eax\n"
        "jmp *56(%%rdi)\n"
        :
        : "D"(&header.context)
        : "memory");
    __builtin_unreachable();
}

}  // namespace

extern "C" {

// The compiler may call these on its own.
void* memcpy(void* to, const void* from, size_t bytes) {
    void* result = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return result;
}
void* memset(void* to, int value, size_t bytes) {
    void* result = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
    return result;
}

[[noreturn, gnu::used]] void skerry_restore(const uint64_t* kernel_stack) {
    // No handler of the copy may run before its memory is there; it sets its own mask.
    const uint64_t all = ~uint64_t{0};
    need(raw_call(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, number_of(&all), 0, sizeof all),
         "rt_sigprocmask");
    await_snapshot();
    const Tables tables = map_tables();
    const Header& header = *tables.header;
    park_special(header, own_vdso(kernel_stack));
    need(raw_call(SYS_munmap, kReservedEnd, kAddressEnd - kReservedEnd), "munmap");
    place_special(header);
    map_areas(tables);
    raw_call(SYS_close, kSnapshotFd);
    tell_kernel(header);
    go_on(header);
}

// Its own stack, because the kernel's is about to be unmapped.
alignas(16) unsigned char skerry_restore_stack[16384];
asm(".globl _start\n"
    "_start:\n"
    "  mov %rsp, %rdi\n"
    "  lea skerry_restore_stack+16384(%rip), %rsp\n"
    "  xor %ebp, %ebp\n"
    "  call skerry_restore\n"
    "  hlt\n");

}  // extern "C"
