#include "tools/load/http/run.hpp"

#include <sys/prctl.h>
#include <time.h>

#include <cinttypes>
#include <cstdio>
#include <optional>

#include "tools/load/http/flood.hpp"
#include "tools/load/http/host.hpp"
#include "tools/load/http/traffic.hpp"

namespace skerry::load::http {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kIdlePatienceNs = 120 * kSecondNs;
constexpr std::uint32_t kConnectionsAnAddress =
    30'000;                                 // half of its ports: they stay easy to find
constexpr std::uint32_t kQuietTurns = 200;  // before it sleeps
constexpr long kSleepNs = 50'000;
constexpr long kLeavePauseNs = 100'000;

std::uint32_t addresses_for(const Options& options) {
    if (options.addresses != 0) return options.addresses;
    // New connections for each request leave old ones behind.
    const std::uint32_t open = options.connections + options.idle;
    return (open + kConnectionsAnAddress - 1) / kConnectionsAnAddress;
}

class Run {
  public:
    Run(Host& host, const Options& options, const std::atomic<bool>& stop)
        : host_(host), options_(options), stop_(stop), traffic_(host, options) {}

    Status open_idle() {
        if (options_.idle == 0) return ok();
        traffic_.begin_idle();
        const std::uint64_t until = host_.now_ns() + kIdlePatienceNs;
        while (!traffic_.idle_settled() && !stop_ && host_.now_ns() < until) turn();
        if (stop_ || traffic_.idle_held() == options_.idle) return ok();
        const std::string why = why_not();
        const std::uint64_t held = traffic_.idle_held();
        leave();
        return Error{0, "of " + std::to_string(options_.idle) + " idle connections " +
                            std::to_string(held) + " could be opened" + why};
    }

    Outcome go() {
        if (options_.flood.rate_per_s > 0)
            flood_.emplace(host_, options_.server, options_.server_port, options_.flood,
                           host_.now_ns());
        traffic_.begin_requests();
        turns_until(host_.now_ns() + static_cast<std::uint64_t>(options_.warm_up_s * 1e9));
        traffic_.begin_counting();
        const std::uint64_t start = host_.now_ns();
        const std::uint64_t flooded = flood_ ? flood_->sent() : 0;
        const std::uint64_t full = host_.tx_full();
        const std::uint64_t merged = host_.merged();
        const std::uint64_t again = host_.tcp().stats().retransmitted_segments.get();
        progress_from_ = start;
        turns_until(start + static_cast<std::uint64_t>(options_.duration_s * 1e9));
        Outcome outcome;
        outcome.seconds = static_cast<double>(host_.now_ns() - start) / 1e9;
        outcome.tally = std::make_unique<Tally>(traffic_.tally());
        outcome.idle_held = traffic_.idle_held();
        outcome.idle_lost = traffic_.idle_lost();
        outcome.flood_sent = flood_ ? flood_->sent() - flooded : 0;
        outcome.tx_full = host_.tx_full() - full;
        outcome.merged = host_.merged() - merged;
        outcome.retransmitted = host_.tcp().stats().retransmitted_segments.get() - again;
        flood_.reset();
        leave();
        return outcome;
    }

  private:
    void turn() {
        std::uint32_t work = host_.receive();
        work += traffic_.turn();
        if (flood_) flood_->turn();
        if (!host_.transmit()) ++work;
        if (options_.spin || flood_) return;
        quiet_turns_ = work == 0 ? quiet_turns_ + 1 : 0;
        if (quiet_turns_ < kQuietTurns) return;
        rest(kSleepNs);
    }
    static void rest(long nanoseconds) {
        const timespec pause{0, nanoseconds};
        nanosleep(&pause, nullptr);
    }

    void turns_until(std::uint64_t end_ns) {
        while (host_.now_ns() < end_ns && !stop_) {
            turn();
            if (options_.progress && progress_from_ != 0 &&
                host_.now_ns() >= progress_from_ + (progress_lines_ + 1) * kSecondNs)
                print_progress();
        }
    }

    void print_progress() {
        const Tally& t = traffic_.tally();
        ++progress_lines_;
        std::fprintf(stderr,
                     "%4" PRIu64 " s  answered %" PRIu64 " (%" PRIu64
                     " in the last second), connections %u, idle %u, timed out %" PRIu64
                     ", cut off %" PRIu64 "\n",
                     progress_lines_, t.answered, t.answered - progress_answered_,
                     traffic_.established(), traffic_.idle_held(), t.timed_out, t.cut_off);
        progress_answered_ = t.answered;
    }

    void leave() {
        traffic_.stop_requests();
        const std::uint64_t until = host_.now_ns() + std::uint64_t{options_.timeout_ms} * 1'000'000;
        while (traffic_.in_flight() != 0 && host_.now_ns() < until && !stop_) turn();
        // Not faster than a server reads: a reset that is lost leaves it with a connection.
        while (traffic_.leave()) {
            turn();
            rest(kLeavePauseNs);
        }
        for (int i = 0; i < 20; ++i) {
            turn();
            rest(1'000'000);
        }
    }

    std::string why_not() const {
        const Tally& t = traffic_.tally();
        std::string text = "; lost again: " + std::to_string(traffic_.idle_lost()) +
                           ", timed out: " + std::to_string(t.timed_out);
        for (std::size_t i = 0; i < kReasonCount; ++i)
            if (t.closed_for[i] != 0)
                text +=
                    ", " + std::string(kReasons[i].name) + ": " + std::to_string(t.closed_for[i]);
        return text +
               ". Does the server hold as many ([http] connections), and do its time limits "
               "let them stay?";
    }

    Host& host_;
    const Options& options_;
    const std::atomic<bool>& stop_;
    Traffic traffic_;
    std::optional<Flood> flood_;
    std::uint32_t quiet_turns_ = 0;
    std::uint64_t progress_from_ = 0, progress_lines_ = 0, progress_answered_ = 0;
};

}  // namespace

Result<Outcome> run(const Options& options, const std::atomic<bool>& stop) {
    if (options.flood.rate_per_s > 0) {
        const Status may = check_flood(options.port.devargs, options.server, options.flood);
        if (!may) return may.error();
    }
    (void)prctl(PR_SET_TIMERSLACK, 1);
    auto host = Host::open({.port = options.port,
                            .addresses = std::max(addresses_for(options), 1u),
                            .connections = options.connections + options.idle,
                            .server = options.server});
    if (!host) return host.error();
    Run all(**host, options, stop);
    if (const Status opened = all.open_idle(); !opened) return opened.error();
    return all.go();
}

}  // namespace skerry::load::http
