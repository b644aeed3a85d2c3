// Health probes: sends what the control thread asks for, answers peers, and measures round trips.
//
// The control thread decides when and whom (control/regions); this side only sends, so that a probe
// travels the same way as a request, and takes the time where the packet is. Owned by one core.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/context.hpp"

namespace skerry {

class Prober {
  public:
    static constexpr std::uint32_t kProbesPerTurn = 16;

    explicit Prober(Context& context) : context_(context) {}

    // Sends what the control thread has queued for this core; returns how many.
    std::uint32_t send_commands();
    bool has_commands() const {
        return rte_ring_count(context_.shared.probe_commands[context_.core]) != 0;
    }

    // Both take the mbuf. A peer's probe is answered in place, with as many bytes as it had.
    void on_probe(const Datagram& datagram);
    void on_probe_reply(const Datagram& datagram);

  private:
    wire::ProbePayload own_numbers() const;
    void send(const ProbeCommand& command);
    bool may_ask(const Datagram& datagram) const;
    void answer_digest(const Datagram& datagram, char* payload, std::uint32_t payload_bytes);

    struct Sent {
        std::uint64_t token = 0;  // 0: nothing outstanding
        std::uint64_t tsc = 0;
    };

    Context& context_;
    std::array<Sent, kMaxRegions> sent_{};
};

}  // namespace skerry
