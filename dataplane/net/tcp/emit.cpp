// Segments as frames. Nothing else in this folder makes an mbuf.
#include <cstring>

#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/isn.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {

// `bytes` of payload from `offset` of the connection's queue. Ports come from the path.
bool Core::emit(const Path& path, Segment segment, Connection* from, std::uint32_t offset,
                std::uint32_t bytes) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
    if (mbuf == nullptr) [[unlikely]] {
        count(Reason::drop_no_mbuf);
        return false;
    }
    segment.source = path.local_udp;
    segment.destination = path.peer_udp;
    auto* at = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    const auto [header_bytes, header_sum] = tcp::emit(at, segment);
    const std::uint32_t first_bytes = std::min(bytes, pool_payload_bytes);
    if (bytes != 0) from->queue.copy(blocks, offset, first_bytes, at + header_bytes);
    mbuf->data_len = static_cast<std::uint16_t>(header_bytes + first_bytes);
    mbuf->pkt_len = mbuf->data_len;
    if (bytes > first_bytes && !add_payload(mbuf, *from, offset + first_bytes, bytes - first_bytes))
        [[unlikely]] {
        rte_pktmbuf_free(mbuf);
        count(Reason::drop_no_mbuf);
        return false;
    }
    const bool is_cut = bytes != 0 && bytes > from->mss && ports[path.port].tso_bytes != 0;
    send(mbuf, path, header_sum, is_cut ? from->mss : std::uint16_t{0});
    return true;
}

// More than one buffer holds, in further ones: for a port that cuts. false: there are none.
bool Core::add_payload(rte_mbuf* mbuf, Connection& from, std::uint32_t offset,
                       std::uint32_t bytes) {
    for (rte_mbuf* last = mbuf; bytes != 0;) {
        rte_mbuf* more = rte_pktmbuf_alloc(pool);
        if (more == nullptr) return false;
        const std::uint32_t part = std::min<std::uint32_t>(bytes, rte_pktmbuf_tailroom(more));
        from.queue.copy(blocks, offset, part, rte_pktmbuf_mtod(more, std::uint8_t*));
        more->data_len = static_cast<std::uint16_t>(part);
        last->next = more;
        last = more;
        ++mbuf->nb_segs;
        mbuf->pkt_len += part;
        offset += part;
        bytes -= part;
    }
    return true;
}

// A segment without payload in the buffer of the one that it answers, which is over: what answers
// a flood takes no buffer more than the flood itself. false: `used` is still the caller's; it is
// shared, or there is none.
bool Core::emit_in(rte_mbuf* used, const Path& path, Segment segment) {
    if (used == nullptr || !RTE_MBUF_DIRECT(used) || rte_mbuf_refcnt_read(used) != 1 ||
        used->nb_segs != 1 || used->buf_len < RTE_PKTMBUF_HEADROOM + kMaxTcpHeaderBytes) {
        emit(path, segment, nullptr, 0, 0);
        return false;
    }
    rte_pktmbuf_reset(used);
    segment.source = path.local_udp;
    segment.destination = path.peer_udp;
    const Emitted header = tcp::emit(rte_pktmbuf_mtod(used, std::uint8_t*), segment);
    used->data_len = static_cast<std::uint16_t>(header.bytes);
    used->pkt_len = used->data_len;
    send(used, path, header.sum);
    return true;
}

// Header and payload are in place. `cut_bytes`: what the port is to make of it.
void Core::send(rte_mbuf* mbuf, const Path& path, std::uint64_t header_sum,
                std::uint16_t cut_bytes) {
    stats.segments_out.add(cut_bytes == 0 ? 1 : (mbuf->pkt_len + cut_bytes - 1) / cut_bytes);
    build_tcp(mbuf, path, ports[path.port], header_sum, cut_bytes);
    sink.send(sink.context, mbuf, path.port);
}

// What every segment of a synchronized connection says: acknowledgement, window, timestamps.
void Core::fill_header(Connection& c, Segment& segment) {
    segment.flags = static_cast<std::uint8_t>(segment.flags | kAck);
    segment.ack = c.rcv_nxt;
    const std::uint32_t shown = window(c) >> c.receive_scale;
    segment.window = static_cast<std::uint16_t>(std::min(shown, 65535u));
    c.advertised =
        max_seq(c.advertised, c.rcv_nxt + (std::uint32_t{segment.window} << c.receive_scale));
    note_window(c);
    if (c.timestamps) {
        segment.has_timestamp = true;
        segment.ts_value = timestamp_now(c);
        segment.ts_echo = c.ts_recent;
    }
    c.last_ack = c.rcv_nxt;
    c.ack_now = false;
    c.ack_due_us = 0;
    c.unacked_bytes = 0;
}

// [seq, end) of what is queued; the FIN is the number after the last byte.
bool Core::emit_data(Connection& c, std::uint32_t seq, std::uint32_t end) {
    const std::uint32_t data = data_end(c);
    seq = max_seq(seq, c.una);
    Segment segment;
    segment.seq = seq;
    const std::uint32_t bytes = min_seq(end, data) - seq;
    if (after(end, data)) segment.flags |= kFin;
    if (bytes != 0 && seq + bytes == data) segment.flags |= kPsh;
    const bool owed = c.ack_now;
    const std::uint64_t due_us = c.ack_due_us;
    fill_header(c, segment);
    // SACK blocks ride along where there is room.
    if (c.sack && (c.has_dsack || c.reassembly.recent_count != 0) && bytes + 28u <= c.mss)
        segment.sack_count =
            static_cast<std::uint8_t>(sack_blocks(c, std::span(segment.sacks).first(3)));
    if (emit(c.path, segment, &c, seq - c.una, bytes)) return true;
    c.ack_now = owed;
    c.ack_due_us = due_us;
    return false;
}

// SND.NXT, unless a probe of a shut window is out: that byte was not taken, and a number beyond the
// window would not be either (RFC 9293 §3.10.7.4, RFC 5961 §3.2).
std::uint32_t Core::acceptable_seq(const Connection& c) {
    return before(c.una + c.send_window, c.nxt) ? c.una + c.send_window : c.nxt;
}

bool Core::emit_ack(Connection& c) {
    Segment segment;
    segment.seq = acceptable_seq(c);
    fill_header(c, segment);
    if (c.sack)
        segment.sack_count = static_cast<std::uint8_t>(
            sack_blocks(c, std::span(segment.sacks).first(c.timestamps ? 3 : 4)));
    if (emit(c.path, segment, nullptr, 0, 0)) return true;
    c.ack_now = true;
    return false;
}

// RFC 9293 §3.8.4: a keep-alive probe, one before what the peer expects.
void Core::emit_keep_alive(Connection& c) {
    Segment segment;
    segment.seq = c.una - 1;
    fill_header(c, segment);
    emit(c.path, segment, nullptr, 0, 0);
}

// SYN, or SYN-ACK once the peer's has come. Windows of SYNs are never scaled (RFC 7323 §2.2).
bool Core::emit_syn(Connection& c) {
    Segment segment;
    const bool answer = c.state == State::syn_received;
    segment.flags = kSyn;
    segment.seq = c.una;
    if (answer) {
        segment.flags = kSyn | kAck;
        segment.ack = c.rcv_nxt;
        c.last_ack = c.rcv_nxt;
    }
    segment.window = static_cast<std::uint16_t>(std::min(limits.connection_receive_bytes, 65535u));
    segment.has_mss = true;
    segment.mss = offered_mss(c.path);
    segment.has_scale = answer ? c.scaling : options.window_scaling;
    segment.scale = receive_scale;
    segment.sack_permitted = answer ? c.sack : options.sack;
    segment.has_timestamp = answer ? c.timestamps : options.timestamps;
    segment.ts_value = timestamp_now(c);
    segment.ts_echo = c.ts_recent;
    return emit(c.path, segment, nullptr, 0, 0);
}

void Core::emit_reset(Connection& c) {
    Segment segment;
    segment.flags = kRst | kAck;
    segment.seq = acceptable_seq(c);
    segment.ack = c.rcv_nxt;
    segment.has_timestamp = c.timestamps;  // RFC 7323 §3.2
    segment.ts_value = timestamp_now(c);
    segment.ts_echo = c.ts_recent;
    emit(c.path, segment, nullptr, 0, 0);
}

// RFC 5961 §7: at a limited rate. The limit of a second is not the same each time, so that nobody
// learns from what is left of it whether a guess was right (CVE-2016-5696).
void Core::challenge(Connection& c) {
    const auto spread =
        static_cast<std::uint32_t>(siphash(table_key, now_us / 1'000'000, std::uint64_t{0}));
    const std::uint32_t most = limits.challenges_per_second;
    if (!challenges.allow(now_us, most / 2 + spread % (most / 2 + 1))) {
        count(Reason::drop_tcp_rate);
        return;
    }
    emit_ack(c);
}

}  // namespace skerry::net::tcp
