/* Answers with what it was asked, several requests at a time: deploy it with --concurrency 16.
 * Takes all that are there, then answers them newest first, since the order is the function's own
 * business. One wake-up for a burst is what makes it cheaper per request than `echo`. */
#include <stdio.h>

#include "sandbox/sdk/skerry.h"

enum { MOST = 64 };

static void respond(const struct skerry_invocation* inv) {
    static const char too_long[] = "the payload is longer than an answer may be";
    if (skerry_respond(inv, SKERRY_OK, inv->payload, inv->payload_bytes) != 0)
        skerry_respond(inv, SKERRY_FUNCTION_ERROR, too_long, sizeof too_long - 1);
}

int main(void) {
    struct skerry_invocation taken[MOST];
    uint32_t most = skerry_concurrency();
    if (most > MOST) most = MOST;
    while (skerry_next(&taken[0]) == 0) {
        uint32_t count = 1;
        while (count < most && skerry_try_next(&taken[count]) == 0) ++count;
        while (count > 0) respond(&taken[--count]);
    }
    perror("skerry_next: this program is started by skerryd");
    return 1;
}
