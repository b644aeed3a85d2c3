// Connections that carry requests, and connections that are only held. Closed loop: the next
// request of a connection follows its answer. Open loop (rate): requests are due at even intervals,
// whatever the answers do, and latency counts from when one was due.
#pragma once

#include <memory>
#include <vector>

#include "tools/load/http/answer.hpp"
#include "tools/load/http/host.hpp"
#include "tools/load/http/options.hpp"
#include "tools/load/http/tally.hpp"

namespace skerry::load::http {

class Traffic {
  public:
    Traffic(Host& host, const Options& options);

    // One turn between the host's receive() and transmit(). Returns how many events there were.
    std::uint32_t turn();

    // Opens all that is to be held, and then what carries requests. Requests go at once.
    void begin_idle();
    void begin_requests();
    // What was counted so far is forgotten: from here on it counts.
    void begin_counting();
    // No new requests, and no new connections.
    void stop_requests() { stopped_ = true; }
    std::uint32_t in_flight() const { return waiting_; }
    // Resets a few of the connections; false: none is left.
    bool leave();

    std::uint32_t idle_held() const { return held_; }
    bool idle_settled() const;                                  // each is held, or could not be
    std::uint32_t established() const { return established_; }  // of those that carry requests
    const Tally& tally() const { return *tally_; }
    std::uint64_t idle_lost() const { return idle_lost_; }

  private:
    enum class Phase : std::uint8_t {
        closed,
        connecting,
        ready,     // for a request
        waiting,   // for its answer
        draining,  // answered, and the server is to close
        held,
    };
    struct Slot {
        net::tcp::Handle connection;
        Phase phase = Phase::closed;
        bool listed = false;        // in ready_
        std::uint32_t written = 0;  // of the request
        std::uint32_t requests = 0;
        std::uint64_t due_ns = 0;    // of the request: latency counts from here
        std::uint64_t since_ns = 0;  // of the handshake, or of the request
        AnswerReader answer;
    };

    bool is_idle(std::uint32_t index) const { return index >= options_.connections; }
    void open(std::uint32_t index);
    void reopen(std::uint32_t index);
    void open_idle();
    void open_again();
    void take(const net::tcp::Event& event);
    void connected(std::uint32_t index);
    void readable(std::uint32_t index);
    void peer_closed(std::uint32_t index);
    void closed(std::uint32_t index, Reason reason);
    void answered(std::uint32_t index);
    void want_request(std::uint32_t index);
    void request(std::uint32_t index, std::uint64_t due_ns);
    void write(Slot& slot);
    void send_due();
    void end(std::uint32_t index, bool reset);
    void phase(Slot& slot, Phase next);
    void look_for_late_ones();
    std::uint64_t due_of(std::uint64_t number) const;

    Host& host_;
    net::tcp::Stack& tcp_;
    const Options& options_;
    std::vector<Slot> slots_;            // connections that carry requests, then idle ones
    std::vector<std::uint32_t> ready_;   // open loop: waiting for something to be due
    std::vector<std::uint32_t> closed_;  // to be opened again with the next turn
    std::unique_ptr<Tally> tally_;
    bool stopped_ = false;
    std::uint32_t waiting_ = 0, held_ = 0, established_ = 0;
    std::uint32_t idle_opened_ = 0, idle_connecting_ = 0;
    std::uint64_t idle_lost_ = 0;
    std::uint64_t idle_from_ns_ = 0;
    std::uint64_t start_ns_ = 0, next_ = 0;  // open loop
    std::uint64_t next_look_ns_ = 0;
    std::uint32_t left_ = 0;  // leave() has come so far
};

}  // namespace skerry::load::http
