// skerry-linkem: a wire with distance. Carries every frame between two network interfaces, both
// ways, with delay, jitter, loss, duplication, reordering and a rate. Sleeps when nothing is due.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "tools/linkem/link.hpp"

namespace {

using namespace skerry;
using linkem::Link;

constexpr std::uint32_t kFrameBytesMax = 9216;
constexpr int kBurst = 64;

std::uint64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

struct Frame {
    std::uint64_t due_ns;
    std::uint64_t order;  // frames due at one instant leave as they came
    std::vector<unsigned char> bytes;
    bool operator<(const Frame& other) const {
        return due_ns != other.due_ns ? due_ns > other.due_ns : order > other.order;
    }
};

Result<UniqueFd> open_interface(const std::string& name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (index == 0) return errno_error("interface " + name);
    UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return errno_error("socket(AF_PACKET)");
    const int yes = 1;
    const int buffer_bytes = 8 << 20;
    packet_mreq everything{};
    everything.mr_ifindex = static_cast<int>(index);
    everything.mr_type = PACKET_MR_PROMISC;
    if (setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0)
        return errno_error("PACKET_IGNORE_OUTGOING");
    if (setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof everything) !=
        0)
        return errno_error("PACKET_ADD_MEMBERSHIP");
    (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return errno_error("bind to " + name);
    return fd;
}

class Direction {
  public:
    Direction(int from, int to, linkem::Quality quality, std::uint64_t seed)
        : from_(from), to_(to), link_(quality, seed) {}

    void receive() {
        std::array<unsigned char, kFrameBytesMax> frame;
        for (int i = 0; i < kBurst; ++i) {
            const ssize_t bytes = recv(from_, frame.data(), frame.size(), MSG_TRUNC);
            if (bytes <= 0 || static_cast<std::size_t>(bytes) > frame.size()) return;
            const Link::Fate fate = link_.pass(now_ns(), static_cast<std::uint32_t>(bytes),
                                               static_cast<std::uint32_t>(queue_.size()));
            if (fate.flipped_bit != 0)
                frame[fate.flipped_bit / 8] ^=
                    static_cast<unsigned char>(1 << fate.flipped_bit % 8);
            for (int copy = 0; copy < fate.copies; ++copy)
                queue_.push({fate.due_ns[copy], order_++, {frame.data(), frame.data() + bytes}});
        }
    }
    void send_due() {
        const std::uint64_t now = now_ns();
        while (!queue_.empty() && queue_.top().due_ns <= now) {
            const std::vector<unsigned char>& bytes = queue_.top().bytes;
            if (send(to_, bytes.data(), bytes.size(), 0) > 0) link_.count_delivered();
            queue_.pop();
        }
    }
    std::uint64_t next_due_ns() const { return queue_.empty() ? ~0ull : queue_.top().due_ns; }
    void print(const char* name) const {
        const linkem::Statistics& s = link_.statistics();
        std::fprintf(
            stderr,
            "linkem %s packets=%llu delivered=%llu lost=%llu duplicated=%llu reordered=%llu "
            "corrupted=%llu overflowed=%llu\n",
            name, static_cast<unsigned long long>(s.packets),
            static_cast<unsigned long long>(s.delivered), static_cast<unsigned long long>(s.lost),
            static_cast<unsigned long long>(s.duplicated),
            static_cast<unsigned long long>(s.reordered),
            static_cast<unsigned long long>(s.corrupted),
            static_cast<unsigned long long>(s.overflowed));
    }

  private:
    int from_;
    int to_;
    Link link_;
    std::priority_queue<Frame> queue_;
    std::uint64_t order_ = 0;
};

void arm(int timer, std::uint64_t due_ns) {
    itimerspec when{};
    if (due_ns != ~0ull) {
        when.it_value.tv_sec = static_cast<time_t>(due_ns / 1'000'000'000);
        when.it_value.tv_nsec = static_cast<long>(due_ns % 1'000'000'000);
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

// Until SIGINT or SIGTERM; SIGUSR1 prints the counters.
int serve(Direction& forth, Direction& back, int a, int b) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const UniqueFd signal_fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
    const UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    pollfd fds[] = {
        {a, POLLIN, 0}, {b, POLLIN, 0}, {timer.get(), POLLIN, 0}, {signal_fd.get(), POLLIN, 0}};
    for (;;) {
        arm(timer.get(), std::min(forth.next_due_ns(), back.next_due_ns()));
        if (poll(fds, 4, -1) < 0 && errno != EINTR) return 1;
        if (fds[0].revents != 0) forth.receive();
        if (fds[1].revents != 0) back.receive();
        std::uint64_t expirations = 0;
        if (fds[2].revents != 0 && read(timer.get(), &expirations, sizeof expirations) < 0)
            continue;
        forth.send_due();
        back.send_due();
        signalfd_siginfo signal{};
        if (read(signal_fd.get(), &signal, sizeof signal) != sizeof signal) continue;
        forth.print("a-b");
        back.print("b-a");
        if (signal.ssi_signo != SIGUSR1) return 0;
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Carries frames between two interfaces, with the distance and the faults of a network."};
    std::string a;
    std::string b;
    double delay_us = 0;
    double jitter_us = 0;
    double rate_mbit = 0;
    std::uint64_t seed = 1;
    linkem::Quality quality;
    const auto probability = CLI::Range(0.0, 1.0);
    app.add_option("--a", a, "one interface")->required();
    app.add_option("--b", b, "the other interface")->required();
    app.add_option("--delay-us", delay_us, "one way")->check(CLI::Range(0.0, 60e6));
    app.add_option("--jitter-us", jitter_us, "± this much, uniform")->check(CLI::Range(0.0, 60e6));
    app.add_option("--loss", quality.loss, "probability")->check(probability);
    app.add_option("--duplicate", quality.duplicate, "probability")->check(probability);
    app.add_option("--corrupt", quality.corrupt, "probability: one bit of the frame")
        ->check(probability);
    app.add_option("--reorder", quality.reorder, "probability")->check(probability);
    app.add_option("--rate-mbit", rate_mbit, "each way; 0: unlimited")->check(CLI::Range(0.0, 1e6));
    app.add_option("--queue", quality.queue_packets, "frames in flight each way, at most")
        ->check(CLI::Range(1, 1 << 20));
    app.add_option("--seed", seed, "of what happens by chance");
    CLI11_PARSE(app, argc, argv);
    quality.delay_ns = static_cast<std::uint64_t>(delay_us * 1e3);
    quality.jitter_ns = static_cast<std::uint64_t>(jitter_us * 1e3);
    quality.rate_bits_per_s = static_cast<std::uint64_t>(rate_mbit * 1e6);

    const auto left = open_interface(a);
    const auto right = open_interface(b);
    for (const auto* side : {&left, &right}) {
        if (*side) continue;
        std::fprintf(stderr, "skerry-linkem: %s\n", side->error().text.c_str());
        return 1;
    }
    Direction forth(left.value().get(), right.value().get(), quality, seed);
    Direction back(right.value().get(), left.value().get(), quality, seed + 1);
    return serve(forth, back, left.value().get(), right.value().get());
}
