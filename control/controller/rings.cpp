// What cores are given at start: payload buffers, and rings to and from the control thread.
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <cstdlib>

#include "control/controller/server.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::control {

// What HTTP and trunks gather payloads in; packet buffers stay for packets.
Result<rte_mempool*> Server::make_payload_pool(std::uint32_t core) const {
    if (!shared_.server.speaks_tcp()) return nullptr;
    constexpr std::uint32_t kRoom = Exchanges::kBufferBytes;
    const auto buffers = static_cast<std::uint32_t>((std::uint64_t{config_.http.body_mib} << 20) /
                                                    (kRoom + RTE_PKTMBUF_HEADROOM));
    rte_mempool* pool =
        rte_pktmbuf_pool_create(("skerry-payloads-" + std::to_string(core)).c_str(), buffers, 64, 0,
                                kRoom + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    if (pool == nullptr)
        return Error{rte_errno, "payload buffers of core " + std::to_string(core) + " (" +
                                    std::to_string(config_.http.body_mib) +
                                    " MiB): " + rte_strerror(rte_errno) +
                                    "; raise dataplane.memory_mib, or lower http.body_mib"};
    return pool;
}

Status Server::make_rings() {
    const std::uint32_t cores = shared_.server.core_count;
    for (std::uint32_t core = 0; core < cores; ++core) {
        const std::string suffix = std::to_string(core);
        shared_.probe_commands[core] =
            rte_ring_create_elem(("probe-commands-" + suffix).c_str(), sizeof(ProbeCommand),
                                 kProbeRingSize, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        shared_.probe_results[core] =
            rte_ring_create_elem(("probe-results-" + suffix).c_str(), sizeof(ProbeResult),
                                 kProbeRingSize, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        shared_.pop_notes[core] =
            rte_ring_create_elem(("pop-notes-" + suffix).c_str(), sizeof(PopNote), kPopNoteRingSize,
                                 SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        shared_.log_events[core] =
            rte_ring_create_elem(("log-events-" + suffix).c_str(), sizeof(LogEvent), kLogRingSize,
                                 SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        shared_.tail_requests[core] =
            rte_ring_create_elem(("tail-requests-" + suffix).c_str(), sizeof(TailRequest),
                                 kTailRequestRing, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        shared_.tail_answers[core] =
            rte_ring_create_elem(("tail-answers-" + suffix).c_str(), sizeof(TailAnswer),
                                 kTailAnswerRing, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        shared_.handover[core] = rte_ring_create(("handover-" + suffix).c_str(), kHandoverRingSize,
                                                 SOCKET_ID_ANY, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ);
        if (shared_.probe_commands[core] == nullptr || shared_.probe_results[core] == nullptr ||
            shared_.pop_notes[core] == nullptr || shared_.log_events[core] == nullptr ||
            shared_.tail_requests[core] == nullptr || shared_.tail_answers[core] == nullptr ||
            shared_.handover[core] == nullptr)
            return Error{ENOMEM, "no memory for the rings of core " + suffix +
                                     "; raise dataplane.memory_mib"};
    }
    const std::size_t bytes = rte_rcu_qsbr_get_memsize(cores);
    shared_.qsbr = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
    SKERRY_CHECK(shared_.qsbr != nullptr && rte_rcu_qsbr_init(shared_.qsbr, cores) == 0);
    return ok();
}

// Four for each core: dataplane/event/rings.hpp.
Status Server::make_event_rings() {
    if (shared_.server.http.port == 0) return ok();
    const auto make = [](const char* name, std::uint32_t core, unsigned element_bytes) {
        return rte_ring_create_elem((std::string(name) + std::to_string(core)).c_str(),
                                    element_bytes, kEventRingSize, SOCKET_ID_ANY,
                                    RING_F_SP_ENQ | RING_F_SC_DEQ);
    };
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core) {
        shared_.event_submissions[core] = make("event-submissions-", core, sizeof(EventSubmission));
        shared_.event_verdicts[core] = make("event-verdicts-", core, sizeof(EventVerdict));
        shared_.event_runs[core] = make("event-runs-", core, sizeof(EventRun));
        shared_.event_results[core] = make("event-results-", core, sizeof(EventResult));
        if (shared_.event_submissions[core] == nullptr || shared_.event_verdicts[core] == nullptr ||
            shared_.event_runs[core] == nullptr || shared_.event_results[core] == nullptr)
            return Error{ENOMEM, "no memory for the event rings of core " + std::to_string(core) +
                                     "; raise dataplane.memory_mib"};
    }
    return ok();
}

}  // namespace skerry::control
