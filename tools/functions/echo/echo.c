/* Answers with what it was asked. One request at a time: the smallest function there is. */
#include <stdio.h>

#include "sandbox/sdk/skerry.h"

int main(void) {
    static const char too_long[] = "the payload is longer than an answer may be";
    struct skerry_invocation inv;
    while (skerry_next(&inv) == 0)
        if (skerry_respond(&inv, SKERRY_OK, inv.payload, inv.payload_bytes) != 0)
            skerry_respond(&inv, SKERRY_FUNCTION_ERROR, too_long, sizeof too_long - 1);
    perror("skerry_next: this program is started by skerryd");
    return 1;
}
