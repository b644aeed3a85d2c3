// Payload and FIN that have arrived: RFC 9293 §3.10.7.4 steps 7 and 8, §3.8.6 (windows), RFC 5681
// §4.2 (when to acknowledge).
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {
namespace {

bool receives(State state) {
    return state == State::established || state == State::fin_wait_1 || state == State::fin_wait_2;
}

}  // namespace

// So many bytes are in the queue. In place: a call for each segment can be seen.
[[gnu::always_inline]] inline void Core::came_in_order(Connection& c, std::uint32_t bytes) {
    c.rcv_nxt += bytes;
    c.unacked_bytes += bytes;
    stats.bytes_in.add(bytes);
    if (c.reassembly.head != nullptr) {
        take_from_reassembly(c);
        acknowledge_now(c);  // RFC 5681 §4.2: at once, when a gap is filled
    }
    tell(c, kReadable);
    // Every second full segment at once, anything else within delayed_ack_us (RFC 9293 §3.8.6.3).
    if (c.unacked_bytes >= 2u * c.segment_bytes || !options.delayed_ack) {
        acknowledge_now(c);
    } else if (c.ack_due_us == 0) {
        c.ack_due_us = now_us + options.delayed_ack_us;
        stats.acks_delayed.add();
    }
}

// true: the mbuf was kept. Premise: acceptable(), and its acknowledgement has been processed.
bool Core::take_payload(Connection& c, const Segment& segment, rte_mbuf* mbuf) {
    // Steps 7, 8: the peer has sent its FIN; what comes after it is to be ignored.
    if (!receives(c.state)) {
        if (segment.length() != 0) acknowledge_now(c);
        return false;
    }
    if (segment.length() == 0) return false;
    std::uint32_t seq = segment.seq;
    std::uint32_t end = seq + segment.payload_bytes;
    bool fin = segment.has(kFin);
    if (after(end, c.advertised)) {  // beyond the window, the FIN as well
        end = c.advertised;
        fin = false;
    }
    if (fin && !c.fin_known) {
        c.fin_known = true;
        c.fin_seq = end;
    }
    if (c.fin_known && after(end, c.fin_seq)) end = c.fin_seq;  // nothing follows a FIN
    const std::uint32_t front = before(seq, c.rcv_nxt) ? c.rcv_nxt - seq : 0;
    if (front != 0) {
        if (c.sack) note_duplicate(c, seq, min_seq(c.rcv_nxt, end));
        seq = c.rcv_nxt;
        acknowledge_now(c);
    }
    bool kept = false;
    if (before(seq, end)) {
        if (!c.owned) {  // RFC 1122 §4.2.2.13: nobody will ever read it
            abort(c, Reason::tcp_closed_unread);
            return false;
        }
        const auto full = [&] {
            return receive_charged + mbuf->buf_len > limits.core_receive_bytes;
        };
        // What lies behind a gap must not keep out what fills it. RFC 2018 §8 allows to forget it.
        if (full() && seq == c.rcv_nxt && c.reassembly.mbufs != 0) {
            counters.count(Reason::drop_tcp_reassembly, c.reassembly.mbufs);
            drop_reassembly(c);
        }
        if (full()) {
            count(Reason::drop_tcp_memory);
            return false;
        }
        if (segment.payload_bytes > c.segment_bytes)
            note_segment_bytes(c, segment.payload_bytes, mbuf);
        auto* start = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
        const auto skip = static_cast<std::uint32_t>(segment.payload - start) + front;
        if (mbuf->nb_segs != 1) [[unlikely]] {
            take_merged(c, mbuf, skip, seq, end);
            kept = true;
        } else {
            mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off + skip);
            mbuf->data_len = static_cast<std::uint16_t>(end - seq);
            mbuf->pkt_len = mbuf->data_len;
            mbuf->next = nullptr;
            kept = seq == c.rcv_nxt ? take_in_order(c, mbuf) : keep_out_of_order(c, seq, mbuf);
        }
    }
    if (c.fin_known && !c.fin_received) {
        if (c.rcv_nxt == c.fin_seq) {
            peer_finished(c);
        } else if (segment.payload_bytes == 0) {
            acknowledge_now(c);  // data out of order has been acknowledged: not twice
        }
    }
    return kept;
}

bool Core::take_in_order(Connection& c, rte_mbuf* mbuf) {
    const std::uint32_t bytes = mbuf->data_len;
    const bool kept = append_in_order(c, mbuf);
    came_in_order(c, bytes);
    return kept;
}

// The same of what merged.cpp has appended.
void Core::advance_in_order(Connection& c, std::uint32_t bytes) {
    came_in_order(c, bytes);
}

// Small segments are gathered, so that a peer can't hold a buffer with each byte. false: copied.
bool Core::append_in_order(Connection& c, rte_mbuf* mbuf) {
    ReceiveQueue& queue = c.received;
    queue.bytes += mbuf->data_len;
    if (queue.tail != nullptr && rte_pktmbuf_tailroom(queue.tail) >= mbuf->data_len &&
        mbuf->data_len <= kCopyBytes) {
        std::memcpy(rte_pktmbuf_mtod_offset(queue.tail, char*, queue.tail->data_len),
                    rte_pktmbuf_mtod(mbuf, char*), mbuf->data_len);
        queue.tail->data_len = static_cast<std::uint16_t>(queue.tail->data_len + mbuf->data_len);
        queue.tail->pkt_len = queue.tail->data_len;
        return false;
    }
    charge(c, mbuf);
    (queue.tail == nullptr ? queue.head : queue.tail->next) = mbuf;
    queue.tail = mbuf;
    return true;
}

// Step 8.
void Core::peer_finished(Connection& c) {
    ++c.rcv_nxt;
    c.fin_received = true;
    drop_reassembly(c);
    acknowledge_now(c);
    tell(c, kPeerClosed);
    switch (c.state) {
        case State::established:
            c.state = State::close_wait;
            return;
        case State::fin_wait_1:  // our FIN would have been acknowledged by now
            c.state = State::closing;
            return;
        case State::fin_wait_2:
            enter_time_wait(c);
            return;
        default:
            return;
    }
}

// What we offer from rcv_nxt on. The right edge never moves back (RFC 9293 §3.8.6), and forward
// only by what is worth a segment (§3.8.6.2.2).
std::uint32_t Core::window(const Connection& c) const {
    const std::uint32_t offered = after(c.advertised, c.rcv_nxt) ? c.advertised - c.rcv_nxt : 0;
    std::uint32_t free_bytes = limits.connection_receive_bytes > c.received.bytes
                                   ? limits.connection_receive_bytes - c.received.bytes
                                   : 0;
    // As the core's buffers fill, each gets less: at the end a segment at a time.
    const std::uint64_t left = limits.core_receive_bytes > receive_charged
                                   ? limits.core_receive_bytes - receive_charged
                                   : 0;
    if (left < limits.core_receive_bytes / 2)
        free_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(free_bytes, left / 16));
    const std::uint32_t step =
        std::min<std::uint32_t>(limits.connection_receive_bytes / 2, c.segment_bytes);
    const std::uint32_t target = free_bytes >= offered + step ? free_bytes : offered;
    return std::min(target, 65535u << c.receive_scale);
}

// Has the window been told so small that the peer may be stopped by it, for what others hold?
void Core::note_window(Connection& c) {
    if (receive_charged <= limits.core_receive_bytes / 2 || c.window_cut || !still_cut(c)) return;
    c.window_cut = true;
    needy.push(connections.get(), index(c));
}

bool Core::still_cut(const Connection& c) const {
    const std::uint32_t offered = after(c.advertised, c.rcv_nxt) ? c.advertised - c.rcv_nxt : 0;
    return receives(c.state) && offered < 2u * c.segment_bytes;
}

void Core::charge(Connection& c, const rte_mbuf* mbuf) {
    c.received.charged += mbuf->buf_len;
    receive_charged += mbuf->buf_len;
}

void Core::release(Connection& c, rte_mbuf* mbuf) {
    c.received.charged -= mbuf->buf_len;
    receive_charged -= mbuf->buf_len;
    mbuf->next = nullptr;
    rte_pktmbuf_free_seg(mbuf);
}

void Core::drop_received(Connection& c) {
    while (c.received.head != nullptr) {
        rte_mbuf* mbuf = c.received.head;
        c.received.head = mbuf->next;
        release(c, mbuf);
    }
    c.received.tail = nullptr;
    c.received.bytes = 0;
    drop_reassembly(c);
}

void Core::consume(Connection& c, std::uint32_t bytes) {
    ReceiveQueue& queue = c.received;
    bytes = std::min(bytes, queue.bytes);
    queue.bytes -= bytes;
    while (bytes != 0) {
        rte_mbuf* mbuf = queue.head;
        if (bytes < mbuf->data_len) {
            mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off + bytes);
            mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len - bytes);
            mbuf->pkt_len = mbuf->data_len;
            break;
        }
        bytes -= mbuf->data_len;
        queue.head = mbuf->next;
        if (queue.head == nullptr) queue.tail = nullptr;
        release(c, mbuf);
    }
    // An update is worth a packet when the peer was, or will soon be, stopped by the window.
    if (receives(c.state)) {
        const std::uint32_t offered = after(c.advertised, c.rcv_nxt) ? c.advertised - c.rcv_nxt : 0;
        const std::uint32_t now_offered = window(c);
        if (now_offered > offered && (offered < 2u * c.segment_bytes ||
                                      now_offered - offered >= limits.connection_receive_bytes / 2))
            acknowledge_now(c);
    }
}

}  // namespace skerry::net::tcp
