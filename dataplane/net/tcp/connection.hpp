// Everything that is kept of one connection (RFC 9293 §3.3.1 calls it the TCB). Internal to
// dataplane/net/tcp.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/net/tcp/blocks.hpp"
#include "dataplane/net/tcp/congestion.hpp"
#include "dataplane/net/tcp/flight.hpp"
#include "dataplane/net/tcp/list.hpp"
#include "dataplane/net/tcp/rto.hpp"
#include "dataplane/net/tcp/stack.hpp"

namespace skerry::net::tcp {

// What the retransmission timer stands for: one of them at a time.
enum class Retransmit : std::uint8_t {
    off,
    rto,           // RFC 6298
    tail_probe,    // RFC 8985 §7
    window_probe,  // RFC 9293 §3.8.6.1
};

enum class Recovery : std::uint8_t {
    none,
    fast,     // RFC 6675 §5, with RFC 8985's idea of what is lost
    timeout,  // RFC 5681 §3.1: slow start over what had been sent
};

inline constexpr std::uint8_t kNoListener = 0xff;

// Received and not yet consumed, in order: mbufs chained by `next`, each with its payload only.
struct ReceiveQueue {
    rte_mbuf* head = nullptr;
    rte_mbuf* tail = nullptr;
    std::uint32_t bytes = 0;
    std::uint32_t charged = 0;  // bytes of buffers, these and those out of order
};

// Received out of order: mbufs chained by `next`, by sequence number, not overlapping.
struct Reassembly {
    rte_mbuf* head = nullptr;
    rte_mbuf* tail = nullptr;
    std::uint32_t bytes = 0;
    std::uint16_t mbufs = 0;
    // The three ranges that changed last, newest first (RFC 2018 §4): where in them.
    std::array<std::uint32_t, 3> recent{};
    std::uint8_t recent_count = 0;
};

struct Connection {
    // ---- who
    Path path;
    std::uint64_t tag = 0;
    std::uint32_t hash = 0;
    std::uint32_t generation = 0;
    State state = State::closed;
    std::uint8_t listener = kNoListener;
    std::uint8_t event_bits = 0;
    Reason reason = Reason::tcp_closed_done;

    bool used : 1 = false;
    bool owned : 1 = false;           // the application has a handle, or will get one
    bool passive : 1 = false;         // began as a client's SYN
    bool timestamps : 1 = false;      // RFC 7323 §3, agreed on
    bool sack : 1 = false;            // RFC 2018, agreed on
    bool scaling : 1 = false;         // RFC 7323 §2, agreed on
    bool fin_queued : 1 = false;      // FIN after what is written
    bool fin_received : 1 = false;    // and everything before it
    bool ack_now : 1 = false;         // flush() owes an acknowledgement
    bool wants_writable : 1 = false;  // write() took less than it was given
    bool write_closed : 1 = false;    // shutdown() or close() was called
    bool rtt_of_syn : 1 = false;      // the SYN was sent once: its answer is a sample (Karn)
    bool app_limited : 1 = false;     // less was written than the window allows
    bool fin_known : 1 = false;       // fin_seq is valid
    bool fin_acked : 1 = false;       // our FIN has been
    bool has_dsack : 1 = false;       // dsack is owed to the peer (RFC 2883)
    bool cookie : 1 = false;          // begun by a SYN cookie
    bool starved : 1 = false;         // wants to write, and the core's blocks are used up
    bool window_cut : 1 = false;      // the core's receive memory keeps its window shut

    // ---- sending, RFC 9293 §3.3.1
    std::uint32_t una = 0;  // before the handshake is done: ISS
    std::uint32_t nxt = 0;
    std::uint32_t send_window = 0;  // bytes, scaled
    std::uint32_t wl1 = 0;
    std::uint32_t wl2 = 0;
    std::uint32_t max_window = 0;  // largest the peer ever offered
    std::uint32_t recover = 0;     // RFC 6582 §3.2
    std::uint16_t peer_mss = 0;    // what the peer's SYN said
    std::uint16_t mss = 0;         // payload of a full segment to it, options taken off
    std::uint16_t path_mtu = 0;
    std::uint8_t send_scale = 0;
    Recovery recovery = Recovery::none;
    Retransmit retransmit = Retransmit::off;
    std::uint8_t keep_alives = 0;  // unanswered
    std::uint8_t shrinks = 0;      // timeouts in a row of full segments: a black hole?
    std::uint8_t progress_at = 0;  // una, in units of 8 KiB
    SendQueue queue;

    // ---- receiving
    std::uint32_t rcv_nxt = 0;     // in SYN-RECEIVED: IRS + 1
    std::uint32_t advertised = 0;  // right edge of the window that the peer knows of
    std::uint32_t last_ack = 0;    // RFC 7323 §4.3: Last.ACK.sent
    std::uint32_t ts_recent = 0;
    std::uint32_t ts_recent_s = 0;
    std::uint32_t ts_offset = 0;  // of our own timestamps, RFC 7323 §5.4
    std::uint32_t fin_seq = 0;
    SackBlock dsack;
    std::uint32_t unacked_bytes = 0;    // in order, not yet acknowledged
    std::uint16_t segment_bytes = 536;  // the peer's largest segment lately
    std::uint8_t receive_scale = 0;
    ReceiveQueue received;
    Reassembly reassembly;

    // ---- timers: instants, 0: off. One entry of the wheel stands for the earliest.
    std::uint64_t retransmit_due_us = 0;
    std::uint64_t reorder_due_us = 0;  // RFC 8985 §6.2
    std::uint64_t ack_due_us = 0;      // RFC 9293 §3.8.6.3
    std::uint64_t state_due_us = 0;    // handshake, keep-alive, FIN-WAIT-2, TIME-WAIT
    std::uint64_t armed_us = 0;
    // Instants of the past, in milliseconds of the same clock: their differences are right for 49
    // days.
    // Since when too little of what was written has been acknowledged: not all, and not kWorth from
    // progress_at on.
    std::uint32_t progress_ms = 0;
    std::uint32_t heard_ms = 0;         // the last segment from the peer
    std::uint32_t sent_ms = 0;          // the last data
    std::uint32_t path_lowered_ms = 0;  // since when path_mtu is less than the port's; 0: it is not

    // ---- loss
    Rto rto;
    Congestion congestion;
    Flight flight;

    Link ready;   // news for the application
    Link output;  // something to send
    Link age;     // free; or in TIME-WAIT, oldest first; or needy: starved, or window_cut. One of
                  // them at a time.
};

}  // namespace skerry::net::tcp
