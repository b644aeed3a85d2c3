#include "sandbox/template/process.hpp"

#include <fcntl.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/rseq.h>

#include "sandbox/template/raw.hpp"
#include "sandbox/template/snapshot.h"

// glibc's, from 2.35 on; a program without them has nothing registered.
#pragma weak __rseq_offset
#pragma weak __rseq_size

namespace skerry::snapshot {
namespace {

constexpr int kSignals = 64;
constexpr uint64_t kMaskBytes = 8;
constexpr uint64_t kRseqSignature = 0x53053053;  // glibc's RSEQ_SIG for x86
constexpr uint64_t kRseqBytesMin = 32;

struct RestartableArea {  // struct rseq's beginning
    uint32_t cpu_id_start, cpu_id;
    uint64_t critical_section;
    uint32_t flags;
};
constexpr uint32_t kNotRegistered = static_cast<uint32_t>(-2);  // RSEQ_CPU_ID_REGISTRATION_FAILED

void read_rseq(Process& process) {
    process.rseq = 0;
    if (&__rseq_offset == nullptr || &__rseq_size == nullptr || __rseq_size == 0) return;
    const auto self = reinterpret_cast<uint64_t>(__builtin_thread_pointer());
    process.rseq = self + static_cast<uint64_t>(__rseq_offset);
    // What glibc registers: at least the first version's size, else whole units of it.
    process.rseq_bytes =
        (uint64_t{__rseq_size} + kRseqBytesMin - 1) / kRseqBytesMin * kRseqBytesMin;
}

void register_rseq(const Process& process) {
    if (process.rseq == 0) return;
    auto& area = *reinterpret_cast<volatile RestartableArea*>(process.rseq);
    area.critical_section = 0;
    if (failed(raw_call(SYS_rseq, process.rseq, process.rseq_bytes, 0, kRseqSignature))) {
        area.cpu_id_start = 0;
        area.cpu_id = kNotRegistered;  // its readers ask the kernel then
    }
}

void read_signals(Process& process) {
    for (int number = 1; number <= kSignals; ++number)
        raw_call(SYS_rt_sigaction, number_of(number), 0, number_of(&process.actions[number]),
                 kMaskBytes);
    raw_call(SYS_sigaltstack, 0, number_of(&process.signal_stack));
}

void set_actions(const Process& process) {
    // The rest is as it is in every new process: a jail begins with all defaults.
    for (int number = 1; number <= kSignals; ++number)
        if (process.actions[number].handler != 0 /* SIG_DFL */)
            raw_call(SYS_rt_sigaction, number_of(number), number_of(&process.actions[number]), 0,
                     kMaskBytes);
    if ((process.signal_stack.ss_flags & SS_DISABLE) == 0)
        raw_call(SYS_sigaltstack, number_of(&process.signal_stack), 0);
}

[[noreturn]] void give_up(const char* line) {
    raw_call(SYS_write, 2, number_of(line), strlen(line));
    raw_exit(kRestoreFailedExit);
}

// The numbers of /proc/self/stat behind the name, which may hold anything; the first is field 4.
bool take_fields(const char* text, uint64_t* fields, int count) {
    text = strrchr(text, ')');
    if (text == nullptr || strlen(text) < 4) return false;
    text += 4;  // ") S "
    for (int i = 0; i < count; ++i) {
        if (*text == '-') ++text;
        if (*text < '0' || *text > '9') return false;
        for (fields[i] = 0; *text >= '0' && *text <= '9'; ++text)
            fields[i] = fields[i] * 10 + static_cast<uint64_t>(*text - '0');
        if (*text == ' ') ++text;
    }
    return true;
}

}  // namespace

ProcFile::ProcFile(const char* path)
    : fd_(static_cast<int>(
          raw_call(SYS_openat, number_of(AT_FDCWD), number_of(path), O_RDONLY | O_CLOEXEC))) {}
ProcFile::~ProcFile() {
    if (fd_ >= 0) raw_call(SYS_close, number_of(fd_));
}
long ProcFile::read(char* buffer, uint64_t bytes) const {
    return raw_call(SYS_read, number_of(fd_), number_of(buffer), bytes);
}

uint64_t block_signals() {
    const uint64_t all = ~uint64_t{0};
    uint64_t before = 0;
    raw_call(SYS_rt_sigprocmask, SIG_SETMASK, number_of(&all), number_of(&before), kMaskBytes);
    return before;
}

void set_signals(uint64_t mask) {
    raw_call(SYS_rt_sigprocmask, SIG_SETMASK, number_of(&mask), 0, kMaskBytes);
}

int read_process(Process& process) {
    process.tid = static_cast<int>(raw_call(SYS_gettid));
    if (failed(raw_call(SYS_prctl, PR_GET_TID_ADDRESS, number_of(&process.tid_address))))
        return SKERRY_SNAPSHOT_kernel;
    process.tid_known = process.tid_address != nullptr && *process.tid_address == process.tid;
    // Process 1 stays process 1. What else caches the id is unknown without glibc.
    if (!process.tid_known && process.tid != 1) return SKERRY_SNAPSHOT_c_library;
    if (failed(raw_call(SYS_get_robust_list, 0, number_of(&process.robust_list),
                        number_of(&process.robust_list_bytes))))
        process.robust_list = 0;
    read_rseq(process);
    read_signals(process);
    if ((process.signal_stack.ss_flags & SS_ONSTACK) != 0) return SKERRY_SNAPSHOT_signal_stack;
    process.file_mask = static_cast<uint32_t>(raw_call(SYS_umask, 0));
    raw_call(SYS_umask, process.file_mask);
    raw_call(SYS_prctl, PR_GET_NAME, number_of(process.name));
    if (failed(raw_call(SYS_getcwd, number_of(process.folder), sizeof process.folder)))
        return SKERRY_SNAPSHOT_proc;
    return 0;
}

int read_program(ProgramMap& program) {
    unsigned int bytes = 0;
    if (failed(raw_call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP_SIZE, number_of(&bytes))))
        return SKERRY_SNAPSHOT_kernel;
    char text[1024];
    const ProcFile stat("/proc/self/stat");
    const long got = stat.read(text, sizeof text - 1);
    if (got <= 0) return SKERRY_SNAPSHOT_proc;
    text[got] = '\0';
    constexpr int kFirst = 4, kLast = 51;  // proc(5) counts from 1
    uint64_t fields[kLast + 1] = {};
    if (!take_fields(text, fields + kFirst, kLast - kFirst + 1)) return SKERRY_SNAPSHOT_proc;
    program = {fields[26], fields[27], fields[45], fields[46], fields[47], 0,
               fields[28], fields[48], fields[49], fields[50], fields[51]};
    program.brk = static_cast<uint64_t>(raw_call(SYS_brk, 0));
    return 0;
}

void become(const Process& process) {
    raw_call(SYS_munmap, kReservedStart, kReservedEnd - kReservedStart);
    const int tid = static_cast<int>(raw_call(SYS_gettid));
    if (process.tid_known)
        *process.tid_address = tid;
    else if (tid != process.tid)
        give_up("skerry: a copy without glibc must have its template's process id\n");
    raw_call(SYS_set_tid_address, number_of(process.tid_address));
    if (process.robust_list != 0)
        raw_call(SYS_set_robust_list, process.robust_list, process.robust_list_bytes);
    register_rseq(process);
    raw_call(SYS_umask, process.file_mask);
    if (failed(raw_call(SYS_chdir, number_of(process.folder))))
        give_up("skerry: the template's working directory is not there in a copy\n");
    raw_call(SYS_prctl, PR_SET_NAME, number_of(process.name));
    set_actions(process);
    set_signals(process.mask);
}

}  // namespace skerry::snapshot
