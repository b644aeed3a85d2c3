// The file system: out of the root, into what is read-only, through links, with special files.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

long open_for_writing(const char* path) {
    return ::open(path, O_WRONLY | O_CLOEXEC);
}

// CVE-2019-5736: the program that runs is written through its link in /proc.
void own_program(Report& report, const Words&) {
    report.tried("write", open_for_writing("/proc/self/exe"));
    const int link = ::open("/proc/self/exe", O_PATH | O_CLOEXEC);
    const std::string again = "/proc/self/fd/" + std::to_string(link);
    report.tried("again", open_for_writing(again.c_str()));
    report.tried("truncate", ::truncate("/proc/self/exe", 0));
    ::close(link);
}

void read_only_places(Report& report, const Words&) {
    report.tried("root", ::open("/new", O_CREAT | O_WRONLY, 0600));
    report.tried("task", ::open("/task/new", O_CREAT | O_WRONLY, 0600));
    report.tried("bootstrap", open_for_writing("/task/bootstrap"));
    report.tried("library", ::open("/usr/lib/new", O_CREAT | O_WRONLY, 0600));
    report.tried("rename", ::rename("/task/bootstrap", "/task/other"));
    report.tried("unlink", ::unlink("/task/bootstrap"));
    report.tried("rmdir", ::rmdir("/tmp"));
    report.tried("mkdir", ::mkdir("/new", 0700));
}

// Out of the artifact's folder or of /tmp by a link that names the host's path.
void links(Report& report, const Words& words) {
    const std::string up = "../../../../../../../../../..";
    for (const char* target :
         {"/etc/shadow", "/root", "/etc/hostname", "/sys", "/run", "/var/lib"}) {
        (void)::unlink("/tmp/link");
        (void)!::symlink((up + target).c_str(), "/tmp/link");
        report.tried(target, ::open("/tmp/link", O_RDONLY | O_CLOEXEC));
    }
    // The harness names a file that is there on the host.
    for (const std::string& path : words) report.tried("host", ::open(path.c_str(), O_RDONLY));
    report.tried("hard", ::link("/task/bootstrap", "/tmp/hard"));
    report.tried("hard_proc",
                 ::linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, "/tmp/hard", AT_SYMLINK_FOLLOW));
    (void)::unlink("/tmp/link");
}

// The roots and working directories of all processes, as far as /proc names them.
void roots_of_proc(Report& report, const Words&) {
    for (const char* root : {"/proc/1/root", "/proc/self/root", "/proc/self/cwd/..",
                             "/proc/self/task/1/root", "/proc/1/cwd/../../.."}) {
        const std::string base = root;
        report.tried(base, ::open((base + "/etc/shadow").c_str(), O_RDONLY | O_CLOEXEC));
        report.tried(base + "/up", ::open((base + "/../../../run").c_str(), O_RDONLY | O_CLOEXEC));
    }
    for (const char* other : {"/proc/2/root", "/proc/2/mem", "/proc/thread-self/root/etc/shadow"})
        report.tried(other, ::open(other, O_RDONLY | O_CLOEXEC));
}

// Climbing with a descriptor of a folder, as chroot was left.
void climbing(Report& report, const Words&) {
    int folder = ::open("/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 40; ++i) {
        const int parent = ::openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ::close(folder);
        folder = parent;
    }
    report.tried("shadow", ::openat(folder, "etc/shadow", O_RDONLY | O_CLOEXEC));
    struct stat top {};
    struct stat root {};
    const bool same = ::fstat(folder, &top) == 0 && ::stat("/", &root) == 0 &&
                      top.st_dev == root.st_dev && top.st_ino == root.st_ino;
    report.say("top_is_root", same ? "yes" : "no");
    ::close(folder);
}

void settings_of_the_kernel(Report& report, const Words&) {
    for (const char* path :
         {"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/kcore", "/proc/kallsyms",
          "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/modprobe", "/proc/bus/pci",
          "/sys/kernel/uevent_helper", "/sys/fs/cgroup/release_agent", "/proc/timer_list",
          "/proc/keys", "/proc/mounts/../sysrq-trigger"})
        report.tried(path, ::open(path, O_WRONLY | O_CLOEXEC));
    // Those that are there, of the process itself.
    for (const char* path :
         {"/proc/self/oom_score_adj", "/proc/self/uid_map", "/proc/self/gid_map",
          "/proc/self/setgroups", "/proc/self/coredump_filter", "/proc/self/attr/current"})
        report.tried(path, ::open(path, O_WRONLY | O_CLOEXEC));
}

void devices(Report& report, const Words&) {
    for (const char* path :
         {"/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/net/tun",
          "/dev/tty", "/dev/ptmx", "/dev/shm/x", "/dev/vfio/vfio", "/dev/hugepages"})
        report.tried(path, ::open(path, O_RDWR | O_CLOEXEC));
    report.tried("remove_null", ::unlink("/dev/null"));
    report.tried("chmod_null", ::chmod("/dev/null", 0));
}

// A program of root's with the setuid bit would be one way up, one in /tmp another.
void setuid_programs(Report& report, const Words&) {
    report.tried("chmod_bootstrap", ::chmod("/task/bootstrap", 04755));
    report.tried("chown_bootstrap", ::chown("/task/bootstrap", 0, 0));
    const int file = ::open("/tmp/suid", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
    report.tried("chown_tmp", ::fchown(file, 0, 0));
    ::close(file);
    (void)::unlink("/tmp/suid");
    for (const char* path : {"/usr/bin/su", "/usr/bin/sudo", "/usr/bin/mount", "/bin/ping",
                             "/usr/lib/openssh/ssh-keysign"}) {
        struct stat found {};
        if (::stat(path, &found) == 0 && (found.st_mode & (S_ISUID | S_ISGID)) != 0)
            report.say(path, "setuid");
    }
}

bool copy_to(const char* from, int to) {
    const int source = ::open(from, O_RDONLY | O_CLOEXEC);
    char block[16384];
    ssize_t got = 0;
    bool good = source >= 0;
    while (good && (got = ::read(source, block, sizeof block)) > 0)
        good = ::write(to, block, static_cast<std::size_t>(got)) == got;
    ::close(source);
    return good && got == 0;
}

// What is executed from /tmp is as jailed as what copied it there: allowed, and worth nothing. It
// has the setuid and setgid bits, too. The copy is this program, which without a channel ends with
// 1, and ends with 77 if it is somebody else.
void program_in_tmp(Report& report, const Words&) {
    const int file = ::open("/tmp/program", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
    report.tried("create", file);
    report.say("copy", copy_to("/task/bootstrap", file) ? "done" : "failed");
    report.tried("chmod", ::fchmod(file, 06755));
    ::close(file);
    const pid_t pid = ::fork();
    if (pid == 0) {
        char name[] = "program";
        char* arguments[] = {name, nullptr};
        char* none[] = {nullptr};
        ::execve("/tmp/program", arguments, none);
        ::_exit(errno == EACCES ? 78 : 79);
    }
    int state = 0;
    (void)::waitpid(pid, &state, 0);
    report.count("exit", WIFEXITED(state) ? WEXITSTATUS(state) : -1);
    (void)::unlink("/tmp/program");
}

// What one invocation leaves for the next of the same worker.
void note_in_tmp(Report& report, const Words& words) {
    if (!words.empty()) ::close(::open("/tmp/note", O_CREAT | O_WRONLY, 0600));
    report.tried("note", ::access("/tmp/note", F_OK));
    static int calls = 0;
    report.count("calls", ++calls);
}

constexpr Attempt kAttempts[] = {
    {"note_in_tmp", note_in_tmp},
    {"own_program", own_program},
    {"read_only_places", read_only_places},
    {"links", links},
    {"roots_of_proc", roots_of_proc},
    {"climbing", climbing},
    {"settings_of_the_kernel", settings_of_the_kernel},
    {"devices", devices},
    {"setuid_programs", setuid_programs},
    {"program_in_tmp", program_in_tmp},
};

}  // namespace

std::span<const Attempt> file_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
