// TCP of one core: connections in, bytes out (RFC 9293). The whole contract between the packet
// path, the connections and what speaks over them.
//
// A Stack is owned by one core and shares nothing. It does no I/O and reads no clock: frames and
// time come in, frames go out through a Sink. Everything is allocated in create(); afterwards full
// is a counted answer (Limits below), never a wait. One turn of its core is
//
//     input() for each frame of the burst, advance(), poll() and the application's calls, flush()
//
// and only flush() sends what the turn's reads and writes left to send (so acknowledgements ride on
// answers), except for what must go out at once: duplicate acknowledgements, resets, handshakes.
//
// Times are microseconds of any clock that never goes back. All numbers are in host order.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/counters.hpp"
#include "dataplane/net/frame.hpp"
#include "dataplane/net/tcp/congestion.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::net::tcp {

// A connection. Never reused: a call with the handle of a connection that is gone does nothing and
// says so (0, false).
struct Handle {
    std::uint32_t index = ~0u;
    std::uint32_t generation = 0;
    bool operator==(const Handle&) const = default;
    explicit operator bool() const { return index != ~0u; }
};

// What happened to a connection since it was last told of. Bits, because things happen together.
enum EventBits : std::uint8_t {
    kAccepted = 1,     // a client's handshake is done; the first event of its connection
    kConnected = 2,    // connect() succeeded
    kReadable = 4,     // more bytes have come (told once for them: read all, or call again())
    kWritable = 8,     // write() took less than it was given, or want_writable(): half is free
    kPeerClosed = 16,  // everything has been received, the peer sends no more; we still may
    kClosed = 32,      // it is over, for `reason`; the handle is dead, nothing more will be said
};

struct Event {
    Handle connection;
    std::uint8_t bits = 0;
    Reason reason = Reason::tcp_closed_done;  // of kClosed
    std::uint16_t local_port = 0;             // of kAccepted: which listener
    std::uint64_t tag = 0;                    // what set_tag() said
};

struct Limits {
    std::uint32_t connections = 65536;                    // in any state, TIME-WAIT included
    std::uint32_t connection_receive_bytes = 256 * 1024;  // the largest window we offer
    std::uint32_t connection_send_bytes = 256 * 1024;     // written and not yet acknowledged
    std::uint64_t core_receive_bytes = 64ull << 20;       // all windows shrink as this fills
    std::uint32_t send_blocks = 16384;                    // of kBlockBytes: all that is written
    std::uint32_t flights = 65536;         // segments sent and not yet acknowledged, of the core
    std::uint32_t reassembly_mbufs = 256;  // out of order, of one connection
    std::uint32_t half_open = 1024;  // handshakes of clients that are not done, of one listener
    std::uint32_t backlog = 1024;    // done, and not yet told by poll(), of one listener
    // With cookies, of the core; beyond them those who ask again, as many once more
    // (syn_budget.hpp).
    std::uint32_t cookies_per_second = 100'000;
    std::uint32_t challenges_per_second = 1000;  // RFC 5961 §7, of the core
    std::uint32_t resets_per_second = 1000;      // to segments of no connection
};
inline constexpr std::uint32_t kBlockBytes = 2048;

struct Options {
    Limits limits;
    CongestionControl congestion = CongestionControl::cubic;
    bool timestamps = true;
    bool sack = true;
    bool window_scaling = true;
    bool delayed_ack = true;
    bool nagle = false;
    bool always_cookies = false;              // for tests: as if half_open were 0
    std::uint32_t delayed_ack_us = 40'000;    // RFC 9293 §3.8.6.3: at most 0.5 s
    std::uint32_t min_rto_us = 200'000;       // RFC 6298 §2.4 says 1 s; as all of today's stacks
    std::uint32_t time_wait_us = 60'000'000;  // 2 MSL
    std::uint32_t fin_wait_us = 60'000'000;   // FIN-WAIT-2 after close()
    std::uint32_t keep_alive_us = 0;          // idle time before the first probe; 0: none
    std::uint32_t keep_alive_interval_us = 75'000'000;
    std::uint32_t keep_alive_probes = 9;
    std::uint32_t connect_us = 30'000'000;    // SYN without an answer
    std::uint32_t half_open_us = 15'000'000;  // SYN-ACK without an answer
    // In which a peer must take all that was written, or 64 KiB of it; windows kept at zero count.
    std::uint32_t user_us = 120'000'000;
    std::uint16_t ephemeral_first = 32768;  // local ports of connect()
    std::uint16_t ephemeral_last = 60999;
    std::array<std::uint8_t, 16> secret{};  // keys tables, sequence numbers, cookies: random
};

// Where complete frames go: at once, from within any call but create(). The mbuf is the sink's.
struct Sink {
    void (*send)(void* context, rte_mbuf* frame, std::uint8_t port) = nullptr;
    void* context = nullptr;
};

// Who may have connections: asked when a client's handshake is done, and so its address proved.
// Refused, it is reset (within resets_per_second) and nobody hears of it.
struct Gate {
    bool (*admit)(void* context, std::uint32_t connection,
                  const Path& path) = nullptr;  // none: all
    // Of one that was admitted: it is over, or in TIME-WAIT. Perhaps twice; of others as well.
    void (*gone)(void* context, std::uint32_t connection) = nullptr;
    void* context = nullptr;
};

struct Environment {
    std::span<const PortView> ports;
    rte_mempool* pool = nullptr;  // of what is sent; segments of any size must fit one mbuf
    CoreCounters* counters = nullptr;
    Sink sink;
    Gate gate = {};
};

// What is counted beside reasons. One writer, any number of readers.
struct Stats {
    Gauge connections, time_waits, ready;
    Gauge receive_bytes, send_blocks_used, flights_used, reassembly_mbufs;
    Counter accepted, connected, closed;
    Counter segments_in, segments_out, bytes_in, bytes_out;  // bytes of payload, first time sent
    Counter retransmitted_segments, fast_recoveries, timeouts, tail_probes, spurious;
    Counter window_probes, keep_alives, acks_delayed, duplicate_acks_in, out_of_order_in;
};

enum class State : std::uint8_t {  // RFC 9293 §3.3.2; LISTEN is not a connection here
    closed,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    close_wait,
    closing,
    last_ack,
    time_wait,
};

struct Info {
    State state = State::closed;
    Path path;              // its UDP ports are the TCP ports
    std::uint32_t mss = 0;  // payload bytes of a full segment
    std::uint32_t smoothed_rtt_us = 0;
    std::uint32_t rto_us = 0;
    std::uint32_t congestion_window = 0;
    std::uint32_t in_flight_bytes = 0;
    std::uint32_t send_window = 0;
    std::uint32_t receive_window = 0;
    std::uint32_t unread_bytes = 0;
    std::uint32_t unsent_bytes = 0;
    std::uint32_t kept_bytes = 0;  // written and not yet acknowledged, the unsent ones among them
};

struct Connect {
    IpAddress local;  // one of the port's
    IpAddress peer;
    MacAddress next_hop;
    std::uint16_t peer_port = 0;
    std::uint16_t local_port = 0;  // 0: one of the ephemeral ones (RFC 6056 §3.3.3)
    std::uint16_t vlan_tci = 0;
    std::uint8_t port = 0;  // index of PortView
    std::uint64_t tag = 0;
};

// A frame that has arrived, as classify() sees it.
struct Arrived {
    rte_mbuf* mbuf = nullptr;
    Frame frame;
};

class Core;  // the implementation

class Stack {
  public:
    // Set-up: the only place that allocates. `environment.ports` must outlive the Stack.
    static Result<std::unique_ptr<Stack>> create(const Options& options,
                                                 const Environment& environment,
                                                 std::uint64_t now_us);
    ~Stack();  // frees every mbuf it holds; says nothing to peers

    // ---- the packet path

    // Frames that classify() called FrameKind::tcp or tcp_error, in the order in which they came.
    // The mbufs are the Stack's from here on. Many at once cost less than one after the other: what
    // they need of the tables is fetched while others are looked at.
    void input(std::span<const Arrived> burst, std::uint64_t now_us);
    void input(rte_mbuf* mbuf, const Frame& frame, std::uint64_t now_us) {
        const Arrived one{mbuf, frame};
        input({&one, 1}, now_us);
    }
    // The short way for a flood, ahead of classify(): of a burst as port `port` received it, plain
    // SYNs (plain_syn.hpp) of no connection, to a listener that answers with cookies now, are
    // answered as input() would answer them; their mbufs are the Stack's. All others are moved
    // together in their order; how many they are. Costs next to nothing while no cookies are sent.
    std::size_t answer_flood(std::span<rte_mbuf*> burst, std::uint8_t port, std::uint64_t now_us);
    // Timers that are due, at most `budget` of them. Returns how many there were.
    std::uint32_t advance(std::uint64_t now_us, std::uint32_t budget = 256);
    // Sends what is to be sent: at most `budget` segments, connections taking turns of a few each.
    // false: some is left for the next turn. What waits for packet buffers is not: next_due_us()
    // says when it is worth a turn.
    bool flush(std::uint64_t now_us, std::uint32_t budget = 256);
    // Nothing will be due before this instant; ~0: nothing at all. May be too early, never too
    // late.
    std::uint64_t next_due_us() const;

    // ---- the application. Nothing below sends by itself, but abort(): flush() does.

    // Accepts connections to any of our addresses. false: 16 ports are listened to already.
    bool listen(std::uint16_t port);
    // Refuses new ones from now on; connections that there are stay.
    void unlisten(std::uint16_t port);
    // A dead handle, if the table is full or no local port is free. kConnected or kClosed follows.
    Handle connect(const Connect& to, std::uint64_t now_us);

    // Connections with news, longest waiting first; how many. Each at most once in one call.
    std::uint32_t poll(std::span<Event> events);
    // Tell of this one again (kReadable), after all the others: for an application that stops
    // reading in the middle so that others get their turn.
    void again(Handle connection);
    bool set_tag(Handle connection, std::uint64_t tag);
    bool alive(Handle connection) const;
    Info info(Handle connection) const;

    // The first received bytes that were not consumed, where they lie; how many spans there are.
    // Valid until consume() or the end of the turn.
    std::uint32_t read(Handle connection, std::span<std::span<const std::uint8_t>> spans) const;
    std::uint32_t readable_bytes(Handle connection) const;
    // Done with the first `bytes` of them: their buffers are freed, the window opens.
    void consume(Handle connection, std::uint32_t bytes);

    // Copies as much as there is room for, and says how much that was. Less than asked:
    // kWritable will follow. 0 as well after shutdown().
    std::uint32_t write(Handle connection, std::span<const std::uint8_t> bytes);
    std::uint32_t writable_bytes(Handle connection) const;
    // kWritable as soon as half of what it may write is free: with the next poll(), if it is. That
    // is connection_send_bytes, or 16 KiB while more than half of the core's blocks are in use.
    void want_writable(Handle connection);

    // No more will be written: FIN after what has been. Reading goes on (half-close).
    void shutdown(Handle connection);
    // Done with it: FIN after what was written; the handle is dead at once and no event will
    // follow. What has been received and not been consumed, or comes from now on, can't be
    // delivered: the peer gets a reset for it (RFC 1122 §4.2.2.13). To end a connection gracefully
    // against a peer that still sends, shutdown(), consume to kPeerClosed, then close().
    void close(Handle connection);
    // RST now; what was written and not acknowledged is forgotten. The handle is dead at once.
    void abort(Handle connection);

    const Stats& stats() const;

  private:
    explicit Stack(std::unique_ptr<Core> core);
    std::unique_ptr<Core> core_;
};

}  // namespace skerry::net::tcp
