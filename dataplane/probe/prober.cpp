#include "dataplane/probe/prober.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/forward/send.hpp"
#include "dataplane/load/own_load.hpp"
#include "dataplane/reply/replies.hpp"
#include "dataplane/wire/cookie.hpp"
#include "dataplane/wire/digest.hpp"

namespace skerry {

std::uint32_t Prober::send_commands() {
    if (!has_commands()) [[likely]]
        return 0;
    rte_ring* ring = context_.shared.probe_commands[context_.core];
    std::uint32_t count = 0;
    ProbeCommand command;
    for (; count < kProbesPerTurn && rte_ring_dequeue_elem(ring, &command, sizeof command) == 0;
         ++count)
        send(command);
    return count;
}

void Prober::send(const ProbeCommand& command) {
    const auto& regions = context_.snapshot->regions();
    if (command.region >= regions.size()) return;
    wire::Header header{};
    header.magic.set(wire::kMagic);
    header.version = wire::kVersion;
    header.kind = static_cast<std::uint8_t>(wire::Kind::probe);
    header.request_id_hi.set(context_.shared.server.boot_id);
    header.request_id_lo.set(command.token);
    header.cookie.set(command.cookie);
    char payload[wire::kLongestProbeBytes] = {};
    std::uint32_t bytes =
        std::min<std::uint32_t>(command.payload_bytes, regions[command.region].max_payload_bytes);
    if (const int room = wire::digest_room(bytes); room >= 0) {
        const std::uint32_t entries = std::min(
            {static_cast<std::uint32_t>(room), command.key_count, wire::kDigestEntriesMax});
        bytes = wire::probe_bytes(entries);
        wire::DigestHead head{};
        head.rate_milli.set(command.rate_milli);
        head.flags.set(command.nearest != 0 ? wire::digest_flag::nearest : 0);
        head.entries.set(static_cast<std::uint16_t>(entries));
        std::memcpy(payload + wire::kDigestAt, &head, sizeof head);
        for (std::uint32_t i = 0; i < entries; ++i) {
            wire::DigestEntry entry{};
            entry.key.set(command.keys[i]);
            std::memcpy(payload + wire::probe_bytes(i), &entry, sizeof entry);
        }
    } else {
        bytes = bytes >= sizeof(wire::ProbePayload) ? std::uint32_t{sizeof(wire::ProbePayload)}
                                                    : wire::kFirstProbeBytes;
    }
    header.payload_bytes.set(bytes);
    sent_[command.region] = {command.token, rte_rdtsc()};
    send_to_region(context_, static_cast<std::uint8_t>(command.region), header, payload, bytes);
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
    if (shared.server.is_pop) return payload;
    const OwnWarmth& warmth = *shared.own_warmth;
    payload.keep_ms.set(warmth.keep_ms.load(std::memory_order_relaxed));
    payload.crowding_permille.set(
        wire::saturated(warmth.crowding_permille.load(std::memory_order_relaxed)));
    payload.digest_entries.set(wire::kDigestEntriesMax);
    payload.catchment_milli.set(warmth.catchment_milli.load(std::memory_order_relaxed));
    return payload;
}

// Who is told which functions are warm, and counts as a POP: nobody whose address may be forged,
// and who could not see as much by invoking them.
bool Prober::may_ask(const Datagram& datagram) const {
    const ServerInfo& server = context_.shared.server;
    return !server.is_pop && server.may_invoke(datagram.path().peer) &&
           wire::cookie_is_good({server.cookie_key[0], server.cookie_key[1]}, datagram.path().peer,
                                context_.cookie_epoch, datagram.header()->cookie.get());
}

// In place, entry by entry. Behind them there are zeros.
void Prober::answer_digest(const Datagram& datagram, char* payload, std::uint32_t payload_bytes) {
    const std::uint32_t entries = wire::digest_entries(payload, payload_bytes);
    wire::DigestHead head;
    std::memcpy(&head, payload + wire::kDigestAt, sizeof head);
    const PopNote note{
        .address = {datagram.path().peer.high(), datagram.path().peer.low()},
        .rate_milli = head.rate_milli.get(),
        .nearest = head.flags.get() & wire::digest_flag::nearest ? std::uint64_t{1} : 0};
    rte_ring* notes = context_.shared.pop_notes[context_.core];
    if (notes == nullptr ||
        rte_ring_enqueue_elem(notes, const_cast<PopNote*>(&note), sizeof note) != 0)
        context_.counters.count(Reason::pop_note_lost);
    head = {};
    head.entries.set(static_cast<std::uint16_t>(entries));
    std::memcpy(payload + wire::kDigestAt, &head, sizeof head);
    for (std::uint32_t i = 0; i < entries; ++i) {
        char* at = payload + wire::probe_bytes(i);
        wire::DigestEntry entry;
        std::memcpy(&entry, at, sizeof entry);
        const Target* target = context_.snapshot->find(entry.key.get(), 0);
        entry.warmth.set(target == nullptr
                             ? 0
                             : context_.shared.own_warmth->functions[target->function].load(
                                   std::memory_order_relaxed));
        std::memcpy(at, &entry, sizeof entry);
    }
    const std::uint32_t end = wire::probe_bytes(entries);
    std::memset(payload + end, 0, payload_bytes - end);
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
    char* bytes = reinterpret_cast<char*>(header + 1);
    if (wire::digest_room(payload_bytes) >= 0 && may_ask(datagram)) {
        answer_digest(datagram, bytes, payload_bytes);
    } else {
        // What is not ours to say is not the sender's either.
        if (wire::digest_entries(bytes, payload_bytes) != 0)
            context_.counters.count(Reason::digest_unproven);
        std::memset(bytes, 0, payload_bytes);
    }
    std::memcpy(bytes, &payload, std::min<std::size_t>(payload_bytes, sizeof payload));
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
    const auto payload_bytes = static_cast<std::uint32_t>(datagram.bytes() - wire::kHeaderBytes);
    if (region < regions.size() && header.request_id_hi.get() == context_.shared.server.boot_id &&
        wire::is_probe_size(payload_bytes)) {
        wire::ProbePayload payload{};
        std::memcpy(&payload, &header + 1, std::min<std::size_t>(sizeof payload, payload_bytes));
        ProbeResult result{.token = token,
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
                           .longer = header.flags.get() & wire::flag::load ? 1u : 0u,
                           .keep_ms = payload.keep_ms.get(),
                           .crowding_permille = payload.crowding_permille.get(),
                           .digest_entries = payload.digest_entries.get(),
                           .catchment_milli = payload.catchment_milli.get(),
                           .entry_count = wire::digest_entries(&header + 1, payload_bytes)};
        std::memcpy(result.entries.data(),
                    reinterpret_cast<const char*>(&header + 1) + wire::kDigestEntriesAt,
                    result.entry_count * sizeof(wire::DigestEntry));
        sent_[region].token = 0;
        reason = rte_ring_enqueue_elem(context_.shared.probe_results[context_.core], &result,
                                       sizeof result) == 0
                     ? Reason::probe_taken
                     : Reason::drop_probe_ring_full;
        context_.ring_control = true;
    }
    context_.counters.count(reason);
    rte_pktmbuf_free(datagram.mbuf);
}

}  // namespace skerry
