// Everything a function must not do, on order: for tests of what one bad function costs others.
// It forges its side of the channel with the very layout that skerryd reads.
//
//   payload   ok · crash · abort · exit [N] · hang (burns) · pause (sleeps) · late MS (answers
//   then)
//             status N · length N · sequence (answers for another request) · stranger (answers
//             slots that it was never given) · scribble (fills the whole channel with 0xff) · bell
//             (fills its eventfds) · memory (allocates without end) · crowd N (N children with
//             8 MiB each) · fork (forks without end) · log N (N lines of 1000 bytes) ·
//             silence (never answers, takes the next)
//   start.txt in the artifact, first word: crash · hang · exit — before it is ready
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/channel/handover.hpp"
#include "sandbox/sdk/skerry.h"

namespace {

using namespace skerry::channel;

// The worker's view of its channel, without what the SDK checks.
struct Channel {
    std::byte* base = nullptr;
    std::size_t bytes = 0;
    ChannelHeader& header() const { return *reinterpret_cast<ChannelHeader*>(base); }
    SlotControl& slot(std::uint32_t index) const {
        return *reinterpret_cast<SlotControl*>(base + kHeaderBytes +
                                               std::size_t{index} * header().slot_stride);
    }
    void claim_done(std::uint32_t core, std::uint64_t bits) const {
        header().done[core % kMaxCores].slots.fetch_or(bits);
        const std::uint64_t one = 1;
        (void)!write(kFirstDoneFd + static_cast<int>(core), &one, sizeof one);
    }
};

Channel map_channel() {
    struct stat info {};
    if (fstat(kChannelFd, &info) != 0) return {};
    const auto bytes = static_cast<std::size_t>(info.st_size);
    void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kChannelFd, 0);
    return base == MAP_FAILED ? Channel{} : Channel{static_cast<std::byte*>(base), bytes};
}

[[noreturn]] void hang() {
    volatile std::uint64_t turns = 0;
    while (true) turns = turns + 1;
}

[[noreturn]] void pause_for_ever() {
    while (true) pause();
}

void sleep_ms(unsigned long ms) {
    timespec left{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1'000'000};
    while (nanosleep(&left, &left) != 0) {
    }
}

void take_memory() {
    std::vector<void*> kept;
    while (true) {
        void* block = std::malloc(std::size_t{16} << 20);
        if (block == nullptr) std::abort();
        std::memset(block, 1, std::size_t{16} << 20);
        kept.push_back(block);
    }
}

// None of them has too much, but all have.
[[noreturn]] void take_memory_together(unsigned long children) {
    constexpr std::size_t kBytes = std::size_t{8} << 20;
    for (unsigned long i = 0; i < children; ++i) {
        if (fork() != 0) continue;
        (void)mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        pause_for_ever();
    }
    pause_for_ever();
}

void fork_without_end() {
    for (int i = 0; i < 100000; ++i)
        if (fork() == 0) pause_for_ever();
}

void fill_bells(const Channel& channel) {
    const std::uint64_t most = UINT64_MAX - 1;
    for (std::uint32_t core = 0; core < channel.header().core_count; ++core) {
        const int fd = kFirstDoneFd + static_cast<int>(core);
        (void)fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
        (void)!write(fd, &most, sizeof most);
    }
}

void flood_log(unsigned long lines) {
    std::string line(999, 'x');
    line += '\n';
    for (unsigned long i = 0; i < lines && i < 1'000'000; ++i)
        (void)!write(STDERR_FILENO, line.data(), line.size());
}

// An answer that skerryd must not believe. What the SDK knows of this request is left as it is: the
// worker is of no further use.
void forge(const Channel& channel, const skerry_invocation& inv, std::string_view what,
           std::uint32_t number) {
    SlotControl& slot = channel.slot(inv.slot);
    const std::uint32_t core = slot.reply_core;
    slot.response_seq = what == "sequence" ? slot.request_seq + 1 : slot.request_seq;
    slot.response_bytes = what == "length" ? number : 0;
    slot.response_status = what == "status" ? number : 0;
    channel.claim_done(core, std::uint64_t{1} << inv.slot);
}

// Ends the process, or never returns, or does harm and returns.
void misbehave(const Channel& channel, std::string_view what, unsigned long number) {
    if (what == "crash") __builtin_trap();
    if (what == "abort") std::abort();
    if (what == "exit") _exit(static_cast<int>(number));
    if (what == "hang") hang();
    if (what == "pause") pause_for_ever();
    if (what == "memory") take_memory();
    if (what == "crowd") take_memory_together(number);
    if (what == "fork") fork_without_end();
    if (what == "late") sleep_ms(number);
    if (what == "log") flood_log(number);
    if (what == "bell") fill_bells(channel);
    if (what == "stranger") channel.claim_done(0, ~std::uint64_t{0});
    if (what == "scribble") std::memset(channel.base, 0xff, channel.bytes);
}

struct Order {
    std::string what;
    unsigned long number = 0;
};

Order parse(std::string_view payload) {
    const std::string text(payload.substr(0, 64));
    const auto space = text.find_first_of(" \r\n");
    Order order{text.substr(0, space), 0};
    if (space != std::string::npos)
        order.number = std::strtoul(text.c_str() + space + 1, nullptr, 0);
    return order;
}

Order at_start() {
    char text[32] = "";
    const int fd = open("start.txt", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    const ssize_t bytes = read(fd, text, sizeof text - 1);
    close(fd);
    return parse({text, bytes > 0 ? static_cast<std::size_t>(bytes) : 0});
}

}  // namespace

int main() {
    const Channel channel = map_channel();
    if (channel.base == nullptr) return 1;
    const Order start = at_start();
    misbehave(channel, start.what, start.number);
    skerry_invocation inv;
    while (skerry_next(&inv) == 0) {
        const Order order = parse({static_cast<const char*>(inv.payload), inv.payload_bytes});
        misbehave(channel, order.what, order.number);
        if (order.what == "silence") continue;
        if (order.what == "status" || order.what == "length" || order.what == "sequence") {
            forge(channel, inv, order.what, static_cast<std::uint32_t>(order.number));
            continue;
        }
        (void)skerry_respond(&inv, SKERRY_OK, order.what.data(), order.what.size());
    }
    return 1;
}
