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

class Messages {
  public:
    Messages(Context& context, Forwarder& forwarder, Prober& prober)
        : context_(context), forwarder_(forwarder), prober_(prober) {}

    // Takes the datagrams' mbufs; those of the returned number of arrivals are handed on.
    // `arrivals` has room for all datagrams.
    std::uint32_t take(std::span<Datagram> datagrams, Arrival* arrivals);

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
    bool admit(Arrival& arrival);
    void on_fragment(Datagram& datagram);
    void to_forwarder(Datagram& datagram);
    bool is_keyed(const wire::Header& header) const;
    bool first_time(Arrival& arrival);
    bool cookie_is_good(const Arrival& arrival);

    // Cookies found good in this epoch; 0 is never one.
    static constexpr std::size_t kProved = 256;
    struct Proved {
        net::IpAddress source;
        std::uint64_t epoch = 0;
        std::uint64_t cookie = 0;
    };
    std::array<Proved, kProved> proved_{};

    Context& context_;
    Forwarder& forwarder_;
    Prober& prober_;
    std::uint32_t handed_over_ = 0;
};

}  // namespace skerry
