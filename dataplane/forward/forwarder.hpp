// Forwarding: requests to regions, and what regions say to them (docs/protocol.md, "Forwarding").
//
// By trunk, or by datagram. What came over HTTP goes by trunk if one has a free stream, for its
// answer may be large; and so does what does not fit a datagram. Everything else, and what would
// fit when no trunk is there, goes by datagram.
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
//
// Of a request that went by trunk there is one copy, and nothing is sent again: the trunk's end is
// its region's silence. Before all of it had been sent, that leaves no doubt, whatever the policy.
//
// A request of an idempotent function that takes longer than 19 of 20 do may be hedged: a second
// copy goes to another region, once, and the first answer wins (hedges.cpp, decision 32). Each copy
// is a record of its own, with a timer of its own, and what is said above holds for it; a region's
// refusal or silence only ends that copy while the other one is with a region.
//
// A refusal is about one copy (Header::copy). It is the region's word only when every copy that was
// sent has been refused, or the region says that it withdraws what it had taken in: an earlier copy
// may have been refused by a server that had room for a later one. A challenge is the same: a
// region that does not know our cookie has not executed that copy.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/context.hpp"
#include "dataplane/forward/hedge_budget.hpp"
#include "dataplane/forward/region_memory.hpp"
#include "dataplane/forward/retry_budget.hpp"
#include "dataplane/forward/trunks.hpp"
#include "dataplane/forward/usual_latency.hpp"

namespace skerry {

// Names one use of one invocation record of one core; the low half of a forwarded request's id. The
// high half is a keyed hash of it and the region (forwarded_id): nobody but that region can name
// it.
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

class Forwarder final : public StreamOwner {
  public:
    static constexpr std::uint8_t kSends = 3;
    static constexpr std::uint32_t kMinRetransmit_us = 2000;
    static constexpr std::uint32_t kMaxRetransmit_us = 1000000;
    static constexpr std::uint32_t kMinPoll_us = 50000;
    static constexpr std::uint32_t kElsewhereLimit = 512;
    // A region that challenges again and again gets no more than this of one request.
    static constexpr std::uint8_t kCopies = 16;
    // Sooner than this no request is hedged, however quick its function is (Dean and Barroso's
    // 10 ms); one that usually takes longer than this is not hedged at all.
    static constexpr std::uint32_t kHedgeMin_us = 10'000;
    static constexpr std::uint32_t kHedgeMax_us = 5'000'000;

    explicit Forwarder(Context& context)
        : context_(context),
          budget_(context.shared.server.retries, context.shared.server.core_count,
                  static_cast<std::uint32_t>(rte_rdtsc() / (context.tsc_hz / 1000))),
          hedges_(context.shared.server.hedge_percent) {}

    // Before the core runs; none: everything goes by datagram.
    void use(Trunks* trunks) { trunks_ = trunks; }
    // A payload of this size can get there now.
    std::uint32_t payload_limit(std::uint8_t region) const;

    bool has_room() const { return pending_ < context_.shared.server.pending_limit; }
    std::uint32_t pending() const { return pending_; }
    RegionMemory& memory() { return memory_; }

    // True: the message names a request that some core of this server sent to the peer it comes
    // from.
    bool is_ours(const wire::Header& header, const net::Path& path) const;

    // Before start() is called again for a request that had a region: false: too many were of late.
    bool may_fail_over() { return budget_.withdraw(context_.now_ms); }

    // Sends the invocation (which holds its request) to the region; has_room() was asked.
    void start(std::uint32_t index, std::uint8_t region);

    // Takes the mbuf: a reply, `accepted` or challenge whose token names this core.
    void on_message(rte_mbuf* mbuf, wire::Header* header, std::uint32_t message_bytes,
                    const net::Path& path);
    void on_timer(std::uint32_t index);
    // Nobody waits for its answer any more: it ends, and its region is told so.
    void client_gone(std::uint32_t index);

    // Asked when its timer is due. True: it is time for its second copy, which may go out if
    // there is a region for it: hedge() is to be called.
    bool wants_hedge(std::uint32_t index);
    // The region that was chosen for the second copy, which has not had the request; or none.
    void hedge(std::uint32_t index, const select::Choice& choice);

    // StreamOwner
    void stream_accepted(std::uint32_t index) override;
    void stream_answered(std::uint32_t index, wire::Header& reply, rte_mbuf* payload) override;
    void stream_overflowed(std::uint32_t index) override;
    void stream_lost(std::uint32_t index, bool may_run) override;

    // Invocations that their region refused, or was silent about: the loop decides again where they
    // go. They are no longer pending. What does not fit is taken in the next turn.
    std::uint32_t take_elsewhere(std::array<std::uint32_t, kElsewhereLimit>& out);

  private:
    void begin(std::uint32_t index, std::uint8_t region);
    void send(std::uint32_t index);
    bool send_by_trunk(std::uint32_t index);
    bool fits_datagram(const Invocation& invocation) const;
    wire::Header request_header(const Invocation& invocation) const;
    void count_answer(const Invocation& invocation, std::uint8_t region,
                      const wire::Header& header);
    // The region's own trouble: not that it is busy, or that somebody asks too much.
    static bool is_faulty(const wire::Header& header);
    // Certainly not executed: another region may be asked.
    static bool is_refusal(const wire::Header& header) {
        return is_known_status(header.status) &&
               info(static_cast<ReplyStatus>(header.status)).retry == Retry::unstarted;
    }
    void take_load(std::uint8_t region, const wire::Header& reply);
    void learn(std::uint32_t index, std::uint8_t region, const wire::Header& reply);
    void arm(std::uint32_t index);
    void wait(std::uint32_t index);
    void go_elsewhere(std::uint32_t index);
    // Of the request itself, not of its second copy.
    void end(std::uint32_t index);
    // The region has nothing of it any more; or is told that nobody wants it.
    void left(Invocation& invocation);
    void withdraw(std::uint32_t index);
    void send_cancel(std::uint32_t index);
    void name_it(wire::Header& header, std::uint32_t index) const;
    void on_deadline(std::uint32_t index);
    void on_silence(std::uint32_t index);

    // hedges.cpp
    std::uint64_t hedge_instant(const Invocation& invocation, std::uint8_t region);
    UsualLatency& usual(const Invocation& invocation, std::uint8_t region) {
        return usual_.of(invocation.function, invocation.header.function_key.get(), region);
    }
    std::uint32_t first_of(std::uint32_t index) const;
    bool other_copy_runs(const Invocation& invocation) const;
    std::uint32_t take_answer(std::uint32_t index);
    void end_second(std::uint32_t first);
    void second_failed(std::uint32_t second);

    void on_reply(std::uint32_t index, std::uint8_t from, rte_mbuf* mbuf, wire::Header* header,
                  std::uint32_t message_bytes);
    void on_refusal(std::uint32_t index, const wire::Header& header);
    void on_accepted(std::uint32_t index);
    void on_challenge(std::uint32_t index, const wire::Header& header);
    std::optional<std::uint8_t> region_of(const net::Path& path) const;
    std::uint64_t forwarded_id(std::uint64_t token, std::uint8_t region) const;
    bool find(const wire::Header& header, const net::Path& path, std::uint32_t& index,
              std::uint8_t& from);
    std::uint32_t retransmit_us(std::uint8_t region) const;

    Context& context_;
    std::uint32_t pending_ = 0;
    Trunks* trunks_ = nullptr;
    RegionMemory memory_;
    RetryBudget budget_;
    HedgeBudget hedges_;
    UsualLatencies usual_;
    // Linked by Invocation::next, in the order in which they came.
    std::uint32_t elsewhere_ = kNoInvocation;
    std::uint32_t last_elsewhere_ = kNoInvocation;
};

}  // namespace skerry
