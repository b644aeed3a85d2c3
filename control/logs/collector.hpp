// The log collector: one thread that reads every worker's output, puts it down to invocations, and
// keeps it (README.md: how much, and what becomes of the rest). Workers come and go by orders of
// the control thread, which never waits here; cores tell their part through rings.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "control/logs/reader.hpp"
#include "control/logs/store.hpp"
#include "control/logs/tails.hpp"
#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::logs {

// Takes at most `most` events from one core's ring; returns how many. Collector thread only.
using EventSource = std::function<std::size_t(LogEvent* to, std::size_t most)>;

// One core's two rings of tails. Collector thread only.
struct TailPort {
    // Takes at most `most`; returns how many.
    std::function<std::size_t(TailRequest* to, std::size_t most)> take;
    // False: its ring is full. The core is rung otherwise, if it sleeps.
    std::function<bool(const TailAnswer& answer)> give;
};

// Both ends of a worker's output. The read end does not block; the worker may open its end once
// more (/dev/stderr), as it would a terminal.
struct Pipe {
    UniqueFd read, write;
};
Result<Pipe> make_pipe(std::uint32_t owner_uid);

class Collector {
  public:
    // `folder` has to be there.
    static Result<std::unique_ptr<Collector>> start(const std::string& folder,
                                                    std::vector<EventSource> sources,
                                                    std::vector<TailPort> tail_ports = {});
    ~Collector();  // what has been written by then is kept
    Collector(const Collector&) = delete;
    Collector& operator=(const Collector&) = delete;

    // Any thread; none of them waits. Worker ids are never used twice.
    void add(WorkerLog worker, UniqueFd pipe);
    void spawned(std::uint64_t worker, int pid);
    void ready(std::uint64_t worker, std::uint64_t init_us);
    // `why`: a line for its log; empty: it was told to end.
    void ended(std::uint64_t worker, const std::string& why);

    // An eventfd, to be written when there is a request in a TailPort.
    int bell() const { return wake_.get(); }

    // Any thread.
    Store& store() { return store_; }
    const Tails& tails() const { return tails_; }
    struct Totals {
        std::uint64_t bytes = 0;          // read
        std::uint64_t dropped_bytes = 0;  // beyond log_kib of an invocation
        std::uint64_t dropped_lines = 0;  // beyond what a function may log, or not writable
        std::uint64_t lines = 0;          // kept
    };
    Totals totals() const;

  private:
    struct Command {
        enum class Kind : std::uint8_t { add, spawned, ready, ended } kind;
        std::uint64_t worker = 0;
        std::uint64_t value = 0;
        std::string text;
        std::optional<WorkerLog> log;
        UniqueFd pipe;
    };
    using Readers = std::map<std::uint64_t, std::unique_ptr<Reader>>;
    struct Function {
        Budget kept;
        std::uint64_t dropped = 0;  // lines, not told yet
    };

    Collector(std::string folder, std::vector<EventSource> sources,
              std::vector<TailPort> tail_ports);
    void order(Command command);
    void main();
    void take_orders();
    void obey(Command& command);
    bool deliver(const LogEvent& event);
    void fetch_events();
    void answer_tails();
    TailAnswer tail_for(const TailRequest& request);
    void drain(std::uint64_t worker);
    void turn(std::uint64_t worker);
    void watch(Reader& reader, std::uint64_t worker, bool wanted);
    void remove(Readers::iterator at);
    void keep(const Reader& reader, std::vector<Record>& records);
    void housekeeping();
    void write(const std::string& function, const std::vector<Record>& records);
    int timeout_ms() const;

    Store store_;
    Tails tails_;
    std::vector<EventSource> sources_;
    std::vector<TailPort> tail_ports_;
    UniqueFd epoll_, wake_;
    std::mutex mutex_;  // of orders_
    std::vector<Command> orders_;
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> bytes_{0}, dropped_bytes_{0}, dropped_lines_{0}, lines_{0};

    // The collector thread's.
    Readers readers_;
    struct Holder {
        std::uint64_t worker = 0, generation = 0;
    };
    std::map<std::uint32_t, Holder> channels_;  // Channel::index → who has it, or had it last
    std::map<std::string, Function> functions_;
    Budget all_;
    std::vector<char> buffer_;
    std::vector<LogEvent> fetched_;
    std::vector<LogEvent> nobodys_;  // fetched since orders were taken
    std::vector<Record> records_;
    std::uint64_t looked_after_us_ = 0;
    std::uint64_t warned_us_ = 0;

    std::thread thread_;
};

}  // namespace skerry::logs
