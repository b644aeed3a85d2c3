/* The Skerry function SDK: what a native function links against (libskerry.a).
 *
 * A function is an executable called `bootstrap`. It is started once, before any request, and then
 * asks for one invocation after another:
 *
 *     int main(void) {
 *         struct skerry_invocation inv;
 *         // slow initialisation here: it is not paid for by requests
 *         while (skerry_next(&inv) == 0)
 *             skerry_respond(&inv, SKERRY_OK, "hello", 5);
 *     }
 *
 * Single-threaded use only, from the thread that called skerry_next first. With a declared
 * concurrency above one, several invocations may be taken with skerry_next before the first is
 * answered, and answered in any order.
 *
 * A function that takes long to initialise may be copied instead of started anew (a template): one
 * process runs up to its first call of skerry_next, skerry_try_next or skerry_concurrency, which
 * ends it; in each copy of its memory that call goes on and serves. That is sound if, until then,
 *   - there is one thread, and no child process;
 *   - no file, socket or other descriptor is left open (what was read from them is kept);
 *   - no memory is shared with anybody (MAP_SHARED), locked (mlock) or from hugetlbfs;
 *   - no timer or alarm is armed, no lock on a file is held, no file in /tmp is needed later;
 *   - nothing is kept that must differ between workers (unique names, seeds of random numbers,
 *     nonces, keys) or that gets old (times, tokens). skerry_after_copy takes hooks that make such
 *     things anew; OpenSSL's random numbers are seeded again without;
 *   - no memory that is private is expected to be zero after madvise(MADV_DONTNEED): it has the
 *     contents of the template again. glibc's malloc is fine. Programs whose malloc is not
 *     glibc's, or that did setenv("SKERRY_SNAPSHOT_EXACT", "1", 1), are copied such that it is
 *     zero, which takes longer.
 * The first three and armed timers are noticed: then workers are started anew as before. The log of
 * the template says why. Addresses, stack protectors and seeds of hash tables are the same in all
 * copies of one template, as they are after fork.
 *
 * Standard error is the function's log. Standard input and output are empty. There is no network,
 * and nothing may be written but /tmp.
 */
#ifndef SKERRY_H
#define SKERRY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum skerry_status {
    SKERRY_OK = 0,
    SKERRY_FUNCTION_ERROR = 1 /* the caller gets status function_error, and the bytes as its text */
};

struct skerry_invocation {
    const void* payload; /* valid until the invocation is answered; never NULL */
    size_t payload_bytes;
    void* response;           /* may be filled in place instead of copying: see skerry_respond */
    size_t response_capacity; /* largest response, in bytes */
    uint64_t request_id[2];   /* high, low */
    uint64_t trace_id[2];     /* W3C trace-id: high, low */
    uint64_t deadline_ns;     /* CLOCK_MONOTONIC; after it the caller has gone */
    uint32_t slot;            /* private to the SDK */
    uint32_t client_context_bytes; /* see skerry_client_context */
    uint64_t sequence;             /* private to the SDK */
};

/* Waits for the next invocation. The first call tells Skerry that initialisation is complete.
 * 0: `inv` is filled. -1: there is no channel (errno EBADF) or it is of another ABI (errno EPROTO):
 * the function was not started by Skerry, and should exit. Interrupted waits are resumed. */
int skerry_next(struct skerry_invocation* inv);

/* The same without waiting: 1: nothing is there now. */
int skerry_try_next(struct skerry_invocation* inv);

/* Answers an invocation. `data` is copied, unless it is inv->response itself.
 * 0: handed over. -1: errno EMSGSIZE (longer than response_capacity), or EINVAL (not an invocation
 * that is outstanding): nothing was sent, and the invocation may still be answered. */
int skerry_respond(const struct skerry_invocation* inv, enum skerry_status status, const void* data,
                   size_t bytes);

/* What the caller says about itself (X-Amz-Client-Context, decoded): JSON if the caller meant it to
 * be, any bytes if not; no zero ends it. `*bytes` of them, at most 2687, valid as the payload is.
 * NULL and 0: it said nothing. */
const void* skerry_client_context(const struct skerry_invocation* inv, size_t* bytes);

/* Calls `hook` in every copy before the call that makes it returns there, in the order of these
 * calls. Has no effect in a worker that is no copy. 0, or -1: there are 16 already. */
int skerry_after_copy(void (*hook)(void));

/* How many invocations may be outstanding at once: the declared concurrency. */
uint32_t skerry_concurrency(void);

#ifdef __cplusplus
}
#endif
#endif
