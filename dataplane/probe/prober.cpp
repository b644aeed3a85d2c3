#include "dataplane/probe/prober.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/forward/send.hpp"
#include "dataplane/load/own_load.hpp"
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
        const wire::ProbePayload empty{};
        const std::uint32_t bytes =
            command.payload_bytes == sizeof empty ? sizeof empty : wire::kFirstProbeBytes;
        header.payload_bytes.set(bytes);
        sent_[command.region] = {command.token, rte_rdtsc()};
        send_to_region(context_, static_cast<std::uint8_t>(command.region), header, &empty, bytes);
    }
    return count;
}

wire::ProbePayload Prober::own_numbers() const {
    const Shared& shared = context_.shared;
    const LoadNow now = load_now(shared);
    wire::ProbePayload payload{};
    payload.boot_id.set(shared.server.boot_id);
    payload.catalog_epoch.set(shared.catalog_epoch.load(std::memory_order_relaxed));
    payload.in_flight.set(static_cast<std::uint32_t>(now.executing));
    payload.waiting.set(static_cast<std::uint32_t>(now.waiting));
    payload.free_slots.set(shared.idle_slots.load(std::memory_order_relaxed));
    payload.draining.set(context_.snapshot->draining() ? 1 : 0);
    payload.slots.set(shared.own_load.slots.load(std::memory_order_relaxed));
    payload.service_us.set(shared.own_load.service_us.load(std::memory_order_relaxed));
    payload.region_us.set(shared.own_load.region_us.load(std::memory_order_relaxed));
    payload.slow_permille.set(shared.own_load.slow_permille.load(std::memory_order_relaxed));
    return payload;
}

void Prober::on_probe(const Datagram& datagram) {
    wire::Header* header = datagram.header();
    const std::uint32_t payload_bytes = datagram.bytes() - wire::kHeaderBytes;
    if (!wire::is_probe_size(payload_bytes)) {
        refuse(context_, datagram.mbuf, header, datagram.path(), Reason::refused_bad_message);
        return;
    }
    const ServerInfo& server = context_.shared.server;
    const wire::ProbePayload payload = own_numbers();
    std::memset(header + 1, 0,
                payload_bytes);  // what is not ours to say is not the sender's either
    std::memcpy(header + 1, &payload, std::min<std::size_t>(payload_bytes, sizeof payload));
    header->kind = static_cast<std::uint8_t>(wire::Kind::probe_reply);
    header->flags.set(wire::flag::load);
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
        wire::is_probe_size(datagram.bytes() - static_cast<std::uint32_t>(wire::kHeaderBytes))) {
        wire::ProbePayload payload{};
        std::memcpy(&payload, &header + 1,
                    std::min(sizeof payload, datagram.bytes() - wire::kHeaderBytes));
        const ProbeResult result{.token = token,
                                 .rtt_tsc = rte_rdtsc() - sent_[region].tsc,
                                 .boot_id = payload.boot_id.get(),
                                 .catalog_epoch = payload.catalog_epoch.get(),
                                 .cookie = header.cookie.get(),
                                 .in_flight = payload.in_flight.get(),
                                 .waiting = payload.waiting.get(),
                                 .free_slots = payload.free_slots.get(),
                                 .draining = payload.draining.get(),
                                 .slots = payload.slots.get(),
                                 .service_us = payload.service_us.get(),
                                 .region_us = payload.region_us.get(),
                                 .slow_permille = payload.slow_permille.get(),
                                 .longer = header.flags.get() & wire::flag::load ? 1u : 0u};
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
