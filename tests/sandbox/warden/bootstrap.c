/* The function that the warden's tests start: does what its payload says, and answers with what it
 * saw. Plain C, linked with libskerry.a alone. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reach.h"
#include "sandbox/sdk/skerry.h"

static char report[8192];
static size_t used;

static void say(const char* key, const char* value) {
    const int length = snprintf(report + used, sizeof report - used, "%s=%s\n", key, value);
    if (length > 0 && used + (size_t)length < sizeof report) used += (size_t)length;
}

static void say_number(const char* key, long value) {
    char text[32];
    snprintf(text, sizeof text, "%ld", value);
    say(key, text);
}

/* The errno of something tried; 0: it worked. */
static void say_tried(const char* key, long result) {
    say_number(key, result < 0 ? errno : 0);
}

static void say_descriptors(void) {
    char list[1024] = "";
    char path[64];
    for (int fd = 0; fd < 1024; ++fd) {
        if (fcntl(fd, F_GETFD) < 0) continue;
        snprintf(path, sizeof path, "%s%d", list[0] ? "," : "", fd);
        strncat(list, path, sizeof list - strlen(list) - 1);
    }
    say("fds", list);
}

static void say_folder(const char* key, const char* folder) {
    char list[4096] = ",";
    DIR* stream = opendir(folder);
    const struct dirent* entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        strncat(list, entry->d_name, sizeof list - strlen(list) - 1);
        strncat(list, ",", sizeof list - strlen(list) - 1);
    }
    if (stream != NULL) closedir(stream);
    say(key, list);
}

/* Lines of /proc/self/status that speak of rights: "CapEff:\t000…" becomes "CapEff=000…". */
static void say_status(void) {
    static const char* const wanted[] = {"CapInh", "CapPrm",     "CapEff",  "CapBnd",
                                         "CapAmb", "NoNewPrivs", "Seccomp", "Groups"};
    char line[256];
    FILE* file = fopen("/proc/self/status", "re");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        char* colon = strchr(line, ':');
        if (colon == NULL) continue;
        *colon = '\0';
        char* value = colon + 1 + strspn(colon + 1, " \t");
        value[strcspn(value, " \n")] = '\0';
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; ++i)
            if (strcmp(line, wanted[i]) == 0) say(line, value);
    }
    fclose(file);
}

/* From the kernel's table: the C library would ask by netlink, which no worker has. */
static void say_interfaces(void) {
    char list[256] = ",";
    char line[256];
    FILE* file = fopen("/proc/self/net/dev", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char* colon = strchr(line, ':');
        if (colon == NULL) continue;
        *colon = '\0';
        strncat(list, line + strspn(line, " "), sizeof list - strlen(list) - 1);
        strncat(list, ",", sizeof list - strlen(list) - 1);
    }
    if (file != NULL) fclose(file);
    say("interfaces", list);
}

static void tell_identity(void) {
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    say_number("uid", getuid());
    say_number("euid", geteuid());
    say_number("gid", getgid());
    say_number("pid", getpid());
    say("hostname", name);
    say("cwd", getcwd(name, sizeof name));
    say("function", getenv("SKERRY_FUNCTION"));
    say("version", getenv("SKERRY_VERSION"));
    say_descriptors();
    say_status();
    say_interfaces();
    say_folder("root", "/");
    say_folder("task", "/task");
    say_folder("dev", "/dev");
    say_folder("proc", "/proc");
}

/* Soft and hard: "256/256". */
static void tell_limits(void) {
    static const struct {
        const char* key;
        int resource;
    } all[] = {{"as", RLIMIT_AS},
               {"core", RLIMIT_CORE},
               {"fsize", RLIMIT_FSIZE},
               {"nofile", RLIMIT_NOFILE},
               {"nproc", RLIMIT_NPROC},
               {"memlock", RLIMIT_MEMLOCK},
               {"msgqueue", RLIMIT_MSGQUEUE},
               {"nice", RLIMIT_NICE},
               {"rtprio", RLIMIT_RTPRIO},
               {"sigpending", RLIMIT_SIGPENDING}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        struct rlimit found = {0, 0};
        char text[64];
        getrlimit(all[i].resource, &found);
        snprintf(text, sizeof text, "%llu/%llu", (unsigned long long)found.rlim_cur,
                 (unsigned long long)found.rlim_max);
        say(all[i].key, text);
    }
}

/* "user=user:[4026531837]" */
static void tell_namespaces(void) {
    static const char* const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
        char path[64];
        char target[64] = "";
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        const ssize_t length = readlink(path, target, sizeof target - 1);
        say(kinds[i], length < 0 ? "" : target);
    }
}

/* Its descriptor is read-only; that of a file opened anew would not be. */
static void tell_doorbells(void) {
    const int again = open("/proc/self/fd/4", O_RDWR);
    say_tried("write", again < 0 ? -1 : pwrite(again, "x", 1, 0));
    say_tried("map_again", again < 0 || mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again,
                                             0) == MAP_FAILED
                               ? -1
                               : 0);
    say_tried("punch", again < 0 ? -1 : fallocate(again, 3 /* keep size, punch hole */, 0, 4096));
    say_tried("truncate", again < 0 ? -1 : ftruncate(again, 0));
    say_tried("write_first", pwrite(4, "x", 1, 0));
}

static void tell_files(void) {
    say_tried("write_root", open("/new", O_CREAT | O_WRONLY, 0600));
    say_tried("write_task", open("/task/new", O_CREAT | O_WRONLY, 0600));
    say_tried("write_data", open("/task/data", O_WRONLY));
    say_tried("write_lib", open("/usr/lib/new", O_CREAT | O_WRONLY, 0600));
    say_tried("read_etc", open("/etc/passwd", O_RDONLY));
    say_tried("map_doorbells",
              mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 4, 0) == MAP_FAILED ? -1 : 0);
    const int random = open("/dev/urandom", O_RDONLY);
    char byte;
    say_tried("read_urandom", random < 0 ? -1 : read(random, &byte, 1));
    /* /tmp is writable, but not without end. */
    const int file = open("/tmp/new", O_CREAT | O_WRONLY, 0600);
    say_tried("write_tmp", file);
    static char block[1 << 20];
    long written = 0;
    while (written < 64 && write(file, block, sizeof block) == (ssize_t)sizeof block) ++written;
    say_number("tmp_mib", written);
    void* const large = mmap(NULL, (size_t)8 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say_tried("memory", large == MAP_FAILED ? -1 : 0);
}

static long make_call(const char* order) {
    unsigned long number = 0, a[6] = {0};
    sscanf(order, "%lu %lx %lx %lx %lx %lx %lx", &number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]);
    return syscall((long)number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void* call_thread(void* order) {
    make_call(order);
    return NULL;
}

/* "try NUMBER ARGUMENTS": a system call, its arguments in hexadecimal; by itself, by a thread, by a
 * child, or (NUMBER alone) by the entry of 32-bit programs. */
static void tell_call(const char* order) {
    int state;
    pthread_t thread;
    if (strncmp(order, "try ", 4) == 0) say_tried("try", make_call(order + 4));
    if (strncmp(order, "thread ", 7) == 0) {
        pthread_create(&thread, NULL, call_thread, (void*)(order + 7));
        pthread_join(thread, NULL);
    }
    if (strncmp(order, "child ", 6) == 0) {
        if (fork() == 0) _exit(make_call(order + 6) < 0 ? errno : 0);
        wait(&state);
    }
#ifdef __x86_64__
    if (strncmp(order, "int80 ", 6) == 0) {
        long result = atol(order + 6);
        __asm__ volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0) : "memory");
        say_number("int80", result);
    }
#endif
}

/* What its artifact's file `data` says it is: the eventfds are open files that skerryd has, too. */
static void be_hostile(void) {
    char kind[16] = "";
    const int file = open("/task/data", O_RDONLY);
    if (file < 0 || read(file, kind, sizeof kind - 1) < 0) return;
    close(file);
    /* Whoever reads the ready bell now waits, as nobody ever rings it. */
    if (strncmp(kind, "silent", 6) == 0) {
        fcntl(6, F_SETFL, O_RDWR);
        for (;;) pause();
    }
    if (strncmp(kind, "forbidden", 9) == 0) syscall(SYS_ptrace, 0, 0, 0, 0);
    /* Rings it, takes that back, and works against everybody who reads or writes any of them. */
    if (strncmp(kind, "fighting", 8) == 0) {
        const unsigned long long one = 1, full = ~1ull;
        for (unsigned long long count;;)
            for (int fd = 5; fd <= 7; ++fd) {
                fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
                if (read(fd, &count, sizeof count) < 0) errno = 0;
                if (write(fd, fd == 6 ? &one : &full, sizeof full) < 0) errno = 0;
                fcntl(fd, F_SETFL, O_RDWR);
            }
    }
}

int main(void) {
    struct skerry_invocation inv;
    be_hostile();
    while (skerry_next(&inv) == 0) {
        char order[256] = "";
        memcpy(order, inv.payload, inv.payload_bytes < 255 ? inv.payload_bytes : 255);
        used = 0;
        if (strcmp(order, "identity") == 0) tell_identity();
        if (strcmp(order, "files") == 0) tell_files();
        tell_call(order);
        if (tell_reach(order, report + used, sizeof report - used)) used += strlen(report + used);
        if (strcmp(order, "limits") == 0) tell_limits();
        if (strcmp(order, "namespaces") == 0) tell_namespaces();
        if (strcmp(order, "doorbells") == 0) tell_doorbells();
        if (strcmp(order, "crash") == 0) __builtin_trap();
        if (strcmp(order, "exit") == 0) exit(7);
        if (strcmp(order, "log") == 0) fputs("a line for the log\n", stderr);
        if (strcmp(order, "fork") == 0 && fork() == 0)
            for (;;) pause();
        skerry_respond(&inv, SKERRY_OK, report, used);
    }
    return 1;
}
