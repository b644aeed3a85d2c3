// Segments that came out of order (RFC 9293 §3.10.7.4, "may be held for later processing"), what is
// said about them (RFC 2018 §4, RFC 2883), and their limits.
//
// Kept as mbufs in the order of their sequence numbers, without overlaps; of bytes that came twice
// the first are kept. The list is at most limits.reassembly_mbufs long.
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {
namespace {

// The sequence number lies where the port's hash was.
std::uint32_t& seq_of(rte_mbuf* mbuf) {
    return mbuf->hash.rss;
}
std::uint32_t end_of(rte_mbuf* mbuf) {
    return seq_of(mbuf) + mbuf->data_len;
}

void cut_front(rte_mbuf* mbuf, std::uint32_t bytes) {
    mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off + bytes);
    mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len - bytes);
    mbuf->pkt_len = mbuf->data_len;
    seq_of(mbuf) += bytes;
}

void cut_back(rte_mbuf* mbuf, std::uint32_t bytes) {
    mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len - bytes);
    mbuf->pkt_len = mbuf->data_len;
}

}  // namespace

void Core::note_duplicate(Connection& c, std::uint32_t left, std::uint32_t right) {
    if (!before(left, right)) return;
    // Of a frame in several buffers, each tells its part (RFC 2883 §4: what is contiguous is one).
    c.dsack = {c.has_dsack && c.dsack.right == left ? c.dsack.left : left, right};
    c.has_dsack = true;
}

// true: the mbuf was kept. Whatever happens, the peer hears of the gap at once (RFC 5681 §4.2).
bool Core::keep_out_of_order(Connection& c, std::uint32_t seq, rte_mbuf* mbuf) {
    stats.out_of_order_in.add();
    const Held held = insert_out_of_order(c, seq, mbuf);
    if (held == Held::full) count(Reason::drop_tcp_reassembly);
    emit_ack(c);
    return held == Held::kept;
}

// `note`: it is a range that changed, and not the next part of one that has been noted.
Core::Held Core::insert_out_of_order(Connection& c, std::uint32_t seq, rte_mbuf* mbuf, bool note) {
    Reassembly& held = c.reassembly;
    seq_of(mbuf) = seq;
    rte_mbuf* previous = nullptr;
    rte_mbuf* next = held.head;
    // At the end, mostly: what is lost is in front of it.
    if (held.tail != nullptr && at_or_before(seq_of(held.tail), seq)) {
        previous = held.tail;
        next = nullptr;
    }
    while (next != nullptr && at_or_before(seq_of(next), seq)) {
        previous = next;
        next = next->next;
    }
    if (previous != nullptr && after(end_of(previous), seq)) {
        const std::uint32_t overlap = end_of(previous) - seq;
        note_duplicate(c, seq, seq + std::min<std::uint32_t>(overlap, mbuf->data_len));
        if (overlap >= mbuf->data_len) return Held::known;
        cut_front(mbuf, overlap);
    }
    // What it covers whole goes, what it covers in part stays as it is.
    while (next != nullptr && before(seq_of(next), end_of(mbuf))) {
        const bool whole = at_or_before(end_of(next), end_of(mbuf));
        note_duplicate(c, seq_of(next), min_seq(end_of(next), end_of(mbuf)));
        if (!whole) {
            cut_back(mbuf, end_of(mbuf) - seq_of(next));
            break;
        }
        rte_mbuf* gone = next;
        next = next->next;
        (previous == nullptr ? held.head : previous->next) = next;
        if (next == nullptr) held.tail = previous;
        held.bytes -= gone->data_len;
        --held.mbufs;
        --reassembly_mbufs;
        reassembly_charged -= gone->buf_len;
        release(c, gone);
    }
    if (note) note_recent(c, seq_of(mbuf));
    held.bytes += mbuf->data_len;
    if (previous != nullptr && end_of(previous) == seq_of(mbuf) && mbuf->data_len <= kCopyBytes &&
        rte_pktmbuf_tailroom(previous) >= mbuf->data_len) {
        std::memcpy(rte_pktmbuf_mtod_offset(previous, char*, previous->data_len),
                    rte_pktmbuf_mtod(mbuf, char*), mbuf->data_len);
        previous->data_len = static_cast<std::uint16_t>(previous->data_len + mbuf->data_len);
        previous->pkt_len = previous->data_len;
        return Held::copied;
    }
    // Half of the core's memory at most: what would fill a gap, and so free it, must get in.
    if (held.mbufs >= limits.reassembly_mbufs ||
        reassembly_charged + mbuf->buf_len > limits.core_receive_bytes / 2) {
        held.bytes -= mbuf->data_len;
        return Held::full;
    }
    charge(c, mbuf);
    reassembly_charged += mbuf->buf_len;
    ++held.mbufs;
    ++reassembly_mbufs;
    mbuf->next = next;
    if (next == nullptr) held.tail = mbuf;
    (previous == nullptr ? held.head : previous->next) = mbuf;
    return Held::kept;
}

// What has become in order.
void Core::take_from_reassembly(Connection& c) {
    Reassembly& held = c.reassembly;
    while (held.head != nullptr && at_or_before(seq_of(held.head), c.rcv_nxt)) {
        rte_mbuf* mbuf = held.head;
        held.head = mbuf->next;
        held.bytes -= mbuf->data_len;
        --held.mbufs;
        --reassembly_mbufs;
        reassembly_charged -= mbuf->buf_len;
        mbuf->next = nullptr;
        const std::uint32_t known = c.rcv_nxt - seq_of(mbuf);
        if (known >= mbuf->data_len) {
            note_duplicate(c, seq_of(mbuf), end_of(mbuf));
            release(c, mbuf);
            continue;
        }
        if (known != 0) cut_front(mbuf, known);
        c.rcv_nxt += mbuf->data_len;
        c.unacked_bytes += mbuf->data_len;
        stats.bytes_in.add(mbuf->data_len);
        c.received.charged -= mbuf->buf_len;  // append charges it again
        receive_charged -= mbuf->buf_len;
        if (!append_in_order(c, mbuf)) rte_pktmbuf_free_seg(mbuf);
    }
    if (held.head != nullptr) return;
    held.tail = nullptr;
    held.recent_count = 0;
}

void Core::drop_reassembly(Connection& c) {
    while (c.reassembly.head != nullptr) {
        rte_mbuf* mbuf = c.reassembly.head;
        c.reassembly.head = mbuf->next;
        --reassembly_mbufs;
        reassembly_charged -= mbuf->buf_len;
        release(c, mbuf);
    }
    c.reassembly = {};
}

void Core::note_recent(Connection& c, std::uint32_t seq) {
    Reassembly& held = c.reassembly;
    if (held.recent_count != 0 && held.recent[0] == seq) return;
    held.recent[2] = held.recent[1];
    held.recent[1] = held.recent[0];
    held.recent[0] = seq;
    if (held.recent_count < 3) ++held.recent_count;
}

// RFC 2018 §4: the range that changed last first, then those before it; RFC 2883 §4: in front of
// all, what came twice. Returns how many blocks were written.
std::uint32_t Core::sack_blocks(Connection& c, std::span<SackBlock> blocks_out) {
    std::uint32_t n = 0;
    if (c.has_dsack) {
        blocks_out[n++] = c.dsack;
        c.has_dsack = false;
    }
    const Reassembly& held = c.reassembly;
    for (std::uint8_t i = 0; i < held.recent_count && n < blocks_out.size(); ++i) {
        SackBlock range;
        bool found = false;
        for (rte_mbuf* at = held.head; at != nullptr && !found;) {
            range = {seq_of(at), end_of(at)};
            for (at = at->next; at != nullptr && seq_of(at) == range.right; at = at->next)
                range.right = end_of(at);
            found = in_window(held.recent[i], range.left, range.right - range.left);
        }
        bool known = !found;
        for (std::uint32_t k = 0; k < n; ++k) known |= blocks_out[k] == range;
        if (!known) blocks_out[n++] = range;
    }
    return n;
}

}  // namespace skerry::net::tcp
