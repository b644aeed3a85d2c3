#include "tools/load/generator.hpp"

#include <sys/prctl.h>
#include <time.h>

#include <cinttypes>
#include <cmath>

#include "tools/client/codec.hpp"
#include "tools/client/keys.hpp"
#include "tools/client/udp_client.hpp"

namespace skerry::load {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kGraceNs = 500'000'000;  // after the deadline, for the server's word on it
constexpr std::uint64_t kShortestSleepNs = 20'000;
constexpr std::uint8_t kMostChallenges = 3;

std::uint64_t now_ns() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * kSecondNs +
           static_cast<std::uint64_t>(now.tv_nsec);
}

std::size_t table_size(const Options& o) {
    const double seconds = o.deadline_ms / 1000.0 + 1.0;
    if (o.replay) return o.replay->most_within(static_cast<std::uint64_t>(seconds * 1e6)) + 1024;
    return static_cast<std::size_t>(o.rate_per_s * seconds * 1.25) + 1024;
}

class Generator {
  public:
    Generator(const Options& options, const std::atomic<bool>& stop,
              std::unique_ptr<Transport> transport)
        : options_(options),
          stop_(stop),
          transport_(std::move(transport)),
          tally_(options.functions.size()),
          in_flight_(table_size(options)),
          random_(options.seed),
          popularity_(options.functions.size(), options.zipf),
          run_id_(client::random_request_id().hi) {
        for (const auto& name : options.functions) keys_.push_back(client::function_key(name));
        limit_ns_ = std::uint64_t{options.deadline_ms} * 1'000'000 + kGraceNs;
        total_ =
            options.replay
                ? options.replay->requests.size()
                : static_cast<std::uint64_t>(std::llround(options.rate_per_s * options.duration_s));
        bytes_ = wire::kHeaderBytes +
                 (options.replay ? options.replay->longest_payload() : options.payload.size());
        memory_.resize(kBatch * bytes_);
        for (std::size_t i = 0; i < kBatch; ++i) write(i, options.payload);
        if (options.keep_answers) answers_.reserve(total_);
    }

    Status run() {
        (void)prctl(PR_SET_TIMERSLACK, 1);
        start_ns_ = now_ns() + 1'000'000;
        next_intended_ns_ = start_ns_ + (options_.replay ? planned(1).at_us * 1000 : 0);
        next_progress_ns_ = start_ns_ + kSecondNs;
        while (true) {
            std::uint64_t now = now_ns();
            if (Status sent = send_due(now); !sent) return sent;
            resend_due(now);
            receive_all();
            now = now_ns();
            in_flight_.expire(now > limit_ns_ ? now - limit_ns_ : 0,
                              [this](const Flight&) { ++tally_.lost; });
            if (options_.progress && now >= next_progress_ns_) print_progress();
            if (all_sent() && in_flight_.count() == 0) return ok();
            sleep_until_due(now_ns());
        }
    }

    Outcome outcome() {
        return {std::move(tally_), static_cast<double>(last_sent_ns_ - start_ns_) / 1e9,
                std::move(answers_)};
    }

  private:
    bool all_sent() const { return next_ == total_ || stop_.load(std::memory_order_relaxed); }

    // Sequence numbers begin with 1.
    const Planned& planned(std::uint64_t sequence) const {
        return options_.replay->requests[sequence - 1];
    }

    // A request's bytes but for what is its own (fill).
    void write(std::size_t place, std::string_view payload) {
        datagrams_[place] = {&memory_[place * bytes_], wire::kHeaderBytes + payload.size()};
        client::Request request;
        request.payload = payload;
        (void)client::encode(request, datagrams_[place]);
    }

    void schedule_next() {
        if (options_.replay) {
            if (++next_ < total_) next_intended_ns_ = start_ns_ + planned(next_ + 1).at_us * 1000;
            planned_ = false;
            return;
        }
        const double gap_ns = 1e9 / options_.rate_per_s;
        ++next_;
        // From the start, so that rounding does not add up.
        if (options_.poisson)
            offset_ns_ += -std::log1p(-random_.unit()) * gap_ns;
        else
            offset_ns_ = static_cast<double>(next_) * gap_ns;
        next_intended_ns_ = start_ns_ + static_cast<std::uint64_t>(offset_ns_);
        planned_ = false;
    }

    // A batch goes out of one socket; the next one out of the next.
    Status send_due(std::uint64_t now) {
        while (!all_sent() && next_intended_ns_ <= now) {
            const std::size_t socket = rotation_++ % transport_->count();
            std::size_t count = 0;
            while (count < kBatch && !all_sent() && next_intended_ns_ <= now) {
                const std::uint64_t sequence = next_ + 1;
                if (!planned_)
                    function_ = options_.replay ? planned(sequence).function : popularity_(random_);
                planned_ = true;
                if (!in_flight_.has_room_for(sequence)) {
                    ++tally_.not_sent;
                    schedule_next();
                    continue;
                }
                Flight flight{sequence,
                              next_intended_ns_,
                              static_cast<std::uint16_t>(function_),
                              static_cast<std::uint16_t>(socket),
                              1,
                              0};
                (void)in_flight_.add(flight);
                fill(count, flight, now);
                batch_[count++] = sequence;
                schedule_next();
            }
            if (count == 0) continue;
            if (Status sent = send_batch(socket, count, now); !sent) return sent;
        }
        return ok();
    }

    void fill(std::size_t place, const Flight& flight, std::uint64_t now) {
        if (options_.replay) write(place, planned(flight.sequence).payload);
        auto* header = reinterpret_cast<wire::Header*>(datagrams_[place].data());
        header->request_id_hi.set(run_id_);
        header->request_id_lo.set(flight.sequence);
        header->function_key.set(keys_[flight.function]);
        header->cookie.set(cookie_);
        const std::uint64_t spent_us =
            now > flight.intended_ns ? (now - flight.intended_ns) / 1000 : 0;
        const std::uint64_t all_us = std::uint64_t{options_.deadline_ms} * 1000;
        header->deadline_us.set(
            static_cast<std::uint32_t>(spent_us < all_us ? all_us - spent_us : 1));
    }

    Status send_batch(std::size_t socket, std::size_t count, std::uint64_t due_by) {
        std::size_t done = 0;
        while (done < count) {
            const int sent = transport_->send(socket, {&datagrams_[done], count - done});
            if (sent > 0) {
                const std::uint64_t now = now_ns();
                for (int i = 0; i < sent; ++i)
                    on_sent(batch_[done + static_cast<std::size_t>(i)], now);
                done += static_cast<std::size_t>(sent);
                continue;
            }
            if (errno == EMSGSIZE)
                return Error{EMSGSIZE, "a datagram of " + std::to_string(datagrams_[0].size()) +
                                           " bytes is too large for this path"};
            if (errno == ECONNREFUSED) {  // about an earlier one
                ++tally_.refused_by_host;
                continue;
            }
            if (errno == EINTR) continue;
            ++tally_.send_errors;
            // The socket's buffer is full: make room by reading, and try again. What is late is
            // late.
            if (errno == EAGAIN || errno == ENOBUFS) {
                receive_all();
                if (now_ns() - due_by < limit_ns_) continue;
            }
            return errno_error("send");
        }
        return ok();
    }

    void on_sent(std::uint64_t sequence, std::uint64_t now) {
        Flight* flight = in_flight_.find(sequence);
        if (flight == nullptr) return;
        tally_.on_sent(flight->function);
        tally_.late_sends += now > flight->intended_ns + Tally::kLateNs;
        last_sent_ns_ = now;
        plan_retransmission(*flight, now);
    }

    void plan_retransmission(const Flight& flight, std::uint64_t now) {
        if (options_.retransmit_ms == 0) return;
        const std::uint64_t wait_ns = (std::uint64_t{options_.retransmit_ms} * 1'000'000)
                                      << (flight.transmissions - 1);
        retransmissions_.add(flight.transmissions, flight.sequence, now + wait_ns);
    }

    void resend_due(std::uint64_t now) {
        while (const auto sequence = retransmissions_.take_due(now)) {
            Flight* flight = in_flight_.find(*sequence);
            if (flight == nullptr) continue;
            ++tally_.retransmissions;
            ++flight->transmissions;
            resend(*flight, now);
            plan_retransmission(*flight, now);
        }
    }

    // Lost if the kernel does not take it, like anything that is sent.
    void resend(const Flight& flight, std::uint64_t now) {
        fill(0, flight, now);
        tally_.send_errors += transport_->send(flight.socket, {&datagrams_[0], 1}) != 1;
    }

    void receive_all() {
        std::span<const std::byte> arrived[kBatch];
        for (std::size_t socket = 0; socket < transport_->count(); ++socket) {
            // Bounded: sending must not wait for a flood of answers.
            for (int round = 0; round < 4; ++round) {
                const std::size_t count =
                    transport_->receive(socket, arrived, tally_.refused_by_host);
                const std::uint64_t now = now_ns();
                for (std::size_t i = 0; i < count; ++i) take(arrived[i], now);
                flush_challenged(now);
                if (count < kBatch) break;
            }
        }
    }

    void take(std::span<const std::byte> datagram, std::uint64_t now) {
        const auto message = client::decode(datagram);
        if (!message || message->id.hi != run_id_) {
            ++tally_.malformed;
            return;
        }
        Flight* flight = in_flight_.find(message->id.lo);
        if (flight == nullptr || keys_[flight->function] != message->function_key) {
            ++tally_.duplicate_replies;
            return;
        }
        if (message->kind == wire::Kind::accepted) {
            ++tally_.accepted;
        } else if (message->kind == wire::Kind::challenge) {
            ++tally_.challenges;
            cookie_ = message->cookie;
            if (flight->challenges++ < kMostChallenges) challenged_.push_back(flight->sequence);
        } else {
            const std::uint64_t latency_ns =
                now > flight->intended_ns ? now - flight->intended_ns : 0;
            tally_.on_reply(*message, flight->function, latency_ns, now - start_ns_);
            if (options_.keep_answers) keep(*message, *flight, latency_ns);
            in_flight_.remove(*flight);
        }
    }

    void keep(const client::Message& reply, const Flight& flight, std::uint64_t latency_ns) {
        answers_.push_back({.at_us = (flight.intended_ns - start_ns_) / 1000,
                            .latency_us = latency_ns / 1000,
                            .function = flight.function,
                            .queue_us = reply.queue_us,
                            .run_us = reply.run_us,
                            .status = reply.status,
                            .cold = (reply.flags & wire::flag::cold) != 0,
                            .place = reply.place});
    }

    void flush_challenged(std::uint64_t now) {
        for (const std::uint64_t sequence : challenged_)
            if (const Flight* flight = in_flight_.find(sequence)) resend(*flight, now);
        challenged_.clear();
    }

    void sleep_until_due(std::uint64_t now) {
        if (options_.spin) return;
        std::uint64_t next = std::min(now + 50'000'000, retransmissions_.next_due_ns());
        if (!all_sent()) next = std::min(next, next_intended_ns_);
        if (next > now + kShortestSleepNs) transport_->wait(next - now);
    }

    void print_progress() {
        std::fprintf(stderr,
                     "%4.0f s  sent %" PRIu64 "  answered %" PRIu64 "  lost %" PRIu64
                     "  in flight %zu  late %" PRIu64 "  last second: %" PRIu64
                     " executed, p50 %.0f us, p99 %.0f us\n",
                     static_cast<double>(next_progress_ns_ - start_ns_) / 1e9, tally_.sent,
                     tally_.answered, tally_.lost, in_flight_.count(), tally_.late_sends,
                     tally_.recent.count(), static_cast<double>(tally_.recent.at(0.5)) / 1000,
                     static_cast<double>(tally_.recent.at(0.99)) / 1000);
        tally_.recent.clear();
        next_progress_ns_ += kSecondNs;
    }

    const Options& options_;
    const std::atomic<bool>& stop_;
    std::unique_ptr<Transport> transport_;
    Tally tally_;
    InFlight in_flight_;
    Retransmissions retransmissions_;
    Random random_;
    Zipf popularity_;
    std::uint64_t run_id_;
    std::vector<std::uint64_t> keys_;
    std::vector<std::byte> memory_;
    std::size_t bytes_ = 0;  // of the longest datagram
    std::vector<Answered> answers_;
    std::span<std::byte> datagrams_[kBatch];
    std::uint64_t batch_[kBatch] = {};
    std::vector<std::uint64_t> challenged_;
    std::uint64_t cookie_ = 0, total_ = 0, next_ = 0, rotation_ = 0, limit_ns_ = 0;
    std::uint64_t start_ns_ = 0, next_intended_ns_ = 0, next_progress_ns_ = 0, last_sent_ns_ = 0;
    double offset_ns_ = 0;
    std::size_t function_ = 0;
    bool planned_ = false;
};

}  // namespace

Result<Outcome> run(const Options& options, const std::atomic<bool>& stop) {
    if (table_size(options) > kMostInFlight)
        return Error{EINVAL, "rate × deadline makes " + std::to_string(table_size(options)) +
                                 " requests in flight, allowed " + std::to_string(kMostInFlight) +
                                 "; next: a shorter --deadline-ms"};
    auto transport = options.port ? open_port(*options.port, options.pop, options.sockets)
                                  : Sockets::open(options.pop, options.sockets);
    if (!transport) return transport.error();
    Generator generator(options, stop, std::move(*transport));
    if (Status ended = generator.run(); !ended) return ended.error();
    return generator.outcome();
}

}  // namespace skerry::load
