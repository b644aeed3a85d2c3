// The implementation of Stack: the tables of one core and the procedures over them, which are
// spread over the files of this folder by what they are about. Internal to dataplane/net/tcp.
#pragma once

#include <array>
#include <memory>

#include "dataplane/net/tcp/asked.hpp"
#include "dataplane/net/tcp/connection.hpp"
#include "dataplane/net/tcp/isn.hpp"
#include "dataplane/net/tcp/segment.hpp"
#include "dataplane/net/tcp/syn_budget.hpp"
#include "dataplane/net/tcp/table.hpp"
#include "dataplane/net/tcp/wheel.hpp"

namespace skerry::net::tcp {

inline constexpr std::uint32_t kListeners = 16;
inline constexpr std::uint32_t kStuckUs = 1000;  // until those who found no packet buffer try again
inline constexpr std::uint32_t kSegmentsATurn = 8;  // of one connection, before the next one's turn
inline constexpr std::uint32_t kMaxBackoffRtoUs = 60'000'000;
inline constexpr std::uint32_t kCopyBytes = 512;  // less is copied to what lies before it
// What a peer must take within user_us, or all there is: who takes a byte at a time is as good as
// gone.
inline constexpr std::uint8_t kWorth = 8;  // of 8 KiB
// Of a connection's, while more than half of the core's blocks are in use: so that those who read
// slowly leave something to all the others.
inline constexpr std::uint32_t kScarceSendBytes = 16 * 1024;

struct Listener {
    std::uint16_t port = 0;
    bool open = false;
    std::uint32_t half_open = 0;
    std::uint32_t backlog = 0;
};

// At most `limit` a second.
struct RateLimit {
    std::uint64_t second = ~std::uint64_t{0};
    std::uint32_t count = 0;
    bool allow(std::uint64_t now_us, std::uint32_t limit) {
        if (now_us / 1'000'000 != second) {
            second = now_us / 1'000'000;
            count = 0;
        }
        return count < limit && ++count != 0;
    }
};

class Core {
  public:
    Core(const Options& options, const Environment& environment, std::uint64_t now_us);
    ~Core();

    // ---- stack.cpp, application.cpp: what Stack says
    void input(std::span<const Arrived> burst, std::uint64_t now_us);
    std::uint32_t advance(std::uint64_t now_us, std::uint32_t budget);
    bool flush(std::uint64_t now_us, std::uint32_t budget);
    bool listen(std::uint16_t port);
    void unlisten(std::uint16_t port);
    Handle connect(const Connect& to, std::uint64_t now_us);
    std::uint32_t poll(std::span<Event> events);
    std::uint32_t write(Connection& c, std::span<const std::uint8_t> bytes);
    void want_writable(Connection& c);
    std::uint32_t room(const Connection& c) const;
    std::uint32_t send_limit() const;
    bool blocks_scarce() const;
    void consume(Connection& c, std::uint32_t bytes);
    void shutdown(Connection& c);
    void close(Connection& c);
    void abort(Connection& c, Reason reason);
    Info info(const Connection& c) const;
    Connection* find(Handle handle) {
        if (handle.index >= limits.connections) return nullptr;
        Connection& c = connections[handle.index];
        return c.used && c.owned && c.generation == handle.generation ? &c : nullptr;
    }
    std::uint32_t index(const Connection& c) const {
        return static_cast<std::uint32_t>(&c - connections.get());
    }
    void update_gauges();

    // ---- input.cpp: RFC 9293 §3.10.7. Those that take an mbuf say whether they kept it.
    struct Sought {
        std::uint32_t hash;
        bool likely;  // something of this hash was there when the burst began
        bool is_new;  // there is no connection
    };
    void fetch(std::span<const Arrived> some, std::span<Sought> sought) const;
    bool input(rte_mbuf* mbuf, const Frame& frame, const Sought& sought);
    bool without_connection(const Frame& frame, const Segment& segment, rte_mbuf* mbuf);
    bool process(Connection& c, const Frame& frame, const Segment& segment, rte_mbuf* mbuf);
    bool new_incarnation(const Connection& c, const Segment& segment) const;
    bool acceptable(Connection& c, const Segment& segment);
    void answer_unacceptable(Connection& c, const Segment& segment);
    bool check_reset_and_syn(Connection& c, const Segment& segment);
    bool stray(const Frame& frame, const Segment& segment, Reason reason, rte_mbuf* mbuf);
    bool reset(const Path& path, const Segment& segment, rte_mbuf* mbuf);
    void heard(Connection& c);

    // ---- handshake.cpp: LISTEN, SYN-SENT, SYN-RECEIVED
    bool begin(const Frame& frame, const Segment& syn, Listener& listener, rte_mbuf* mbuf);
    void take_syn(Connection& c, const Segment& syn);
    bool in_syn_sent(Connection& c, const Segment& segment, rte_mbuf* mbuf);
    bool complete_handshake(Connection& c, const Frame& frame, const Segment& segment);
    bool admitted(Connection& c, const Segment& segment);
    void become_established(Connection& c, std::uint8_t event);
    std::uint32_t round_trip_of_syn(const Connection& c) const;
    void sample_handshake(Connection& c, const Segment& segment);
    Listener* listener_of(std::uint16_t port);
    bool taken(const Path& path) const;
    bool choose_port(Path& path);
    // cookies.cpp
    bool cookies_wanted(const Listener& listener) const;
    struct CookieNumbers {
        std::uint32_t cookie, timestamp_offset;
    };
    static std::uint8_t cookie_mss_of(const Path& path, const Segment& syn);
    CookieNumbers cookie_numbers(const Path& path, const Segment& syn) const;
    bool send_cookie(const Path& path, const Segment& syn, const CookieNumbers& numbers,
                     rte_mbuf* mbuf);
    bool finish_cookie(const Frame& frame, const Segment& segment, Listener& listener,
                       rte_mbuf* mbuf);
    // flood.cpp
    std::size_t answer_flood(std::span<rte_mbuf*> burst, std::uint8_t port, std::uint64_t now_us);
    void answer_some(std::span<rte_mbuf*> some, std::uint8_t port);
    bool any_wants_cookies() const;
    bool within_budget(const Path& path);
    std::size_t keep_to_budget(std::span<rte_mbuf*> some);
    std::size_t read_asked(std::span<rte_mbuf* const> some, std::size_t likely, std::uint8_t port);
    void seek(std::size_t count);
    void number(std::size_t count);

    // ---- acknowledge.cpp: RFC 9293 §3.10.7.4 step 5, RFC 5681, 6675, 8985
    bool acknowledge(Connection& c, const Segment& segment);
    void update_window(Connection& c, const Segment& segment);
    void acknowledged(Connection& c, const Segment& segment, bool duplicate);
    AckInput ack_input(const Connection& c, const Segment& segment, bool duplicate) const;
    void sample_round_trip(Connection& c, const Segment& segment, const Acked& acked,
                           bool advances);
    void grow(Connection& c, const Segment& segment, const Acked& acked, std::uint32_t pipe_before,
              bool advances);
    void undo(Connection& c);
    // What is lost by now is sent again in slow start's order, but the window stays as it is.
    void resend_without_blame(Connection& c) {
        if (c.flight.empty()) return;
        c.flight.timeout(flights, loss_input(c));
        c.recovery = Recovery::timeout;
        c.recover = c.nxt;
    }
    void drop_acknowledged(Connection& c, std::uint32_t ack);
    void fin_acknowledged(Connection& c);
    void detect_losses(Connection& c);
    void enter_recovery(Connection& c);
    LossInput loss_input(const Connection& c) const {
        return {now_us, c.rto.srtt_us, c.rto.min_rtt_us, c.recovery != Recovery::none};
    }

    // ---- receive.cpp
    bool take_payload(Connection& c, const Segment& segment, rte_mbuf* mbuf);
    bool take_in_order(Connection& c, rte_mbuf* mbuf);
    void came_in_order(Connection& c, std::uint32_t bytes);
    void advance_in_order(Connection& c, std::uint32_t bytes);
    bool append_in_order(Connection& c, rte_mbuf* mbuf);
    void peer_finished(Connection& c);
    std::uint32_t window(const Connection& c) const;
    void note_window(Connection& c);
    // merged.cpp
    void note_segment_bytes(Connection& c, std::uint32_t payload_bytes, const rte_mbuf* mbuf);
    void take_merged(Connection& c, rte_mbuf* mbuf, std::uint32_t skip, std::uint32_t seq,
                     std::uint32_t end);
    // ---- reassembly.cpp
    enum class Held : std::uint8_t {
        kept,
        copied,  // behind what lies before it
        known,   // all of it is there already
        full,    // no room
    };
    void note_duplicate(Connection& c, std::uint32_t left, std::uint32_t right);
    void note_recent(Connection& c, std::uint32_t seq);
    bool keep_out_of_order(Connection& c, std::uint32_t seq, rte_mbuf* mbuf);
    Held insert_out_of_order(Connection& c, std::uint32_t seq, rte_mbuf* mbuf, bool note = true);
    void take_from_reassembly(Connection& c);
    void drop_reassembly(Connection& c);
    std::uint32_t sack_blocks(Connection& c, std::span<SackBlock> blocks_out);
    void charge(Connection& c, const rte_mbuf* mbuf);
    void release(Connection& c, rte_mbuf* mbuf);
    void drop_received(Connection& c);

    // ---- output.cpp
    enum class Sent : std::uint8_t { done, more, blocked };
    Sent output(Connection& c, std::uint32_t quota, std::uint32_t& sent);
    Sent finish_output(Connection& c, Sent result, bool new_data);
    void before_first(Connection& c);
    bool may_retransmit(const Connection& c, std::uint32_t id) const;
    bool feed_needy();
    bool still_cut(const Connection& c) const;
    std::uint32_t unsent_bytes(const Connection& c) const;
    bool fin_unsent(const Connection& c) const;
    // The sequence number after the last byte written: that of the FIN. Until the FIN is
    // acknowledged.
    static std::uint32_t data_end(const Connection& c) { return c.una + c.queue.bytes(); }
    bool retransmit_one(Connection& c, std::uint32_t id);
    struct Room {
        std::uint32_t window, congestion;  // bytes that each of them lets go
        bool network_empty;
    };
    Room room_to_send(const Connection& c) const;
    std::uint32_t next_new_bytes(Connection& c, bool& fin);
    std::uint32_t segments_at_once(const Connection& c, std::uint32_t most) const;
    bool send_new(Connection& c, std::uint32_t bytes, bool fin, std::uint32_t segments = 1);
    void want_output(Connection& c) { output_list.push(connections.get(), index(c)); }
    void acknowledge_now(Connection& c) {
        c.ack_now = true;
        want_output(c);
    }

    // ---- emit.cpp: segments as frames. false: no packet buffer.
    bool emit_data(Connection& c, std::uint32_t seq, std::uint32_t end);
    static std::uint32_t acceptable_seq(const Connection& c);
    bool emit_ack(Connection& c);
    void emit_keep_alive(Connection& c);
    bool emit_syn(Connection& c);
    void emit_reset(Connection& c);
    void challenge(Connection& c);
    bool emit(const Path& path, Segment segment, Connection* from, std::uint32_t offset,
              std::uint32_t bytes);
    bool emit_in(rte_mbuf* used, const Path& path, Segment segment);
    bool add_payload(rte_mbuf* mbuf, Connection& from, std::uint32_t offset, std::uint32_t bytes);
    void send(rte_mbuf* mbuf, const Path& path, std::uint64_t header_sum,
              std::uint16_t cut_bytes = 0);
    void fill_header(Connection& c, Segment& segment);
    std::uint32_t timestamp_now(const Connection& c) const {
        return static_cast<std::uint32_t>(now_us / 1000) + c.ts_offset;
    }

    // ---- timers.cpp
    void schedule(Connection& c);
    void restart_retransmit_timer(Connection& c);
    void expire(Connection& c);
    void on_retransmit(Connection& c);
    void on_timeout(Connection& c);
    void on_tail_probe(Connection& c);
    void on_window_probe(Connection& c);
    void on_state(Connection& c);
    void begin_progress(Connection& c) {
        c.progress_ms = clock_ms();
        c.progress_at = units(c.una);
    }
    static std::uint8_t units(std::uint32_t seq) { return static_cast<std::uint8_t>(seq >> 13); }
    static bool has_taken_enough(const Connection& c) {
        return c.queue.bytes() == 0 ||
               static_cast<std::uint8_t>(units(c.una) - c.progress_at) >= kWorth;
    }
    bool too_slow(const Connection& c) const { return since_us(c.progress_ms) >= options.user_us; }
    void restart_keep_alive(Connection& c);

    // ---- lifecycle.cpp
    std::uint32_t hash_of(const Path& path) const;
    Connection* allocate(const Path& path);
    void enter_time_wait(Connection& c);
    void left(const Connection& c) {
        if (gate.gone != nullptr) gate.gone(gate.context, index(c));
    }
    void finish(Connection& c, Reason reason);  // → CLOSED, told if owned, freed if not
    void free_connection(Connection& c);
    void disown(Connection& c);
    void tell(Connection& c, std::uint8_t bits);
    void tell_writable(Connection& c);

    // ---- path_mtu.cpp
    void path_error(const Frame& frame);
    void set_path_mtu(Connection& c, std::uint16_t mtu);
    void recompute_mss(Connection& c);
    void suspect_black_hole(Connection& c);
    void raise_path_mtu(Connection& c);
    std::uint16_t port_mtu(const Path& path) const;
    std::uint16_t offered_mss(const Path& path) const;

    void count(Reason reason) { counters.count(reason); }
    std::uint32_t clock_ms() const { return static_cast<std::uint32_t>(now_us / 1000); }
    std::uint64_t since_us(std::uint32_t instant_ms) const {
        return std::uint64_t{clock_ms() - instant_ms} * 1000;
    }

    const Options options;
    const Limits limits;
    const std::span<const PortView> ports;
    rte_mempool* const pool;
    CoreCounters& counters;
    const Sink sink;
    const Gate gate;
    const std::uint32_t pool_payload_bytes;  // what one mbuf of the pool has room for, headroom off
    const SipKey table_key, sequence_key, timestamp_key, cookie_key;
    const std::uint8_t receive_scale;

    std::uint64_t now_us;
    std::unique_ptr<Connection[]> connections;
    Table table;
    Wheel wheel;
    BlockPool blocks;
    FlightPool flights;
    std::array<Listener, kListeners> listeners;
    List<Connection, &Connection::age> free_list;
    List<Connection, &Connection::age> time_waits;
    List<Connection, &Connection::ready> ready_list;
    List<Connection, &Connection::output> output_list;
    List<Connection, &Connection::age> needy;
    SynBudget syn_budget;
    RateLimit resets;
    RateLimit challenges;
    std::uint64_t receive_charged = 0;
    std::uint64_t reassembly_charged = 0;  // of these, out of order
    std::uint32_t reassembly_mbufs = 0;
    std::uint32_t next_ephemeral = 0;
    std::uint32_t used_count = 0;
    std::uint64_t cookie_sent_us = 0;  // the last one; 0: never
    std::uint64_t stuck_until_us = 0;  // nothing of output_list could be sent; 0: it could
    Asked asked;                       // what flood.cpp works on
    Stats stats;
};

}  // namespace skerry::net::tcp
