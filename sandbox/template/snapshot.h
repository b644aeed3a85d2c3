/* Copying an initialised process: the template's side. README.md has the whole picture.
 *
 * skerry_snapshot() writes the calling process into a memfd. A restorer in another process, which
 * is given that memfd, becomes a copy of it: there the same call returns again, with 1. Functions
 * that use libskerry.a need none of this: skerry_next() calls it.
 *
 * x86-64 Linux, one thread. Not for signal handlers. Neither allocates nor throws.
 */
#ifndef SKERRY_SNAPSHOT_H
#define SKERRY_SNAPSHOT_H

#ifdef __cplusplus
extern "C" {
#endif

/* Why a process can't be copied. The numbers are stable: a template that is refused exits with
 * 80 + its reason. */
enum skerry_snapshot_reason {
#define SKERRY_REASON(number, name, text) SKERRY_SNAPSHOT_##name = number,
#include "sandbox/template/reasons.def"
#undef SKERRY_REASON
};

/* 0: `memfd` (empty, writable, not sealed) is a whole snapshot now, and this process should end:
 * what it does from now on is in no copy. 1: this is a copy, at some later time, in another
 * process. Negative: minus a reason; the memfd is no snapshot, and this process goes on as if
 * nothing had been.
 *
 * A copy has the template's memory, registers, signal handlers and mask, working directory and
 * umask. It has not: the template's descriptors (a snapshot is refused if there are any but 0, 1, 2
 * and `memfd`; a copy has what it was started with, without the memfd), its environment's newer
 * values, limits, timers, locks, its process id. Before this returns 1 OpenSSL's random numbers are
 * seeded again, if its libcrypto is in the program's global scope, and hooks are called. */
int skerry_snapshot(int memfd);

/* The text of a reason (positive or negative), never NULL. */
const char *skerry_snapshot_text(int reason);
/* Its name, as in metrics. */
const char *skerry_snapshot_name(int reason);

/* `hook` is called in every copy before skerry_snapshot() returns there, in the order of these
 * calls: for what no two processes may have in common, such as the state of a random number
 * generator, or a unique name. 0, or -1 when there are 16 already. */
int skerry_after_copy(void (*hook)(void));

#ifdef __cplusplus
}
#endif
#endif
