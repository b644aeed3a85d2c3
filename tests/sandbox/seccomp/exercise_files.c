/* Files and folders as programs use them, in a folder below /tmp that is gone afterwards. The older
 * names of calls are those that other C libraries than this one make. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "exercise.h"

static void contents(void) {
    char text[16] = "";
    struct iovec part = {text, 4};
    const int file = NEED(open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    NEED(write(file, "0123456789", 10));
    NEED(pwrite(file, "ab", 2, 2));
    struct iovec written = {(void*)"xy", 2};
    NEED(writev(file, &written, 1));
    NEED(pwritev(file, &written, 1, 0));
    NEED(lseek(file, 0, SEEK_SET));
    NEED(read(file, text, 4));
    CHECK(memcmp(text, "xyab", 4) == 0);
    NEED(readv(file, &part, 1));
    NEED(pread(file, text, 4, 0));
    NEED(preadv(file, &part, 1, 8));
    CHECK(memcmp(text, "89xy", 4) == 0);
    NEED(posix_fallocate(file, 0, 8192));
    NEED(ftruncate(file, 4096));
    NEED(truncate("file", 8192));
    NEED(posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL));
    char* mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(mapped != MAP_FAILED);
    mapped[0] = 'Z';
    NEED(msync(mapped, 4096, MS_SYNC));
    NEED(munmap(mapped, 4096));
    NEED(fsync(file));
    NEED(fdatasync(file));
    const int copy = NEED(syscall(SYS_creat, "copy", 0600));
    NEED(lseek(file, 0, SEEK_SET));
    NEED(sendfile(copy, file, NULL, 4096));
    off_t from = 0;
    /* Between file systems it may say no; that is an answer, too. */
    CHECK(copy_file_range(file, &from, copy, NULL, 4096, 0) >= 0 || errno != EPERM);
    NEED(close(copy));
    NEED(close(file));
}

static void locks(void) {
    const int file = NEED(open("file", O_RDWR | O_CLOEXEC));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    NEED(flock(file, LOCK_EX | LOCK_NB));
    NEED(flock(file, LOCK_UN));
    NEED(fcntl(file, F_GETLK, &lock));
    lock.l_type = F_WRLCK;
    NEED(fcntl(file, F_SETLK, &lock));
    NEED(fcntl(file, F_SETLKW, &lock));
    lock.l_type = F_UNLCK;
    NEED(fcntl(file, F_SETLK, &lock));
    lock.l_type = F_WRLCK;
    lock.l_pid = 0;
    NEED(fcntl(file, F_OFD_SETLK, &lock));
    NEED(fcntl(file, F_OFD_SETLKW, &lock));
    NEED(close(file));
}

static void attributes(void) {
    struct stat found;
    struct statx wide;
    struct statfs room;
    char list[64];
    const int file = NEED(open("file", O_RDWR | O_CLOEXEC));
    NEED(stat("file", &found));
    NEED(syscall(SYS_stat, "file", &found));
    NEED(syscall(SYS_lstat, "file", &found));
    NEED(syscall(SYS_fstat, file, &found));
    NEED(statx(AT_FDCWD, "file", 0, STATX_ALL, &wide));
    NEED(statfs(".", &room));
    NEED(fstatfs(file, &room));
    NEED(syscall(SYS_access, "file", R_OK));
    NEED(syscall(SYS_faccessat, AT_FDCWD, "file", R_OK));
    NEED(faccessat(AT_FDCWD, "file", R_OK, AT_EACCESS));
    umask(umask(077));
    NEED(chmod("file", 0640));
    NEED(fchmod(file, 0600));
    NEED(fchmodat(AT_FDCWD, "file", 0640, 0));
    NEED(chown("file", getuid(), getgid()));
    NEED(lchown("file", getuid(), getgid()));
    NEED(fchown(file, getuid(), getgid()));
    NEED(fchownat(AT_FDCWD, "file", getuid(), getgid(), 0));
    NEED(utimensat(AT_FDCWD, "file", NULL, 0));
    /* Whether there are any depends on the file system. */
    ANSWERED(getxattr("file", "user.x", list, sizeof list));
    ANSWERED(lgetxattr("file", "user.x", list, sizeof list));
    ANSWERED(fgetxattr(file, "user.x", list, sizeof list));
    ANSWERED(listxattr("file", list, sizeof list));
    ANSWERED(llistxattr("file", list, sizeof list));
    ANSWERED(flistxattr(file, list, sizeof list));
    NEED(close(file));
}

static void names(void) {
    char text[4096];
    NEED(mkdir("folder", 0700));
    NEED(mkdirat(AT_FDCWD, "other", 0700));
    const int here = NEED(open(".", O_DIRECTORY | O_RDONLY | O_CLOEXEC));
    NEED(chdir("folder"));
    CHECK(getcwd(text, sizeof text) != NULL);
    NEED(fchdir(here));
    NEED(close(here));
    NEED(link("file", "second"));
    NEED(linkat(AT_FDCWD, "file", AT_FDCWD, "third", 0));
    NEED(rename("second", "folder/second"));
    NEED(renameat(AT_FDCWD, "third", AT_FDCWD, "folder/third"));
    NEED(renameat2(AT_FDCWD, "folder/third", AT_FDCWD, "third", RENAME_NOREPLACE));
    NEED(symlink("file", "pointer"));
    NEED(symlinkat("file", AT_FDCWD, "pointer2"));
    NEED(readlink("pointer", text, sizeof text));
    NEED(readlinkat(AT_FDCWD, "pointer", text, sizeof text));
    NEED(syscall(SYS_mknod, "fifo", S_IFIFO | 0600, 0));
    NEED(mkfifo("fifo2", 0600));
    const int old = NEED(syscall(SYS_open, "file", O_RDONLY));
    NEED(close(old));
    DIR* folder = opendir("folder");
    CHECK(folder != NULL);
    int count = 0;
    while (readdir(folder) != NULL) ++count;
    closedir(folder);
    CHECK(count == 3);
    NEED(unlink("folder/second"));
    NEED(unlinkat(AT_FDCWD, "third", 0));
    NEED(rmdir("folder"));
    NEED(rmdir("other"));
    for (const char* const* name =
             (const char* const[]){"file", "copy", "pointer", "pointer2", "fifo", "fifo2", NULL};
         *name != NULL; ++name)
        NEED(unlink(*name));
}

void exercise_files(void) {
    char place[] = "/tmp/skerry-exercise-XXXXXX";
    CHECK(mkdtemp(place) != NULL);
    NEED(chdir(place));
    contents();
    locks();
    attributes();
    names();
    NEED(chdir("/"));
    NEED(rmdir(place));
}
