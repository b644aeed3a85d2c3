#include "control/logs/reader.hpp"

#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace skerry::logs {
namespace {

constexpr std::uint64_t kWorkerBytesPerSecond = 4u << 20;
constexpr std::uint64_t kWorkerBurstBytes = 1u << 20;
// A write wakes the collector; until it has read, some time has passed. What began less than this
// before a read did not write what was read.
constexpr std::uint64_t kWakeLatency_us = 50;
constexpr std::uint64_t kStaleLine_us = 500'000;
constexpr std::uint64_t kEndPatience_us = 1'000'000;
constexpr int kDrainReads = 16;  // of a buffer each
// Without an end in between, which a flood of invocations or a lost event brings; bounded anyway.
constexpr std::size_t kMaxEvents = 8192;

std::uint64_t us_of(const timespec& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec) / 1000;
}

// The most memory that the worker's first process has had, in KiB; 0: not known.
std::uint64_t peak_kib(int pid) {
    if (pid <= 0) return 0;
    char path[40], text[2048];
    (void)std::snprintf(path, sizeof path, "/proc/%d/status", pid);
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) return 0;
    const std::size_t size = std::fread(text, 1, sizeof text - 1, file);
    (void)std::fclose(file);
    text[size] = '\0';
    const char* line = std::strstr(text, "VmHWM:");
    unsigned long long kib = 0;
    return line != nullptr && std::sscanf(line, "VmHWM: %llu", &kib) == 1 ? kib : 0;
}

}  // namespace

Clock Clock::now() {
    timespec monotonic{}, utc{};
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_REALTIME, &utc);
    return {us_of(monotonic), static_cast<std::int64_t>(us_of(utc))};
}

Reader::Reader(WorkerLog worker, UniqueFd pipe)
    : worker_(std::move(worker)),
      pipe_(std::move(pipe)),
      output_(worker_.writer),
      budget_(kWorkerBytesPerSecond, kWorkerBurstBytes) {
    if (!worker_.channel_memory) return;
    auto mapped = InHand::map(worker_.channel_memory.get(), worker_.slots, worker_.ahead_slots,
                              worker_.slot_stride);
    worker_.channel_memory.reset();
    // Without it the log has no request ids: no reason not to run.
    if (mapped) in_hand_.emplace(std::move(*mapped));
}

void Reader::apply(const LogEvent& event, const Clock& now, std::vector<Record>& to) {
    in_invocation_ = event.kind == LogEventKind::started;
    if (event.kind == LogEventKind::started)
        output_.begin({event.request_id_hi, event.request_id_lo}, now.utc_us, to);
    else
        output_.end(event, peak_kib(pid_), now.utc_us, to);
}

// Bytes belong to the last invocation that had begun when they were read.
void Reader::attribute(std::string_view bytes, const Clock& now, Due which,
                       std::vector<Record>& to) {
    if (in_hand_) {
        if (bytes.empty()) return;
        output_.begin(in_hand_->look(), now.utc_us, to);
        output_.take(bytes, now.utc_us, to);
        return;
    }
    // An invocation may have gone from core to core, each of which has its own ring.
    std::stable_sort(events_.begin(), events_.end(),
                     [](const LogEvent& a, const LogEvent& b) { return a.at_us < b.at_us; });
    const std::uint64_t until_us = now.monotonic_us - kWakeLatency_us;
    const auto due = std::find_if(events_.begin(), events_.end(), [&](const LogEvent& each) {
        return which == Due::old && each.at_us > until_us && !ended_;
    });
    auto last = due;
    for (auto at = events_.begin(); at != due; ++at)
        if (at->kind == LogEventKind::started) last = at;
    auto at = events_.begin();
    if (last != due)
        for (; at != last + 1; ++at) apply(*at, now, to);
    output_.take(bytes, now.utc_us, to);
    if (which != Due::begun)
        for (; at != due; ++at) apply(*at, now, to);
    events_.erase(events_.begin(), at);
    if (events_.size() > kMaxEvents) events_.clear();
}

Reader::Turn Reader::turn(std::vector<char>& buffer, Budget& all,
                          const std::function<void()>& fetch_events, std::vector<Record>& to) {
    const Clock now = Clock::now();
    std::uint64_t room = std::min<std::uint64_t>(
        {buffer.size(), budget_.left(now.monotonic_us), all.left(now.monotonic_us)});
    // What an ended worker left is at most a pipe full.
    if (ended_) room = buffer.size();
    if (room == 0) {
        fetch_events();
        return Turn::exhausted;
    }
    bool would_wait = false;
    const std::size_t size = read_some(buffer, room, all, now, would_wait);
    fetch_events();
    attribute({buffer.data(), size}, now, Due::old, to);
    if (size != 0) return Turn::some;
    return would_wait && !ended_ ? Turn::nothing : Turn::over;
}

std::size_t Reader::read_some(std::vector<char>& buffer, std::uint64_t room, Budget& all,
                              const Clock& now, bool& would_wait) {
    const ssize_t n = ::read(pipe_.get(), buffer.data(), room);
    would_wait = n < 0 && (errno == EAGAIN || errno == EINTR);
    if (n <= 0) return 0;
    const auto size = static_cast<std::size_t>(n);
    budget_.spend(size);
    all.spend(size);
    read_bytes_ += size;
    last_read_us_ = now.monotonic_us;
    return size;
}

void Reader::drain(std::vector<char>& buffer, Budget& all,
                   const std::function<void()>& fetch_events, std::vector<Record>& to) {
    const Clock now = Clock::now();
    fetch_events();
    for (int i = 0; i < kDrainReads; ++i) {
        const std::uint64_t room =
            ended_ ? buffer.size()
                   : std::min<std::uint64_t>({buffer.size(), budget_.left(now.monotonic_us),
                                              all.left(now.monotonic_us)});
        bool would_wait = false;
        const std::size_t size = room == 0 ? 0 : read_some(buffer, room, all, now, would_wait);
        if (size == 0) break;
        attribute({buffer.data(), size}, now, Due::begun, to);
    }
    attribute({}, now, Due::all, to);
    output_.flush(now.utc_us, to);
}

bool Reader::awaits_end() const {
    return in_invocation_ && Clock::now().monotonic_us - ended_us_ < kEndPatience_us;
}

void Reader::ended(const std::string& why) {
    ended_ = true;
    ended_us_ = Clock::now().monotonic_us;
    why_ = why;
}

void Reader::finish(std::vector<Record>& to) {
    const Clock now = Clock::now();
    ended_ = true;  // events of all times are due
    attribute({}, now, Due::all, to);
    output_.finish(now.utc_us, to);
    if (!why_.empty()) output_.note(why_, now.utc_us, to);
}

void Reader::flush_stale(const Clock& now, std::vector<Record>& to) {
    if (output_.has_partial_line() && now.monotonic_us - last_read_us_ > kStaleLine_us)
        output_.flush(now.utc_us, to);
}

}  // namespace skerry::logs
