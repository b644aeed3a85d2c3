/* What the parts of the exercise program share. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program when something that must work did not. */
#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

/* The result of a call that must not fail. */
#define NEED(call)                                                                      \
    ({                                                                                  \
        const long result_ = (call);                                                    \
        if (result_ < 0) {                                                              \
            fprintf(stderr, "%s:%d: %s: errno %d\n", __FILE__, __LINE__, #call, errno); \
            exit(1);                                                                    \
        }                                                                               \
        (int)result_;                                                                   \
    })

/* A call that may say no, but was made. */
#define ANSWERED(call) ((void)((call) == 0))

void exercise_files(void);
void exercise_waiting(void);
void exercise_sockets(void);
void exercise_network(void);
void exercise_memory(void);
void exercise_threads(void);
void exercise_signals(void);
void exercise_processes(void);
