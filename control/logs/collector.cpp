#include "control/logs/collector.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "sandbox/base/check.hpp"

namespace skerry::logs {
namespace {

constexpr std::uint64_t kAllBytesPerSecond = 32u << 20;
constexpr std::uint64_t kAllBurstBytes = 8u << 20;
constexpr std::uint64_t kFunctionBytesPerSecond = 1u << 20;  // kept, as they lie in the file
constexpr std::uint64_t kFunctionBurstBytes = 4u << 20;
constexpr std::size_t kReadBytes = 64u << 10;  // of one worker, in one turn
constexpr int kMaxReady = 64;                  // workers looked at between two looks at the rest
constexpr std::size_t kEventBurst = 256;
constexpr std::uint64_t kHousekeeping_us = 20'000;
constexpr int kPatience_ms = 20;  // until events of silent workers are looked at
constexpr int kLongPatience_ms = 200;
constexpr std::uint64_t kWarning_us = 60'000'000;
constexpr int kNiceness = 5;  // behind cores that share its CPU

}  // namespace

Result<Pipe> make_pipe(std::uint32_t owner_uid) {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return errno_error("make a pipe for a worker's log");
    Pipe pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
    // Of this end alone: the worker's blocks, as programs expect it.
    if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("fcntl of a pipe");
    // Not as root (tests): then only /dev/stderr does not open.
    (void)!::fchown(pipe.write.get(), owner_uid, static_cast<gid_t>(-1));
    return pipe;
}

Result<std::unique_ptr<Collector>> Collector::start(const std::string& folder,
                                                    std::vector<EventSource> sources,
                                                    std::vector<TailPort> tail_ports) {
    std::unique_ptr<Collector> made(
        new Collector(folder, std::move(sources), std::move(tail_ports)));
    made->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    made->wake_ = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!made->epoll_ || !made->wake_) return errno_error("start the log collector");
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.u64 = 0;  // no worker's
    if (::epoll_ctl(made->epoll_.get(), EPOLL_CTL_ADD, made->wake_.get(), &wanted) != 0)
        return errno_error("start the log collector");
    made->thread_ = std::thread([collector = made.get()] { collector->main(); });
    return made;
}

Collector::Collector(std::string folder, std::vector<EventSource> sources,
                     std::vector<TailPort> tail_ports)
    : store_(std::move(folder)),
      sources_(std::move(sources)),
      tail_ports_(std::move(tail_ports)),
      all_(kAllBytesPerSecond, kAllBurstBytes),
      buffer_(kReadBytes),
      fetched_(kEventBurst) {}

Collector::~Collector() {
    stop_.store(true, std::memory_order_relaxed);
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
    thread_.join();
}

void Collector::order(Command command) {
    {
        const std::lock_guard lock(mutex_);
        orders_.push_back(std::move(command));
    }
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);  // full: it has been told
}

void Collector::add(WorkerLog worker, UniqueFd pipe) {
    const std::uint64_t id = worker.writer.worker;
    order({Command::Kind::add, id, 0, {}, std::move(worker), std::move(pipe)});
}

void Collector::spawned(std::uint64_t worker, int pid) {
    order({Command::Kind::spawned, worker, static_cast<std::uint64_t>(pid), {}, {}, {}});
}

void Collector::ready(std::uint64_t worker, std::uint64_t init_us) {
    order({Command::Kind::ready, worker, init_us, {}, {}, {}});
}

void Collector::ended(std::uint64_t worker, const std::string& why) {
    order({Command::Kind::ended, worker, 0, why, {}, {}});
}

Collector::Totals Collector::totals() const {
    return {bytes_.load(std::memory_order_relaxed), dropped_bytes_.load(std::memory_order_relaxed),
            dropped_lines_.load(std::memory_order_relaxed), lines_.load(std::memory_order_relaxed)};
}

void Collector::main() {
    pthread_setname_np(pthread_self(), "logs");
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
    std::array<epoll_event, kMaxReady> ready{};
    while (!stop_.load(std::memory_order_relaxed)) {
        const int count = ::epoll_wait(epoll_.get(), ready.data(), kMaxReady, timeout_ms());
        take_orders();
        for (int i = 0; i < count; ++i)
            if (ready[static_cast<std::size_t>(i)].data.u64 != 0)
                turn(ready[static_cast<std::size_t>(i)].data.u64);
        answer_tails();
        housekeeping();
    }
    take_orders();
    while (!readers_.empty()) {
        readers_.begin()->second->ended({});
        turn(readers_.begin()->first);
        if (!readers_.empty()) remove(readers_.begin());
    }
}

// Events of silent workers, and paused ones that may be read again, are looked at in time.
int Collector::timeout_ms() const {
    for (const auto& [id, reader] : readers_)
        if (reader->paused || reader->has_events() || reader->worker().writer.lambda_lines)
            return kPatience_ms;
    return kLongPatience_ms;
}

void Collector::take_orders() {
    std::uint64_t count = 0;
    while (::read(wake_.get(), &count, sizeof count) > 0) {
    }
    std::vector<Command> orders;
    {
        const std::lock_guard lock(mutex_);
        std::swap(orders, orders_);
    }
    nobodys_.clear();
    if (orders.empty()) return;
    // Before a channel's index means the next worker: cores have told all of the last one. What
    // they told of that one already is delivered when it is known.
    fetch_events();
    for (Command& command : orders) obey(command);
}

void Collector::obey(Command& command) {
    if (command.kind == Command::Kind::add) {
        channels_[command.log->channel] = {command.worker, command.log->generation};
        auto reader = std::make_unique<Reader>(std::move(*command.log), std::move(command.pipe));
        epoll_event wanted{};
        wanted.events = EPOLLIN;
        wanted.data.u64 = command.worker;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, reader->fd(), &wanted) != 0)
            spdlog::warn("the log of a worker of {} is not read: {}", reader->function(),
                         errno_error("epoll_ctl").text);
        readers_.emplace(command.worker, std::move(reader));
        std::erase_if(nobodys_, [this](const LogEvent& event) { return deliver(event); });
        return;
    }
    const auto found = readers_.find(command.worker);
    if (found == readers_.end()) return;
    Reader& reader = *found->second;
    if (command.kind == Command::Kind::spawned) reader.spawned(static_cast<int>(command.value));
    if (command.kind == Command::Kind::ready) reader.ready(command.value);
    if (command.kind == Command::Kind::ended) {
        reader.ended(command.text);
        watch(reader, command.worker, true);
        turn(command.worker);
    }
}

// False: of nobody who is known now.
bool Collector::deliver(const LogEvent& event) {
    const auto channel = channels_.find(event.channel);
    if (channel == channels_.end() || channel->second.generation != event.generation) return false;
    const auto reader = readers_.find(channel->second.worker);
    if (reader == readers_.end()) return false;
    reader->second->add(event);
    return true;
}

void Collector::fetch_events() {
    for (const EventSource& source : sources_) {
        // Bounded: cores go on producing meanwhile.
        for (std::uint32_t taken = 0; taken < kLogRingSize; taken += kEventBurst) {
            const std::size_t count = source(fetched_.data(), fetched_.size());
            for (std::size_t i = 0; i < count; ++i)
                if (!deliver(fetched_[i]) && nobodys_.size() < kLogRingSize)
                    nobodys_.push_back(fetched_[i]);
            if (count < fetched_.size()) break;
        }
    }
}

// Bounded: cores go on asking meanwhile.
void Collector::answer_tails() {
    constexpr std::size_t kBurst = 16;
    std::array<TailRequest, kBurst> asked;
    for (const TailPort& port : tail_ports_) {
        for (std::uint32_t taken = 0; taken < kTailRequestRing; taken += kBurst) {
            const std::size_t count = port.take(asked.data(), asked.size());
            // A core whose ring is full has given up waiting for the ones in it.
            for (std::size_t i = 0; i < count; ++i) (void)port.give(tail_for(asked[i]));
            if (count < asked.size()) break;
        }
    }
}

TailAnswer Collector::tail_for(const TailRequest& request) {
    TailAnswer answer;
    answer.token = request.token;
    // The slot is not given back before this is answered: the index is still this worker's.
    const auto channel = channels_.find(request.channel);
    if (channel == channels_.end() || channel->second.generation != request.generation)
        return answer;
    const std::uint64_t worker = channel->second.worker;
    if (readers_.count(worker) != 0) drain(worker);
    const std::string tail =
        tails_.take(worker, {request.request_id_hi, request.request_id_lo}, request.room_bytes)
            .value_or("");
    answer.bytes = static_cast<std::uint32_t>(tail.size());
    tail.copy(answer.text, sizeof answer.text);
    return answer;
}

// All that the worker has written as yet: its invocation has ended, and it has no other.
void Collector::drain(std::uint64_t worker) {
    const auto found = readers_.find(worker);
    Reader& reader = *found->second;
    records_.clear();
    const std::uint64_t dropped = reader.dropped_bytes(), read = reader.read_bytes();
    reader.drain(
        buffer_, all_, [this] { fetch_events(); }, records_);
    keep(reader, records_);
    bytes_.fetch_add(reader.read_bytes() - read, std::memory_order_relaxed);
    dropped_bytes_.fetch_add(reader.dropped_bytes() - dropped, std::memory_order_relaxed);
    if (reader.has_ended() && !reader.awaits_end()) remove(found);
}

void Collector::watch(Reader& reader, std::uint64_t worker, bool wanted) {
    if (reader.paused == !wanted) return;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = worker;
    const int operation = wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
    if (::epoll_ctl(epoll_.get(), operation, reader.fd(), &event) == 0) reader.paused = !wanted;
}

void Collector::turn(std::uint64_t worker) {
    const auto found = readers_.find(worker);
    if (found == readers_.end()) return;
    Reader& reader = *found->second;
    records_.clear();
    const std::uint64_t dropped = reader.dropped_bytes(), read = reader.read_bytes();
    Reader::Turn made = Reader::Turn::some;
    // All that an ended one left, at once: a pipe can hold a MiB.
    for (int i = 0; i < (reader.has_ended() ? 32 : 1) && made == Reader::Turn::some; ++i)
        made = reader.turn(
            buffer_, all_, [this] { fetch_events(); }, records_);
    keep(reader, records_);
    bytes_.fetch_add(reader.read_bytes() - read, std::memory_order_relaxed);
    dropped_bytes_.fetch_add(reader.dropped_bytes() - dropped, std::memory_order_relaxed);
    if (reader.has_ended() && !reader.awaits_end()) return remove(found);
    // It may not write more for now, or has closed its end: then its pipe would be ready for ever.
    if (made == Reader::Turn::exhausted || made == Reader::Turn::over) watch(reader, worker, false);
}

void Collector::remove(Readers::iterator at) {
    Reader& reader = *at->second;
    records_.clear();
    reader.finish(records_);
    keep(reader, records_);
    if (!reader.paused) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, reader.fd(), nullptr);
    readers_.erase(at);
}

// Paused workers go on, lines that wait for their end are cut, events of silent workers told.
void Collector::housekeeping() {
    const Clock now = Clock::now();
    if (now.monotonic_us - looked_after_us_ < kHousekeeping_us) return;
    looked_after_us_ = now.monotonic_us;
    fetch_events();
    std::vector<std::uint64_t> due;
    for (auto& [id, reader] : readers_) {
        if (reader->has_events() || reader->has_ended()) due.push_back(id);
        if (reader->paused) watch(*reader, id, true);
        records_.clear();
        reader->flush_stale(now, records_);
        keep(*reader, records_);
    }
    for (const std::uint64_t worker : due) turn(worker);
    // Of functions that are gone, nothing has to be remembered.
    if (functions_.size() > 2 * readers_.size() + 64)
        for (auto at = functions_.begin(); at != functions_.end();) {
            Function& state = at->second;
            const bool full = state.kept.left(now.monotonic_us) == kFunctionBurstBytes;
            at = full && state.dropped == 0 ? functions_.erase(at) : std::next(at);
        }
}

void Collector::keep(const Reader& reader, std::vector<Record>& records) {
    if (records.empty()) return;
    for (const Record& record : records)
        if (!record.request.none()) tails_.append(record.worker, record.request, record.text);
    write(reader.function(), records);
}

void Collector::write(const std::string& function, const std::vector<Record>& records) {
    const Clock now = Clock::now();
    Function& state =
        functions_
            .try_emplace(function, Function{{kFunctionBytesPerSecond, kFunctionBurstBytes}, 0})
            .first->second;
    std::string text;
    std::uint64_t kept = 0;
    for (const Record& record : records) {
        const std::string line = render(record);
        if (state.kept.left(now.monotonic_us) < line.size() + 200) {
            ++state.dropped;
            continue;
        }
        if (state.dropped != 0) {
            Record told = record;
            told.stream = Stream::platform;
            told.request = {};
            told.text = std::to_string(state.dropped) +
                        " lines dropped: more than 1 MiB a second of one function";
            dropped_lines_.fetch_add(state.dropped, std::memory_order_relaxed);
            state.dropped = 0;
            text += render(told);
        }
        text += line;
        state.kept.spend(line.size());
        ++kept;
    }
    if (text.empty()) return;
    const Status written = store_.append(function, text);
    (written ? lines_ : dropped_lines_).fetch_add(kept, std::memory_order_relaxed);
    if (written || now.monotonic_us - warned_us_ < kWarning_us) return;
    warned_us_ = now.monotonic_us;
    spdlog::warn("logs of functions are lost: {}", written.error().text);
}

}  // namespace skerry::logs
