#include "dataplane/probe/prober.hpp"

#include <cstring>

#include "dataplane/forward/send.hpp"
#include "dataplane/reply/replies.hpp"

namespace skerry {

std::uint32_t Prober::send_commands() {
    ProbeCommand commands[kProbesPerTurn];
    const std::uint32_t count =
        rte_ring_dequeue_burst_elem(context_.shared.probe_commands[context_.core], commands,
                                    sizeof(ProbeCommand), kProbesPerTurn, nullptr);
    for (std::uint32_t i = 0; i < count; ++i) {
        const ProbeCommand& command = commands[i];
        if (command.region >= context_.snapshot->regions().size()) continue;
        wire::Header header{};
        header.magic.set(wire::kMagic);
        header.version = wire::kVersion;
        header.kind = static_cast<std::uint8_t>(wire::Kind::probe);
        header.request_id_hi.set(context_.shared.server.boot_id);
        header.request_id_lo.set(command.token);
        header.cookie.set(command.cookie);
        header.payload_bytes.set(sizeof(wire::ProbePayload));
        const wire::ProbePayload empty{};
        sent_[command.region] = {command.token, rte_rdtsc()};
        send_to_region(context_, static_cast<std::uint8_t>(command.region), header, &empty,
                       sizeof empty);
    }
    return count;
}

void Prober::on_probe(const Datagram& datagram) {
    wire::Header* header = datagram.header();
    if (datagram.bytes() != wire::kHeaderBytes + sizeof(wire::ProbePayload)) {
        refuse(context_, datagram.mbuf, header, datagram.path(), Reason::refused_bad_message);
        return;
    }
    std::uint64_t in_flight = 0;
    std::uint64_t waiting = 0;
    const ServerInfo& server = context_.shared.server;
    for (std::uint32_t core = 0; core < server.core_count; ++core) {
        in_flight += context_.shared.counters[core]->in_flight.get();
        waiting += context_.shared.counters[core]->waiting.get();
    }
    auto* payload = reinterpret_cast<wire::ProbePayload*>(header + 1);
    payload->boot_id.set(server.boot_id);
    payload->catalog_epoch.set(context_.shared.catalog_epoch.load(std::memory_order_relaxed));
    payload->in_flight.set(static_cast<std::uint32_t>(in_flight));
    payload->waiting.set(static_cast<std::uint32_t>(waiting));
    payload->free_slots.set(context_.shared.idle_slots.load(std::memory_order_relaxed));
    payload->draining.set(context_.snapshot->draining() ? 1 : 0);
    header->kind = static_cast<std::uint8_t>(wire::Kind::probe_reply);
    header->flags.set(0);
    header->status = 0;
    header->busy = busy_byte(context_);
    header->cookie.set(wire::make_cookie({server.cookie_key[0], server.cookie_key[1]},
                                         datagram.path().peer, context_.cookie_epoch));
    std::memcpy(header->place, server.place, wire::kPlaceBytes);
    strip_to_message(datagram.mbuf, header, datagram.bytes());
    net::build(datagram.mbuf, datagram.path(), server.ports[datagram.path().port]);
    context_.send(datagram.mbuf, datagram.path().port);
    context_.counters.count(Reason::probe_replied);
}

void Prober::on_probe_reply(const Datagram& datagram) {
    const wire::Header& header = *datagram.header();
    const auto& regions = context_.snapshot->regions();
    const std::uint64_t token = header.request_id_lo.get();
    std::uint32_t region = 0;
    while (region < regions.size() && !(sent_[region].token == token && token != 0 &&
                                        regions[region].address == datagram.path().peer))
        ++region;
    Reason reason = Reason::drop_stale_reply;
    if (region < regions.size() && header.request_id_hi.get() == context_.shared.server.boot_id &&
        datagram.bytes() == wire::kHeaderBytes + sizeof(wire::ProbePayload)) {
        const auto& payload = *reinterpret_cast<const wire::ProbePayload*>(&header + 1);
        const ProbeResult result{.token = token,
                                 .rtt_tsc = rte_rdtsc() - sent_[region].tsc,
                                 .boot_id = payload.boot_id.get(),
                                 .catalog_epoch = payload.catalog_epoch.get(),
                                 .cookie = header.cookie.get(),
                                 .in_flight = payload.in_flight.get(),
                                 .waiting = payload.waiting.get(),
                                 .free_slots = payload.free_slots.get(),
                                 .draining = payload.draining.get()};
        sent_[region].token = 0;
        reason = rte_ring_enqueue_elem(context_.shared.probe_results[context_.core],
                                       const_cast<ProbeResult*>(&result), sizeof result) == 0
                     ? Reason::probe_taken
                     : Reason::drop_probe_ring_full;
        context_.ring_control = true;
    }
    context_.counters.count(reason);
    rte_pktmbuf_free(datagram.mbuf);
}

}  // namespace skerry
