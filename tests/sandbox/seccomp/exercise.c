/* What an ordinary program does with the C library and the kernel: every line of common.policy that
 * allows something is used here, and with the argument "network" every one of network.policy. Ends
 * with 0 when all of it worked. */
#include <string.h>

#include "exercise.h"

int main(int count, char** arguments) {
    if (count > 1 && strcmp(arguments[1], "network") != 0) return 0; /* it was started by itself */
    if (count > 1) exercise_network();
    exercise_files();
    exercise_waiting();
    exercise_sockets();
    exercise_memory();
    exercise_threads();
    exercise_signals();
    exercise_processes();
    return 0;
}
