/* Descriptors: pipes, waiting for them, clocks and signals as descriptors, sockets between the
 * processes of one worker. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "exercise.h"

static void wait_for(int fd) {
    struct pollfd one = {fd, POLLIN, 0};
    const struct timespec second = {1, 0};
    struct timeval tenth = {0, 100000};
    fd_set set;
    CHECK(NEED(poll(&one, 1, 1000)) == 1);
    CHECK(NEED(ppoll(&one, 1, &second, NULL)) == 1);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    CHECK(NEED(syscall(SYS_select, fd + 1, &set, NULL, NULL, &tenth)) == 1);
    CHECK(NEED(pselect(fd + 1, &set, NULL, NULL, &second, NULL)) == 1);

    struct epoll_event event = {.events = EPOLLIN};
    const int old = NEED(epoll_create(1));
    const int set_fd = NEED(epoll_create1(EPOLL_CLOEXEC));
    NEED(epoll_ctl(set_fd, EPOLL_CTL_ADD, fd, &event));
    CHECK(NEED(epoll_wait(set_fd, &event, 1, 1000)) == 1);
    sigset_t none;
    sigemptyset(&none);
    CHECK(NEED(epoll_pwait(set_fd, &event, 1, 1000, &none)) == 1);
    NEED(close(old));
    NEED(close(set_fd));
}

static void descriptors(void) {
    int ends[2];
    char text[8];
    NEED(syscall(SYS_pipe, ends));
    NEED(close(ends[0]));
    NEED(close(ends[1]));
    NEED(pipe2(ends, O_CLOEXEC));
    NEED(write(ends[1], "abc", 3));
    wait_for(ends[0]);
    int there = 0;
    NEED(ioctl(ends[0], FIONREAD, &there));
    CHECK(there == 3);
    int on = 1;
    NEED(ioctl(ends[0], FIONBIO, &on));
    NEED(ioctl(ends[0], FIOCLEX));
    NEED(ioctl(ends[0], FIONCLEX));
    NEED(fcntl(ends[0], F_SETFL, NEED(fcntl(ends[0], F_GETFL)) | O_NONBLOCK));
    NEED(fcntl(ends[0], F_SETFD, NEED(fcntl(ends[0], F_GETFD)) | FD_CLOEXEC));
    NEED(fcntl(ends[0], F_GETPIPE_SZ));
    NEED(read(ends[0], text, sizeof text));
    /* Nobody's terminal: what programs learn when they ask. */
    struct winsize size;
    pid_t group;
    CHECK(isatty(ends[0]) == 0);
    ANSWERED(ioctl(ends[0], TIOCGWINSZ, &size));
    ANSWERED(ioctl(ends[0], TIOCGPGRP, &group));
    const int first = NEED(dup(ends[0]));
    const int second = NEED(fcntl(ends[0], F_DUPFD, 50));
    const int third = NEED(fcntl(ends[0], F_DUPFD_CLOEXEC, 50));
    NEED(dup2(first, 60));
    NEED(dup3(first, 61, O_CLOEXEC));
    NEED(close(first));
    NEED(close(second));
    NEED(close(third));
    NEED(syscall(SYS_close_range, 60, 61, 0));
    NEED(close(ends[0]));
    NEED(close(ends[1]));
}

static void clocks_and_signals(void) {
    unsigned long long count = 1;
    const struct itimerspec soon = {{0, 0}, {0, 1000000}};
    struct itimerspec left;
    const int timer = NEED(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    NEED(timerfd_settime(timer, 0, &soon, NULL));
    NEED(timerfd_gettime(timer, &left));
    CHECK(read(timer, &count, sizeof count) == sizeof count && count >= 1);
    NEED(close(timer));

    const int bell = NEED(eventfd(0, EFD_CLOEXEC));
    CHECK(write(bell, &count, sizeof count) == sizeof count);
    CHECK(read(bell, &count, sizeof count) == sizeof count);
    NEED(close(bell));

    sigset_t set;
    struct signalfd_siginfo info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL));
    const int signals = NEED(signalfd(-1, &set, SFD_CLOEXEC));
    NEED(kill(getpid(), SIGUSR1));
    CHECK(read(signals, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1);
    NEED(close(signals));
    NEED(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

void exercise_waiting(void) {
    descriptors();
    clocks_and_signals();
}

/* A server and its client in one process, under a name that is no file. */
void exercise_sockets(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "skerry-exercise-%d", getpid());
    const socklen_t bytes = sizeof name;
    const int server = NEED(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    NEED(bind(server, (const struct sockaddr*)&name, bytes));
    NEED(listen(server, 4));
    char text[8] = "";
    struct sockaddr_un other;
    for (int round = 0; round < 2; ++round) {
        const int client = NEED(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        NEED(connect(client, (const struct sockaddr*)&name, bytes));
        const int peer =
            NEED(round == 0 ? accept(server, NULL, NULL) : accept4(server, NULL, NULL, 0));
        socklen_t length = sizeof other;
        NEED(getsockname(client, (struct sockaddr*)&other, &length));
        length = sizeof other;
        NEED(getpeername(client, (struct sockaddr*)&other, &length));
        NEED(sendto(client, "ab", 2, MSG_NOSIGNAL, NULL, 0));
        CHECK(NEED(recvfrom(peer, text, 2, 0, NULL, NULL)) == 2);
        struct iovec part = {text, 2};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        CHECK(NEED(sendmsg(peer, &message, MSG_NOSIGNAL)) == 2);
        CHECK(NEED(recvmsg(client, &message, 0)) == 2);
        const int kib = 16 << 10, on = 1;
        const struct timeval second = {1, 0};
        NEED(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &kib, sizeof kib));
        NEED(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &kib, sizeof kib));
        NEED(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second));
        NEED(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second));
        NEED(setsockopt(client, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
        struct ucred credentials;
        length = sizeof credentials;
        NEED(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
        NEED(shutdown(client, SHUT_RDWR));
        NEED(close(client));
        NEED(close(peer));
    }
    NEED(close(server));
    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    NEED(close(pair[0]));
    NEED(close(pair[1]));
}
