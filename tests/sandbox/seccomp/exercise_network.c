/* Sockets of the internet families on the loopback, as servers and clients in C, Go or Rust set
 * them up: every line of network.policy that allows something is used here. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exercise.h"

static void set(int fd, int level, int option, int value) {
    NEED(setsockopt(fd, level, option, &value, sizeof value));
}

/* The loopback's address with a port that the kernel chooses. */
static socklen_t loopback(int family, struct sockaddr_storage* address) {
    memset(address, 0, sizeof *address);
    address->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        ((struct sockaddr_in*)address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(struct sockaddr_in);
    }
    ((struct sockaddr_in6*)address)->sin6_addr = in6addr_loopback;
    return sizeof(struct sockaddr_in6);
}

static socklen_t bind_to_loopback(int fd, int family, struct sockaddr_storage* address) {
    socklen_t bytes = loopback(family, address);
    NEED(bind(fd, (struct sockaddr*)address, bytes));
    NEED(getsockname(fd, (struct sockaddr*)address, &bytes));
    return bytes;
}

static void tcp(int family) {
    struct sockaddr_storage address;
    const int server = NEED(socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
    set(server, SOL_SOCKET, SO_REUSEADDR, 1);
    set(server, SOL_SOCKET, SO_REUSEPORT, 1);
    set(server, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
    if (family == AF_INET6) set(server, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    const socklen_t bytes = bind_to_loopback(server, family, &address);
    NEED(listen(server, 4));
    const int client = NEED(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const struct linger linger = {1, 1};
    set(client, SOL_SOCKET, SO_KEEPALIVE, 1);
    NEED(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    set(client, IPPROTO_TCP, TCP_NODELAY, 1);
    set(client, IPPROTO_TCP, TCP_CORK, 0);
    set(client, IPPROTO_TCP, TCP_QUICKACK, 1);
    set(client, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    set(client, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set(client, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(client, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000);
    if (family == AF_INET) set(client, IPPROTO_IP, IP_TOS, 0x10);
    if (family == AF_INET6) set(client, IPPROTO_IPV6, IPV6_TCLASS, 0);
    NEED(connect(client, (struct sockaddr*)&address, bytes));
    NEED(send(client, "hello", 5, MSG_NOSIGNAL));
    const int peer = NEED(accept(server, NULL, NULL));
    char text[8];
    CHECK(NEED(recv(peer, text, sizeof text, 0)) == 5);
    NEED(close(peer));
    NEED(close(client));
    NEED(close(server));
}

static void udp(int family) {
    struct sockaddr_storage address;
    const int server = NEED(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
    const socklen_t bytes = bind_to_loopback(server, family, &address);
    const int client = NEED(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    set(client, SOL_SOCKET, SO_BROADCAST, 1);
    if (family == AF_INET) {
        set(client, IPPROTO_IP, IP_TTL, 8);
        set(client, IPPROTO_IP, IP_RECVERR, 1);
    } else {
        set(client, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 8);
        set(client, IPPROTO_IPV6, IPV6_RECVERR, 1);
    }
    NEED(connect(client, (struct sockaddr*)&address, bytes));
    char text[8] = "several";
    struct iovec part = {text, 7};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    CHECK(NEED(sendmmsg(client, &message, 1, 0)) == 1);
    CHECK(NEED(recvmmsg(server, &message, 1, 0, NULL)) == 1 && message.msg_len == 7);
    NEED(close(client));
    NEED(close(server));
}

void exercise_network(void) {
    char name[IF_NAMESIZE];
    tcp(AF_INET);
    tcp(AF_INET6);
    udp(AF_INET);
    udp(AF_INET6);
    const unsigned index = if_nametoindex("lo");
    CHECK(index != 0 && if_indextoname(index, name) != NULL);
}
