// The messages stage: from datagrams on our port to requests that may be decided about.
//
// In two passes over the burst: the first validates and sorts, and prefetches the function table's
// and the reply cache's lines; the second, when they have arrived, looks up. What is not a new
// request (replies, probes, retransmits, refusals) is dealt with here.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/context.hpp"
#include "dataplane/forward/forwarder.hpp"
#include "dataplane/probe/prober.hpp"

namespace skerry {

// A request that its sender wants no more, as the reply cache knows it.
struct Cancel {
    std::uint64_t tag = 0;
    std::uint64_t function_key = 0;
};

class Messages {
  public:
    // Of one take(); what is beyond is as if it had been lost.
    static constexpr std::uint32_t kCancels = 64;

    Messages(Context& context, Forwarder& forwarder, Prober& prober)
        : context_(context), forwarder_(forwarder), prober_(prober) {}

    // Takes the datagrams' mbufs; those of the returned number of arrivals are handed on.
    // `arrivals` has room for all datagrams.
    std::uint32_t take(std::span<Datagram> datagrams, Arrival* arrivals);

    // What came of cancels with the last take().
    std::span<const Cancel> cancels() const { return {cancels_.data(), cancel_count_}; }

    // Cores that messages were handed over to since the last call: bit c for core c.
    std::uint32_t take_handed_over() {
        const std::uint32_t cores = handed_over_;
        handed_over_ = 0;
        return cores;
    }

    // A whole frame, to be looked at by the other core as if it had come there. Takes the mbuf.
    void hand_over(rte_mbuf* mbuf, std::uint32_t core);

  private:
    bool sort(Datagram& datagram, Arrival& arrival);
    bool is_elsewhere(const Datagram& datagram, std::uint64_t tag);
    void on_cancel(Datagram& datagram);
    bool admit(Arrival& arrival);
    void on_fragment(Datagram& datagram);
    void to_forwarder(Datagram& datagram);
    bool is_keyed(const wire::Header& header) const;
    bool first_time(Arrival& arrival);
    bool cookie_is_good(const net::IpAddress& source, std::uint64_t cookie);

    // Cookies found good in this epoch; 0 is never one.
    static constexpr std::size_t kProved = 256;
    struct Proved {
        net::IpAddress source;
        std::uint64_t epoch = 0;
        std::uint64_t cookie = 0;
    };
    std::array<Proved, kProved> proved_{};
    std::array<Cancel, kCancels> cancels_{};
    std::uint32_t cancel_count_ = 0;

    Context& context_;
    Forwarder& forwarder_;
    Prober& prober_;
    std::uint32_t handed_over_ = 0;
};

}  // namespace skerry
