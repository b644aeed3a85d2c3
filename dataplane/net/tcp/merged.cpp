// Frames in which a port has put several segments of a connection together (LRO): one header, and
// payload over several buffers. Each buffer is taken as if it had come by itself, so that what
// holds of a segment's buffer (what it is charged, how it is trimmed, copied and freed) holds of
// these; what is said to the peer is said once.
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {

// The peer's largest segment, by a frame that carries more than those before it. A merged one's
// port may know how large each was; and none is larger than we said that we take (RFC 9293 §3.7.1).
void Core::note_segment_bytes(Connection& c, std::uint32_t payload_bytes, const rte_mbuf* mbuf) {
    std::uint32_t bytes = std::min<std::uint32_t>(payload_bytes, offered_mss(c.path));
    if ((mbuf->ol_flags & RTE_MBUF_F_RX_LRO) != 0 && mbuf->tso_segsz != 0)
        bytes = std::min<std::uint32_t>(bytes, mbuf->tso_segsz);
    c.segment_bytes = std::max(c.segment_bytes, static_cast<std::uint16_t>(bytes));
    // Two full ones at least: RFC 5681 §4.2 wants to hear of them.
    if (payload_bytes > c.segment_bytes) acknowledge_now(c);
}

// [seq, end) begins `skip` bytes into the first buffer, headers included. Takes all the buffers.
void Core::take_merged(Connection& c, rte_mbuf* mbuf, std::uint32_t skip, std::uint32_t seq,
                       std::uint32_t end) {
    counters.rx_merged.add();
    const std::uint32_t first = seq;
    const bool in_order = seq == c.rcv_nxt;
    bool note = true;
    for (rte_mbuf* next = nullptr; mbuf != nullptr; mbuf = next) {
        next = mbuf->next;
        mbuf->next = nullptr;
        mbuf->nb_segs = 1;
        const std::uint32_t passed = std::min<std::uint32_t>(skip, mbuf->data_len);
        skip -= passed;
        const auto bytes =
            static_cast<std::uint16_t>(std::min<std::uint32_t>(mbuf->data_len - passed, end - seq));
        mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off + passed);
        mbuf->data_len = bytes;
        mbuf->pkt_len = bytes;
        bool kept = false;
        if (bytes != 0 && receive_charged + mbuf->buf_len > limits.core_receive_bytes) {
            count(Reason::drop_tcp_memory);
            end = seq;  // what there is no room for, and what comes after it, will come again
        } else if (bytes != 0 && in_order) {
            kept = append_in_order(c, mbuf);
        } else if (bytes != 0) {
            const Held held = insert_out_of_order(c, seq, mbuf, note);
            kept = held == Held::kept;
            note = note && held == Held::known;
            if (held == Held::full) {
                count(Reason::drop_tcp_reassembly);
                end = seq;
            }
        }
        if (end != seq) seq += bytes;
        if (!kept) rte_pktmbuf_free_seg(mbuf);
    }
    if (in_order && seq != first) advance_in_order(c, seq - first);
    if (in_order) return;
    stats.out_of_order_in.add();
    emit_ack(c);
}

}  // namespace skerry::net::tcp
