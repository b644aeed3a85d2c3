/* The function that the warden's tests start: does what its payload says, and answers with what it
 * saw. Plain C, linked with libskerry.a alone. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

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

static void say_interfaces(void) {
    char list[256] = ",";
    struct if_nameindex* all = if_nameindex();
    for (const struct if_nameindex* one = all; one != NULL && one->if_name != NULL; ++one) {
        strncat(list, one->if_name, sizeof list - strlen(list) - 1);
        strncat(list, ",", sizeof list - strlen(list) - 1);
    }
    if (all != NULL) if_freenameindex(all);
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

static void tell_calls(void) {
    char params[256] = {0};
    say_tried("setuid", setuid(0));
    say_tried("io_uring_setup", syscall(SYS_io_uring_setup, 4, params));
    say_tried("bpf", syscall(SYS_bpf, 0, params, sizeof params));
    say_tried("perf_event_open", syscall(SYS_perf_event_open, params, 0, -1, -1, 0));
    say_tried("keyctl", syscall(SYS_keyctl, 0, 0, 0));
    say_tried("mount", syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
    say_tried("unshare", unshare(CLONE_NEWUSER));
    say_tried("clone", syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0));
    say_tried("clone3", syscall(SYS_clone3, params, 64));
    say_tried("userfaultfd", syscall(SYS_userfaultfd, 0));
    say_tried("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    say_tried("kexec", syscall(SYS_kexec_load, 0, 0, NULL, 0));
    say_tried("module", syscall(SYS_init_module, params, 0, ""));
    say_tried("memfd_create", memfd_create("x", 0));
    say_tried("memfd_secret", syscall(447, 0));
    say_tried("shmget", shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
    say_tried("msgget", msgget(IPC_PRIVATE, IPC_CREAT | 0600));
    say_tried("semget", semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
    say_tried("io_setup", syscall(SYS_io_setup, 1, params));
    cpu_set_t processors;
    struct sched_param priority = {0};
    sched_getaffinity(0, sizeof processors, &processors);
    say_tried("sched_setaffinity", sched_setaffinity(0, sizeof processors, &processors));
    say_tried("sched_setscheduler", sched_setscheduler(0, SCHED_OTHER, &priority));
    say_tried("sched_setparam", sched_setparam(0, &priority));
    say_tried("sched_setattr", syscall(SYS_sched_setattr, 0, params, 0));
    say_tried("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    say_tried("packet", socket(AF_PACKET, SOCK_RAW, 0));
    say_tried("unix", socket(AF_UNIX, SOCK_STREAM, 0));
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
        char order[64] = "";
        memcpy(order, inv.payload, inv.payload_bytes < 63 ? inv.payload_bytes : 63);
        used = 0;
        if (strcmp(order, "identity") == 0) tell_identity();
        if (strcmp(order, "files") == 0) tell_files();
        if (strcmp(order, "calls") == 0) tell_calls();
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
