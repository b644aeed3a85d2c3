/* What a worker of the warden's tests can reach, as lines for its answer. */
#ifndef SKERRY_TESTS_REACH_H
#define SKERRY_TESTS_REACH_H

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kReachMs = 1000 };

static socklen_t place_of(const char* address, int port, struct sockaddr_storage* place) {
    struct sockaddr_in* const v4 = (struct sockaddr_in*)place;
    struct sockaddr_in6* const v6 = (struct sockaddr_in6*)place;
    memset(place, 0, sizeof *place);
    if (strchr(address, ':') == NULL) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return inet_pton(AF_INET, address, &v4->sin_addr) == 1 ? sizeof *v4 : 0;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    return inet_pton(AF_INET6, address, &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
}

/* Speaks to whoever is there, and hears its answer: 0, or errno. */
static int reach(int type, const char* address, int port, char* heard, size_t heard_bytes) {
    struct sockaddr_storage place;
    const socklen_t bytes = place_of(address, port, &place);
    const int fd = socket(place.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd waiting = {fd, POLLOUT, 0};
    int error = 0;
    socklen_t length = sizeof error;
    heard[0] = '\0';
    if (fd < 0) return errno;
    if (connect(fd, (struct sockaddr*)&place, bytes) != 0) error = errno;
    if (error == EINPROGRESS) {
        error = ETIMEDOUT;
        if (poll(&waiting, 1, kReachMs) == 1) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    }
    waiting.events = POLLIN;
    if (error == 0 && send(fd, "hello", 5, MSG_NOSIGNAL) != 5) error = errno;
    if (error == 0 && poll(&waiting, 1, kReachMs) != 1) error = ETIMEDOUT;
    if (error == 0) {
        const ssize_t got = recv(fd, heard, heard_bytes - 1, 0);
        if (got < 0) error = errno;
        heard[got < 0 ? 0 : got] = '\0';
    }
    close(fd);
    return error;
}

/* Sends from an address and port of one's choice: 0, or errno. */
static int send_from(const char* source, int source_port, const char* address, int port) {
    struct sockaddr_storage from, place;
    const socklen_t from_bytes = place_of(source, source_port, &from);
    const socklen_t bytes = place_of(address, port, &place);
    const int fd = socket(place.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = 0;
    if (fd < 0) return errno;
    if (bind(fd, (struct sockaddr*)&from, from_bytes) != 0) error = errno;
    if (error == 0 && sendto(fd, "forged", 6, 0, (struct sockaddr*)&place, bytes) != 6)
        error = errno;
    close(fd);
    return error;
}

/* The same for one datagram, by a control message. */
static int send_as(const char* source, const char* address, int port) {
    struct sockaddr_storage from, place;
    (void)place_of(source, 0, &from);
    const socklen_t bytes = place_of(address, port, &place);
    const int fd = socket(place.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct iovec text = {"forged", 6};
    struct msghdr message = {.msg_name = &place,
                             .msg_namelen = bytes,
                             .msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr* const head = CMSG_FIRSTHDR(&message);
    memset(control, 0, sizeof control);
    if (from.ss_family == AF_INET) {
        struct in_pktinfo* const info = (struct in_pktinfo*)CMSG_DATA(head);
        head->cmsg_level = IPPROTO_IP;
        head->cmsg_type = IP_PKTINFO;
        head->cmsg_len = CMSG_LEN(sizeof *info);
        message.msg_controllen = CMSG_SPACE(sizeof *info);
        info->ipi_spec_dst = ((struct sockaddr_in*)&from)->sin_addr;
    } else {
        struct in6_pktinfo* const info = (struct in6_pktinfo*)CMSG_DATA(head);
        head->cmsg_level = IPPROTO_IPV6;
        head->cmsg_type = IPV6_PKTINFO;
        head->cmsg_len = CMSG_LEN(sizeof *info);
        info->ipi6_addr = ((struct sockaddr_in6*)&from)->sin6_addr;
    }
    const int error = fd < 0 || sendmsg(fd, &message, 0) != 6 ? errno : 0;
    if (fd >= 0) close(fd);
    return error;
}

/* "tcp ADDRESS PORT", "udp ADDRESS PORT", "from SOURCE SOURCE-PORT ADDRESS PORT",
 * "as SOURCE ADDRESS PORT": one line, "reach=errno text". 0: it is none of these. */
static int tell_reach(const char* order, char* line, size_t line_bytes) {
    char heard[128] = "";
    char one[64], other[64];
    int port = 0, source_port = 0, error = 0;
    if (sscanf(order, "tcp %63s %d", one, &port) == 2)
        error = reach(SOCK_STREAM, one, port, heard, sizeof heard);
    else if (sscanf(order, "udp %63s %d", one, &port) == 2)
        error = reach(SOCK_DGRAM, one, port, heard, sizeof heard);
    else if (sscanf(order, "from %63s %d %63s %d", one, &source_port, other, &port) == 4)
        error = send_from(one, source_port, other, port);
    else if (sscanf(order, "as %63s %63s %d", one, other, &port) == 3)
        error = send_as(one, other, port);
    else
        return 0;
    snprintf(line, line_bytes, "reach=%s%s%s", error == 0 ? "ok" : strerror(error),
             heard[0] == '\0' ? "" : " ", heard);
    return 1;
}

#endif
