// The same function for the kinds that are asked over the Lambda Runtime API; and lies in HTTP,
// told to skerryd on the jail's own loopback.
#include "tests/escape/function/api.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace skerry::escape {
namespace {

constexpr const char* kVersion = "/2018-06-01/runtime";
std::string current_id;  // of the invocation that is being handled

int connect_api() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9001);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
}

bool send_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

struct Answer {
    int status = 0;  // 0: the connection ended, or nothing came in time
    std::string id;
    std::string body;
};

// By its name in lower case; "": it is not there.
std::string header(const std::string& head, const std::string& name) {
    std::string lower = head;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto at = lower.find("\r\n" + name + ":");
    if (at == std::string::npos) return {};
    const auto begin = head.find_first_not_of(' ', at + name.size() + 3);
    return head.substr(begin, head.find("\r\n", begin) - begin);
}

// timeout_ms -1: for ever.
Answer receive(int fd, int timeout_ms) {
    std::string text;
    std::size_t body_at = 0;
    std::size_t length = 0;
    char block[16384];
    while (body_at == 0 || text.size() < body_at + length) {
        pollfd waiting{fd, POLLIN, 0};
        if (::poll(&waiting, 1, timeout_ms) <= 0) return {};
        const ssize_t got = ::recv(fd, block, sizeof block, 0);
        if (got <= 0) return {};
        text.append(block, static_cast<std::size_t>(got));
        if (const auto end = text.find("\r\n\r\n"); body_at == 0 && end != std::string::npos) {
            body_at = end + 4;
            length =
                std::strtoul(header(text.substr(0, end), "content-length").c_str(), nullptr, 10);
        }
    }
    Answer answer;
    answer.status = std::atoi(text.c_str() + text.find(' '));
    answer.id = header(text.substr(0, body_at), "lambda-runtime-aws-request-id");
    answer.body = text.substr(body_at, length);
    return answer;
}

std::string post(const std::string& path, const std::string& body) {
    return "POST " + (kVersion + path) +
           " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

std::string get(const std::string& path) {
    return "GET " + (kVersion + path) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
}

// The status that one request on a connection of its own gets: "400"; "closed" without an answer.
std::string status_of(const std::string& request, int timeout_ms = 1000) {
    const int fd = connect_api();
    if (fd < 0) return "not connected";
    (void)send_all(fd, request);
    const Answer answer = receive(fd, timeout_ms);
    ::close(fd);
    return answer.status == 0 ? "closed" : std::to_string(answer.status);
}

// Connections that nobody ends, each with a part of a request.
void many_connections(Report& report, const Words&) {
    int open = 0;
    for (; open < 200; ++open) {
        const int fd = connect_api();
        if (fd < 0) break;
        if (open % 2 == 0) (void)send_all(fd, "GET /2018-06-01/runtime/inv");
    }
    report.tried("last", open < 200 ? -1 : 0);
    report.say("tried", open > 0 ? "yes" : "no");
}

void connection_storm(Report& report, const Words&) {
    int made = 0;
    for (int i = 0; i < 2000; ++i) {
        const int fd = connect_api();
        if (fd < 0) continue;
        const linger reset{1, 0};
        (void)::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        (void)send_all(fd, "GET ");
        ::close(fd);
        ++made;
    }
    report.say("tried", made > 0 ? "yes" : "no");
}

void malformed_requests(Report& report, const Words&) {
    const std::string host = "\r\nHost: x\r\n";
    const std::string line = std::string("POST ") + kVersion + "/init/error HTTP/1.1" + host;
    const struct {
        const char* name;
        std::string text;
    } all[] = {
        {"nonsense", "\x16\x03\x01 nonsense\r\n\r\n"},
        {"zero", std::string("GET /\0 HTTP/1.1\r\n\r\n", 18)},
        {"no_version", "GET /\r\n\r\n"},
        {"version", "GET / HTTP/9.9" + host + "\r\n"},
        {"bare_newline", std::string("GET ") + kVersion + "/invocation/next HTTP/1.1\n\n"},
        {"folded", line + "X: a\r\n b\r\n\r\n"},
        {"two_lengths", line + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
        {"length_and_chunks", line + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na"},
        {"negative", line + "Content-Length: -1\r\n\r\n"},
        {"plus", line + "Content-Length: +1\r\n\r\na"},
        {"huge", line + "Content-Length: 1099511627776\r\n\r\n"},
        {"chunk_overflow", line + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"},
        {"chunk_no_end", line + "Transfer-Encoding: chunked\r\n\r\n1\r\naXX"},
        {"encoding", line + "Transfer-Encoding: gzip\r\n\r\n"},
        {"long_line", "GET /" + std::string(100'000, 'a') + " HTTP/1.1" + host + "\r\n"},
        {"long_head", line + "X: " + std::string(3u << 20, 'a') + "\r\n\r\n"},
    };
    for (const auto& each : all) report.say(each.name, status_of(each.text));
}

// Paths of other calls, other invocations, and out of the API.
void wrong_requests(Report& report, const Words&) {
    const std::string other = "/invocation/00000000-0000-0000-0000-000000000000/response";
    report.say("other_id", status_of(post(other, "stolen")));
    report.say("no_id", status_of(post("/invocation//response", "x")));
    report.say("long_id",
               status_of(post("/invocation/" + std::string(500, 'a') + "/response", "x")));
    report.say("climbing", status_of(get("/../../v1/functions")));
    report.say("encoded", status_of(get("/invocation/%6e%65%78%74/../x")));
    report.say("absolute", status_of("GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\n\r\n"));
    report.say("connect", status_of("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n"));
}

// The current invocation is answered, and then again, and then otherwise.
void answer_twice(Report& report, const Words&) {
    const std::string path = "/invocation/" + current_id + "/response";
    report.say("first", status_of(post(path, "first=yes\n")));
    report.say("second", status_of(post(path, "second=yes\n")));
    report.say("error", status_of(post("/invocation/" + current_id + "/error", "{}")));
}

void large_answer(Report& report, const Words&) {
    const std::string path = "/invocation/" + current_id + "/response";
    report.say("large", status_of(post(path, std::string(8u << 20, 'x'))));
}

// Half an answer, and then nothing: the body never comes, and the connection stays.
void half_answer(Report&, const Words&) {
    const int fd = connect_api();
    const std::string whole =
        post("/invocation/" + current_id + "/response", std::string(1000, 'x'));
    (void)send_all(fd, std::string_view(whole).substr(0, whole.size() - 500));
    sleep_for_ever();
}

// Requests whose answers nobody reads.
void unread_answers(Report& report, const Words&) {
    const int fd = connect_api();
    const timeval soon{0, 300'000};
    (void)::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    std::string many;
    for (int i = 0; i < 200; ++i) many += get("/nothing");
    std::size_t sent = 0;
    for (int i = 0; i < 200 && send_all(fd, many); ++i) sent += many.size();
    report.say("bounded", sent < std::size_t{64} << 20 ? "yes" : "no");
}

// Requests, right and wrong, cut and mended at random, over several connections at once. SEED.
void random_requests(Report& report, const Words& words) {
    std::uint64_t state = words.empty() ? 1 : std::strtoull(words[0].c_str(), nullptr, 10);
    const auto below = [&state](std::uint64_t bound) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (state >> 33) % bound;
    };
    const std::string here = "/invocation/" + current_id;
    const std::string parts[] = {
        get("/invocation/next"),
        post(here + "/response", "random=yes\n"),
        post(here + "/error", "{}"),
        post("/init/error", "{}"),
        "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
        "\r\n",
        "\r\n\r\n",
        "Content-Length: 70000\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close\r\n",
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n",
        std::string(5000, 'y'),
        std::string(3, '\0'),
    };
    int fds[6] = {-1, -1, -1, -1, -1, -1};
    for (int round = 0; round < 3000; ++round) {
        int& fd = fds[below(6)];
        if (fd < 0) fd = connect_api();
        std::string text = parts[below(std::size(parts))];
        if (below(3) == 0) text = text.substr(0, below(text.size() + 1));
        if (below(3) == 0 && !text.empty())
            text[below(text.size())] = static_cast<char>(below(256));
        (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        char block[512];
        if (below(2) == 0) (void)::recv(fd, block, sizeof block, MSG_DONTWAIT);
        if (below(8) != 0) continue;
        ::close(fd);
        fd = -1;
    }
    report.say("random", "yes");
}

void listen_there(Report& report, const Words&) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    report.tried("reuse_port", ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(9001);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    report.tried("bind", ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at));
    ::close(fd);
}

constexpr Attempt kAttempts[] = {
    {"api_many_connections", many_connections},
    {"api_connection_storm", connection_storm},
    {"api_malformed_requests", malformed_requests},
    {"api_wrong_requests", wrong_requests},
    {"api_answer_twice", answer_twice},
    {"api_large_answer", large_answer},
    {"api_half_answer", half_answer},
    {"api_unread_answers", unread_answers},
    {"api_random_requests", random_requests},
    {"api_listen_there", listen_there},
};

}  // namespace

std::span<const Attempt> api_attempts() {
    return kAttempts;
}

int serve_api() {
    int fd = -1;
    while (true) {
        if (fd < 0) fd = connect_api();
        if (fd < 0) return 1;
        Answer next;
        if (send_all(fd, get("/invocation/next"))) next = receive(fd, -1);
        if (next.status == 200) {
            current_id = next.id;
            Report report;
            handle(next.body, report);
            const std::string path = "/invocation/" + current_id + "/response";
            if (send_all(fd, post(path, report.text())) && receive(fd, -1).status != 0) continue;
        }
        ::close(fd);
        fd = -1;
    }
}

}  // namespace skerry::escape
