// What came of the requests of one run. Bounded: places and versions beyond the limits are counted
// together as "other".
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/client/codec.hpp"
#include "tools/load/histogram.hpp"

namespace skerry::load {

inline constexpr std::size_t kMostPlaces = 80;
inline constexpr std::size_t kMostVersions = 256;

// "ok" and "function_error": the function ran, and the latency is that of an execution. All other
// replies are fast or slow for reasons of their own and must not be mixed with those.
bool was_executed(std::uint8_t status);

class Tally {
  public:
    explicit Tally(std::size_t functions) : by_function_(functions) {}

    struct PerFunction {
        std::uint64_t sent = 0, answered = 0;
    };

    std::uint64_t sent = 0, answered = 0, lost = 0;
    std::uint64_t late_sends = 0;  // sent more than kLateNs after the intended time
    std::uint64_t not_sent = 0;    // no room for it in the table of requests in flight
    std::uint64_t retransmissions = 0, challenges = 0, accepted = 0;
    std::uint64_t duplicate_replies = 0;  // to what had been answered, or given up
    std::uint64_t malformed = 0;          // datagrams that are no message to a client
    std::uint64_t send_errors = 0, refused_by_host = 0;
    std::uint64_t cold = 0, replayed = 0, maybe_repeated = 0;
    std::uint64_t longest_gap_ns = 0, longest_gap_at_ns = 0;  // between two answers; since start

    static constexpr std::uint64_t kLateNs = 1'000'000;

    void on_sent(std::size_t function) {
        ++sent;
        ++by_function_[function].sent;
    }
    void on_reply(const client::Message& reply, std::size_t function, std::uint64_t latency_ns,
                  std::uint64_t since_start_ns);

    const Histogram& executed() const { return executed_; }
    const Histogram& others() const { return others_; }
    const std::map<std::string, std::unique_ptr<Histogram>>& by_place() const { return by_place_; }
    const std::map<std::string, std::uint64_t>& by_version() const { return by_version_; }
    const std::array<std::uint64_t, 256>& by_status() const { return by_status_; }
    const std::vector<PerFunction>& by_function() const { return by_function_; }

    // Of the last second, for the progress line; cleared by who prints it.
    Histogram recent;

  private:
    Histogram executed_, others_;
    std::map<std::string, std::unique_ptr<Histogram>> by_place_;
    std::map<std::string, std::uint64_t> by_version_;
    std::array<std::uint64_t, 256> by_status_{};
    std::vector<PerFunction> by_function_;
    std::uint64_t last_answer_ns_ = UINT64_MAX;
};

}  // namespace skerry::load
