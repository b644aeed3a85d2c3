// Lies in the memory that skerryd reads. The layout is the product's own, without the SDK's checks.
// What the SDK knows of the invocation is left as it is: after a lie the worker is of no use.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>

#include "sandbox/channel/handover.hpp"
#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

using namespace skerry::channel;

struct Mapped {
    std::byte* base = nullptr;
    std::size_t bytes = 0;
    ChannelHeader& header() const { return *reinterpret_cast<ChannelHeader*>(base); }
    // That of the invocation which is executing.
    std::uint32_t number() const { return header().worker.begun_slot.load() % kMaxSlotsPerChannel; }
    std::uint64_t bit() const { return std::uint64_t{1} << number(); }
    SlotControl& slot() const {
        const std::size_t at = kHeaderBytes + std::size_t{number()} * header().slot_stride;
        return *reinterpret_cast<SlotControl*>(base + at);
    }
    void claim(std::uint64_t bits) const {
        const std::uint64_t one = 1;
        for (std::uint32_t core = 0; core < kMaxCores; ++core)
            header().done[core].slots.fetch_or(bits);
        (void)!::write(kFirstDoneFd, &one, sizeof one);
    }
};

Mapped map_channel() {
    struct stat info {};
    if (::fstat(kChannelFd, &info) != 0) ::_exit(9);
    const auto bytes = static_cast<std::size_t>(info.st_size);
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kChannelFd, 0);
    if (base == MAP_FAILED) ::_exit(9);
    return {static_cast<std::byte*>(base), bytes};
}

// Answers the request with what skerryd must not believe.
void lie(std::uint64_t sequence, std::uint32_t bytes, std::uint32_t status) {
    const Mapped at = map_channel();
    at.slot().response_seq = at.slot().request_seq + sequence;
    at.slot().response_bytes = bytes;
    at.slot().response_status = status;
    at.claim(at.bit());
    sleep_for_ever();
}

// Bells and bits without end, faster than anybody can look at them.
void storm(Report& report, const Words&) {
    const Mapped at = map_channel();
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const time_t end = now.tv_sec + 1;
    long rings = 0;
    for (; now.tv_sec < end; ++rings) {
        at.claim(~at.bit());
        if (rings % 64 == 0) ::clock_gettime(CLOCK_MONOTONIC, &now);
    }
    report.say("rang", rings > 1000 ? "yes" : "no");
}

// Full counters, and no O_NONBLOCK: who writes or reads them in the ordinary way waits for ever.
void full_bells(Report& report, const Words&) {
    const std::uint64_t most = UINT64_MAX - 1;
    for (const int fd : {kWakeFd, kReadyFd, kFirstDoneFd}) {
        (void)::fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
        (void)!::write(fd, &most, sizeof most);
        (void)::fcntl(fd, F_SETFL, O_RDWR);
    }
    report.say("filled", "yes");
}

// Pages that skerryd is about to read are taken away, again and again.
void holes(Report& report, const Words&) {
    const Mapped at = map_channel();
    for (int i = 0; i < 200; ++i)
        (void)::fallocate(kChannelFd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                          static_cast<off_t>(at.bytes));
    report.say("punched", "yes");
}

// Random bytes all over, while the answer is on its way.
void random_writes(Report& report, const Words&) {
    const Mapped at = map_channel();
    std::uint64_t state = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 200'000; ++i) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        at.base[state % at.bytes] = static_cast<std::byte>(state >> 56);
    }
    report.say("wrote", "yes");
}

void scribble(Report&, const Words&) {
    const Mapped at = map_channel();
    std::memset(at.base, 0xff, at.bytes);
    at.claim(~std::uint64_t{0});
    sleep_for_ever();
}

// Everything closed, then the answer: it goes through memory.
void close_all(Report& report, const Words&) {
    for (int fd = 0; fd < 256; ++fd) ::close(fd);
    report.say("closed", "yes");
}

// Ends while skerryd may be reading the answer.
void exit_in_answer(Report&, const Words&) {
    const Mapped at = map_channel();
    at.slot().response_seq = at.slot().request_seq;
    at.slot().response_bytes = 16;
    at.slot().response_status = 0;
    at.claim(at.bit());
    (void)::kill(::getpid(), SIGKILL);
    ::_exit(0);
}

constexpr Attempt kAttempts[] = {
    {"lie_length", [](Report&, const Words&) { lie(0, 100'000'000, 0); }},
    {"lie_length_max", [](Report&, const Words&) { lie(0, UINT32_MAX, 0); }},
    {"lie_status", [](Report&, const Words&) { lie(0, 0, 77); }},
    {"lie_sequence", [](Report&, const Words&) { lie(1, 0, 0); }},
    {"storm", storm},
    {"full_bells", full_bells},
    {"holes", holes},
    {"random_writes", random_writes},
    {"scribble", scribble},
    {"close_all", close_all},
    {"exit_in_answer", exit_in_answer},
};

}  // namespace

std::span<const Attempt> channel_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
