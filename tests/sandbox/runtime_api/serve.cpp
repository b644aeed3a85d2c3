// A Runtime API on a socket of loopback, for real clients: drives a Peer by pump(), as the control
// thread does. Not installed.   serve [--area BYTES] [--seconds N] EVENT-FILE…
// Says on standard output: "port N"; for each answer "answer OUTCOME TYPE BYTES" and the bytes and
// a newline; "done" when the worker has asked once more after the last event. The request ids are
// 00000000-0000-0000-0000-00000000000N, N from 1. Ends with 3 when the seconds (30) are over.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/runtime_api/peer.hpp"
#include "sandbox/runtime_api/pump.hpp"

namespace {

using namespace skerry;
using namespace skerry::runtime_api;
using Clock = std::chrono::steady_clock;

constexpr const char* kOutcomes[] = {"none",      "ok",        "function_error",
                                     "too_large", "truncated", "init_failed"};

UniqueFd listen_on_loopback(int& port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd.get(), generic, bytes) != 0 || ::listen(fd.get(), 16) != 0 ||
        ::getsockname(fd.get(), generic, &bytes) != 0) {
        std::perror("serve: listening on loopback");
        std::exit(1);
    }
    port = ntohs(address.sin_port);
    return fd;
}

std::string contents(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        std::perror(path);
        std::exit(1);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

class Service {
  public:
    Service(std::vector<std::string> events, std::size_t area_bytes, int seconds)
        : events_(std::move(events)),
          area_(area_bytes),
          end_(Clock::now() + std::chrono::seconds(seconds)) {}
    ~Service() { hang_up(peer_); }
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    int run() {
        int port = 0;
        const UniqueFd listener = listen_on_loopback(port);
        std::printf("port %d\n", port);
        std::fflush(stdout);
        std::vector<pollfd> watched;
        while (Clock::now() < end_) {
            const std::uint8_t news = pump(peer_, listener.get());
            if ((news & kAnswered) != 0) report();
            if (peer_.outcome() == Outcome::init_failed) return flush_and_end(listener.get());
            if ((news & kAsked) != 0 && !begin()) return 0;
            if (news != 0) continue;
            watched.clear();
            add_descriptors(peer_, listener.get(), watched);
            ::poll(watched.data(), watched.size(), 100);
        }
        return 3;
    }

  private:
    // False: there are no more events.
    bool begin() {
        if (running_) return true;
        if (next_ == events_.size()) {
            std::printf("done\n");
            return false;
        }
        const std::string& event = events_[next_++];
        running_ = true;
        peer_.begin({.payload = reinterpret_cast<const std::byte*>(event.data()),
                     .payload_bytes = static_cast<std::uint32_t>(event.size()),
                     .request_id_lo = next_,
                     .deadline_unix_ms = static_cast<std::uint64_t>(
                         std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count() +
                         30000),
                     .attempt = next_});
        return true;
    }
    void report() {
        running_ = false;
        const std::string type(peer_.error_type());
        std::printf("answer %s %s %u\n", kOutcomes[static_cast<int>(peer_.outcome())],
                    type.empty() ? "-" : type.c_str(), peer_.answer_bytes());
        std::fwrite(area_.data(), 1, peer_.answer_bytes(), stdout);
        std::printf("\n");
        std::fflush(stdout);
    }
    int flush_and_end(int listener_fd) {
        pump(peer_, listener_fd);  // the worker is told that it was heard
        return 0;
    }

    const std::vector<std::string> events_;
    std::vector<std::byte> area_;
    const Clock::time_point end_;
    std::size_t next_ = 0;
    bool running_ = false;
    Peer peer_{area_.data(), area_.size(), "arn:aws:lambda:test:000000000000:function:f:1"};
};

}  // namespace

int main(int argc, char** argv) {
    std::size_t area_bytes = 2u << 20;
    int seconds = 30;
    std::vector<std::string> events;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--area" && i + 1 < argc) {
            area_bytes = std::strtoul(argv[++i], nullptr, 10);
        } else if (argument == "--seconds" && i + 1 < argc) {
            seconds = std::atoi(argv[++i]);
        } else {
            events.push_back(contents(argv[i]));
        }
    }
    return Service(std::move(events), area_bytes, seconds).run();
}
