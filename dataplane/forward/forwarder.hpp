// Forwarding: requests to regions, and what regions say to them (docs/protocol.md, "Forwarding").
//
// Owned by one core. The table of forwarded requests is bounded (ServerInfo::pending_limit). Each
// request has one timer: the retransmission to its region, or the client's deadline, whichever
// comes first. What a region says is believed only if it names a request that this core has with
// it, and comes from the address of a region that was asked.
//
// A region's silence
//   before it said `accepted`   sent up to kSends times, then another region is asked, unless the
//                               function's policy is `never`
//   after it                    asked kSends times whether it still has it, then: `idempotent`
//                               functions go to another region, all others end as outcome_unknown
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/context.hpp"

namespace skerry {

// Names one use of one invocation record of one core; the low half of a forwarded request's id.
struct Token {
    std::uint8_t core = 0;
    std::uint32_t index = 0;  // 24 bits
    std::uint32_t generation = 0;

    std::uint64_t pack() const {
        return std::uint64_t{core} << 56 | std::uint64_t{index} << 32 | generation;
    }
    static Token unpack(std::uint64_t word) {
        return {static_cast<std::uint8_t>(word >> 56),
                static_cast<std::uint32_t>(word >> 32) & 0xffffffu,
                static_cast<std::uint32_t>(word)};
    }
};

class Forwarder {
  public:
    static constexpr std::uint8_t kSends = 3;
    static constexpr std::uint32_t kMinRetransmit_us = 2000;
    static constexpr std::uint32_t kMaxRetransmit_us = 1000000;
    static constexpr std::uint32_t kMinPoll_us = 50000;
    static constexpr std::uint32_t kElsewhereLimit = 512;

    explicit Forwarder(Context& context) : context_(context) {}

    bool has_room() const { return pending_ < context_.shared.server.pending_limit; }
    std::uint32_t pending() const { return pending_; }

    // Sends the invocation (which holds its request) to the region; has_room() was asked.
    void start(std::uint32_t index, std::uint8_t region);

    // Takes the mbuf: a reply, `accepted` or challenge whose token names this core.
    void on_message(rte_mbuf* mbuf, wire::Header* header, std::uint32_t message_bytes,
                    const net::Path& path);
    void on_timer(std::uint32_t index);

    // Invocations that their region refused, or was silent about, since the last call: the loop
    // decides again where they go. They are no longer pending.
    std::uint32_t take_elsewhere(std::array<std::uint32_t, kElsewhereLimit>& out);

  private:
    void send(std::uint32_t index);
    void arm(std::uint32_t index);
    void go_elsewhere(std::uint32_t index);
    void end(std::uint32_t index);
    void on_silence(std::uint32_t index);
    void on_reply(std::uint32_t index, std::uint8_t from, rte_mbuf* mbuf, wire::Header* header,
                  std::uint32_t message_bytes);
    void on_accepted(std::uint32_t index);
    void on_challenge(std::uint32_t index, std::uint64_t cookie);
    bool find(const wire::Header& header, const net::Path& path, std::uint32_t& index,
              std::uint8_t& from);
    std::uint32_t retransmit_us(std::uint8_t region) const;

    Context& context_;
    std::uint32_t pending_ = 0;
    std::array<std::uint32_t, kElsewhereLimit> elsewhere_{};
    std::uint32_t elsewhere_count_ = 0;
};

}  // namespace skerry
