/* A worker of the kinds that have no channel, for the warden's tests: connects to where the Runtime
 * API is, and does what each line says. An answer is lines of key=value and a line with a dot. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reach.h"

extern char** environ;

static void tell_descriptors(FILE* out) {
    char path[64];
    char target[256];
    DIR* stream = opendir("/proc/self/fd");
    const struct dirent* entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        const int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(stream)) continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        const ssize_t length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        fprintf(out, "fd%d=%s\n", fd, target);
    }
    if (stream != NULL) closedir(stream);
}

/* "4:memory:/a" as "group.memory=/a". */
static void tell_groups(FILE* out) {
    char line[512];
    FILE* const file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char* const name = strchr(line, ':');
        char* const path = name == NULL ? NULL : strchr(name + 1, ':');
        if (path == NULL) continue;
        *path = '\0';
        fprintf(out, "group.%s=%s", name + 1, path + 1);
    }
    if (file != NULL) fclose(file);
}

static void tell_self(FILE* out) {
    char text[256] = "";
    struct stat found;
    tell_descriptors(out);
    tell_groups(out);
    for (char** variable = environ; *variable != NULL; ++variable)
        fprintf(out, "env.%s\n", *variable);
    fprintf(out, "cwd=%s\n", getcwd(text, sizeof text));
    fprintf(out, "uid=%d\n", (int)getuid());
    fprintf(out, "pid=%d\n", (int)getpid());
    fprintf(out, "task=%d\n", stat("/task/bootstrap", &found) == 0);
    const int again = open("/dev/stderr", O_WRONLY);
    fprintf(out, "stderr_again=%d\n", again >= 0 && write(again, "again\n", 6) == 6);
    fprintf(out, "stderr_read=%d\n", open("/dev/stderr", O_RDONLY) < 0 ? errno : 0);
    fprintf(out, "null=%d\n", open("/dev/null", O_WRONLY) >= 0);
    fprintf(out, "zero=%d\n", open("/dev/zero", O_WRONLY) < 0 ? errno : 0);
    fprintf(out, "sh=%d\n", access("/bin/sh", X_OK) == 0);
}

/* Its artifact, its limits and whether it can change either; one that stands by has no artifact. */
static void look(FILE* out) {
    struct stat found;
    struct statvfs tmp;
    struct rlimit limit;
    int count = 0;
    DIR* const stream = opendir("/var/task");
    const struct dirent* entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) count += entry->d_name[0] != '.';
    if (stream != NULL) closedir(stream);
    fprintf(out, "files=%d\n", count);
    fprintf(out, "data=%d\n", stat("/var/task/data", &found) == 0);
    fprintf(out, "parent=%d\n", stat("/var/task/../../artifact", &found) < 0 ? errno : 0);
    fprintf(out, "write=%d\n", open("/var/task/data", O_WRONLY) < 0 ? errno : 0);
    fprintf(out, "make=%d\n", mkdir("/var/task/new", 0700) < 0 ? errno : 0);
    fprintf(out, "rename=%d\n", rename("/var/task", "/var/other") < 0 ? errno : 0);
    fprintf(out, "tmp_bytes=%llu\n",
            statvfs("/tmp", &tmp) == 0 ? (unsigned long long)tmp.f_blocks * tmp.f_frsize : 0);
    fprintf(out, "file_bytes=%llu\n",
            getrlimit(RLIMIT_FSIZE, &limit) == 0 ? (unsigned long long)limit.rlim_max : 0);
    fprintf(out, "processes=%llu\n",
            getrlimit(RLIMIT_NPROC, &limit) == 0 ? (unsigned long long)limit.rlim_max : 0);
}

/* Touches so many MiB; says so if it lives. */
static void eat(FILE* out, long mib) {
    for (long i = 0; i < mib; ++i) {
        char* const block = malloc(1 << 20);
        if (block == NULL) {
            fprintf(out, "refused_mib=%ld\n", i);
            return;
        }
        memset(block, 1, 1 << 20);
    }
    fprintf(out, "eaten_mib=%ld\n", mib);
}

/* Forks children that stay, until it is refused. */
static void fork_many(FILE* out, long limit) {
    long made = 0;
    for (; made < limit; ++made) {
        const pid_t child = fork();
        if (child < 0) break;
        if (child == 0)
            for (;;) pause();
    }
    fprintf(out, "forked=%ld\nerrno=%d\n", made, made < limit ? errno : 0);
}

/* A service of its own at a UDP port, that answers whoever asks, for as long as the worker lives.
 */
static void listen_there(FILE* out, int port) {
    struct sockaddr_in6 place = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int bound = fd >= 0 && bind(fd, (struct sockaddr*)&place, sizeof place) == 0;
    fprintf(out, "listen=%d\n", bound ? 0 : errno);
    if (!bound || fork() != 0) return;
    for (char text[64];;) {
        struct sockaddr_storage from;
        socklen_t bytes = sizeof from;
        if (recvfrom(fd, text, sizeof text, 0, (struct sockaddr*)&from, &bytes) < 0) _exit(1);
        (void)!sendto(fd, "worker", 6, 0, (struct sockaddr*)&from, bytes);
    }
}

static void tell_resolver(FILE* out) {
    char line[128];
    FILE* const file = fopen("/etc/resolv.conf", "re");
    for (int i = 0; file != NULL && fgets(line, sizeof line, file) != NULL; ++i)
        fprintf(out, "resolver%d=%s", i, line);
    if (file != NULL) fclose(file);
    fprintf(out, "writable=%d\n", open("/etc/resolv.conf", O_WRONLY) < 0 ? errno : 0);
}

static void spin(FILE* out, long ms) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
    fprintf(out, "cpu_us=%ld\n", (long)((double)clock() * 1e6 / CLOCKS_PER_SEC));
}

int main(void) {
    const char* const where = getenv("AWS_LAMBDA_RUNTIME_API");
    char host[64] = "";
    if (where == NULL || strlen(where) >= sizeof host) return 2;
    strcpy(host, where);
    char* const colon = strchr(host, ':');
    if (colon == NULL) return 2;
    *colon = '\0';
    struct sockaddr_in place = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(colon + 1))};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (inet_pton(AF_INET, host, &place.sin_addr) != 1 ||
        connect(fd, (struct sockaddr*)&place, sizeof place) != 0)
        return 3;
    FILE* const in = fdopen(fd, "r");
    FILE* const out = fdopen(dup(fd), "w");
    char line[256], told[256];
    fputs("a line for the log\n", stderr);
    while (in != NULL && out != NULL && fgets(line, sizeof line, in) != NULL) {
        const char* const space = strchr(line, ' ');
        const long number = space == NULL ? 0 : atol(space + 1);
        if (strncmp(line, "self", 4) == 0) tell_self(out);
        if (strncmp(line, "look", 4) == 0) look(out);
        if (strncmp(line, "eat", 3) == 0) eat(out, number);
        if (strncmp(line, "fork", 4) == 0) fork_many(out, number);
        if (strncmp(line, "spin", 4) == 0) spin(out, number);
        if (tell_reach(line, told, sizeof told)) fprintf(out, "%s\n", told);
        if (strncmp(line, "listen", 6) == 0) listen_there(out, (int)number);
        if (strncmp(line, "resolver", 8) == 0) tell_resolver(out);
        if (strncmp(line, "exit", 4) == 0) return (int)number;
        fputs(".\n", out);
        fflush(out);
    }
    return 0;
}
