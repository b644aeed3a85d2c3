// What the kernel keeps about a process besides its memory: read in the template, and given to the
// kernel again in a copy. Lives in the process's own memory, which is how it gets into copies.
#pragma once

#include <signal.h>
#include <stdint.h>

#include "sandbox/template/layout.hpp"

namespace skerry::snapshot {

struct SignalAction {  // as rt_sigaction has it
    uint64_t handler, flags, restorer, mask;
};

struct Process {
    int tid;
    int* tid_address;  // what the kernel clears at the end of the thread
    bool tid_known;    // the C library keeps its copy of the id there
    uint64_t robust_list, robust_list_bytes;
    uint64_t rseq, rseq_bytes;  // 0: not registered
    SignalAction actions[65];   // by number
    stack_t signal_stack;
    uint64_t mask;  // of signals, before all were blocked
    uint32_t file_mask;
    char name[16];
    char folder[4096];
};

// All return 0 or a skerry_snapshot_reason.

// Whether it has anything that can't be in a copy, memory aside: threads, descriptors, …
int refuse_process(int memfd);
// Fills everything but `mask`.
int read_process(Process& process);
int read_program(ProgramMap& program);

// In a copy: never fails, but ends the process if it could not be what it was.
void become(const Process& process);

// Blocks all signals, and tells which were. set_signals undoes it.
uint64_t block_signals();
void set_signals(uint64_t mask);

// An open file in /proc/self that is read to its end once. Does not allocate.
class ProcFile {
  public:
    explicit ProcFile(const char* path);
    ~ProcFile();
    ProcFile(const ProcFile&) = delete;
    // Bytes read, 0 at the end, or negative.
    long read(char* buffer, uint64_t bytes) const;
    int fd() const { return fd_; }

  private:
    int fd_;
};

}  // namespace skerry::snapshot
