// The POP's trunks to its regions, of one core: made and kept, watched, and the forwarded requests
// on them (docs/protocol.md, "Trunks"). What becomes of a request is the Forwarder's to say: it
// asks for a stream, and is told how it ended.
//
// Owned by one core. Allocates in the constructor only. Bounded: kTrunksPerRegion to each region,
// kStreams on each; what comes in of answers by the pool of buffers, half of which answers beyond
// their window reserve before they are granted more.
//   no stream free             start() says so
//   no room reserved           the answer waits for others to be done (its deadline runs)
//   no buffer for an answer    the request ends: failed_answer_no_room
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/context.hpp"
#include "dataplane/payload_chain.hpp"
#include "dataplane/trunk/over_tcp.hpp"

namespace skerry {

// Who started streams. Each stream ends with one of the last three, unless it was cancelled; they
// may start streams, and cancel others.
class StreamOwner {
  public:
    virtual void stream_accepted(std::uint32_t invocation) = 0;
    // Takes the buffers: all of the payload, none if there is none.
    virtual void stream_answered(std::uint32_t invocation, wire::Header& reply,
                                 rte_mbuf* payload) = 0;
    // It was executed, and there is no buffer for its answer.
    virtual void stream_overflowed(std::uint32_t invocation) = 0;
    // The trunk is over. `may_run`: all of the request had been sent.
    virtual void stream_lost(std::uint32_t invocation, bool may_run) = 0;

  protected:
    ~StreamOwner() = default;
};

class Trunks final : public trunk::Handler {
  public:
    static constexpr std::uint32_t kWindowBytes = 64 * 1024;  // of each answer
    static constexpr std::uint64_t kLook_us = 50'000;
    static constexpr std::uint64_t kFirstRetry_us = 100'000;
    static constexpr std::uint64_t kLastRetry_us = 10'000'000;
    static constexpr std::uint64_t kConnect_us = 3'000'000;  // until the region's hello
    // Then a ping: a region that was started again resets what it does not know, and a request that
    // found that out would have had to go elsewhere.
    static constexpr std::uint64_t kIdle_us = 1'000'000;
    static constexpr std::uint64_t kSilentMin_us = 1'000'000;
    static constexpr std::uint64_t kSilentMax_us = 8'000'000;

    // `buffers`: as those of Exchanges. Regions are those of the snapshot, at most kMaxRegions, and
    // stay what they are.
    Trunks(Context& context, net::tcp::Stack& stack, rte_mempool* buffers, StreamOwner& owner);
    ~Trunks();
    Trunks(const Trunks&) = delete;
    Trunks& operator=(const Trunks&) = delete;

    // A trunk with a free stream leads there.
    bool leads_to(std::uint8_t region);
    // A stream for the request of invocation `index`, whose payload lies behind its message; it
    // must stay there until the stream has ended. kNoStream: none is free.
    std::uint32_t start(std::uint32_t index, std::uint8_t region, const wire::Header& request);
    // Nothing will be told of the stream any more; the region is, if that is worth it.
    void cancel(std::uint32_t stream);

    // What TCP has to say of a connection with a trunk's tag.
    void event(const net::tcp::Event& event, std::uint64_t now_us);
    // Connects, pings, gives up: what is due.
    void advance(std::uint64_t now_us);
    std::uint64_t next_due_us() const { return next_look_us_; }
    void pump() { over_tcp_.pump(); }
    bool more() const { return over_tcp_.more(); }

    std::uint32_t up() const { return up_; }
    std::uint32_t streams() const { return streams_open_; }

    // trunk::Handler
    void message(trunk::Link& link, std::uint32_t place, const wire::Header& header) override;
    void payload(trunk::Link& link, std::uint32_t place, trunk::Bytes piece) override;
    void complete(trunk::Link& link, std::uint32_t place) override;
    void cancelled(trunk::Link&, std::uint32_t) override {}  // a server's
    trunk::Bytes unsent(trunk::Link& link, std::uint32_t place) override;
    void sent(trunk::Link& link, std::uint32_t place, std::uint32_t bytes) override;
    void over(trunk::Link&, std::uint32_t) override {}  // a server's

  private:
    enum class State : std::uint8_t { down, connecting, up };

    struct Trunk {
        State state = State::down;
        bool pinged = false;  // and nothing has come since
        std::uint8_t tries = 0;
        std::uint8_t port = 0;           // which of RegionInfo::trunk_tcp is next
        std::uint64_t next_try_us = 0;   // down
        std::uint64_t sign_us = 0;       // of life, or since when one is waited for
        std::uint64_t acknowledged = 0;  // bytes, when last looked at
    };
    struct Stream {
        std::uint32_t invocation = kNoInvocation;  // none: free
        PayloadCursor request;
        PayloadChain answer;
        wire::Header reply{};
        std::uint32_t reserved_bytes = 0;
        bool waits = false;  // for room for its answer
        std::uint32_t next = kNoStream, previous = kNoStream;
    };

    std::uint32_t first_of(std::uint8_t region) const { return region * per_region_; }
    Stream& stream_of(const trunk::Link& link, std::uint32_t place) {
        return streams_[link.number() * trunk::kStreams + place];
    }
    std::uint32_t index_of(const Stream& stream) const {
        return static_cast<std::uint32_t>(&stream - streams_.get());
    }
    std::uint32_t best_of(std::uint8_t region);
    bool connect(std::uint32_t trunk, std::uint64_t now_us);
    void read(std::uint32_t trunk, std::uint64_t now_us);
    void look(std::uint32_t trunk, std::uint64_t now_us);
    std::uint64_t patience_us(std::uint32_t trunk) const;
    void lose(std::uint32_t trunk, Reason reason, bool reset, std::uint64_t now_us);
    void try_later(Trunk& trunk, std::uint64_t now_us);
    void reserve(Stream& stream);
    void serve_waiting();
    void leave_waiting(Stream& stream);
    void forget(Stream& stream);

    Context& context_;
    net::tcp::Stack& stack_;
    rte_mempool* buffers_;
    StreamOwner& owner_;
    const std::uint32_t per_region_;
    trunk::OverTcp over_tcp_;
    std::vector<Trunk> trunks_;
    std::unique_ptr<Stream[]> streams_;
    const std::uint64_t reservable_bytes_;
    std::uint64_t reserved_bytes_ = 0;
    std::uint32_t first_waiting_ = kNoStream, last_waiting_ = kNoStream;
    std::uint32_t up_ = 0;
    std::uint32_t streams_open_ = 0;
    std::uint64_t next_look_us_ = 0;
    std::uint64_t now_us_ = 0;
    std::uint64_t random_;
};

}  // namespace skerry
