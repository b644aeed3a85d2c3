// Two Stacks, a link between them and a clock that only moves when told to. Everything that the
// link does to frames comes from one seed, so that a run can be repeated.
#pragma once

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/net/neighbours.hpp"
#include "dataplane/net/tcp/stack.hpp"
#include "sandbox/base/check.hpp"
#include "tests/dataplane/frames.hpp"
#include "tests/dataplane/tcp/cutting_port.hpp"
#include "tests/dataplane/tcp/merging_port.hpp"

namespace skerry::net::tcp::test {

using frames::ip;

// Packet buffers that are all back at the end, or the test has failed.
class Mempool {
  public:
    explicit Mempool(unsigned mbufs = 8191) {
        static int count = 0;
        const std::string name = "tcp-test-" + std::to_string(count++);
        pool_ = rte_pktmbuf_pool_create(name.c_str(), mbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                        SOCKET_ID_ANY);
        SKERRY_CHECK(pool_ != nullptr);
    }
    ~Mempool() {
        EXPECT_EQ(rte_mempool_in_use_count(pool_), 0u) << "packet buffers were lost";
        rte_mempool_free(pool_);
    }
    Mempool(const Mempool&) = delete;
    rte_mempool* get() const { return pool_; }

  private:
    rte_mempool* pool_;
};

struct LinkRules {
    std::uint64_t delay_us = 1000;
    double loss = 0;
    double duplicate = 0;
    double reorder = 0;                      // this many are held back for up to three delays
    double corrupt = 0;                      // one bit is flipped
    std::uint64_t bytes_per_s = 0;           // 0: no limit
    std::uint32_t queue_bytes = 256 * 1024;  // of bytes_per_s
    std::uint32_t mtu = 9000;                // larger frames are dropped without a word
};

// One end: address, port, stack.
class Host {
  public:
    Host(const std::string& v4, const std::string& v6, std::uint8_t mac, rte_mempool* pool,
         const Options& options, std::uint64_t now_us)
        : pool_(pool), counters_(std::make_unique<CoreCounters>()) {
        addresses_ = {{ip(v4), 24}, {ip(v6), 64}};
        view_.mac = MacAddress{{2, 0, 0, 0, 0, mac}};
        view_.tcp = true;
        view_.addresses = addresses_;
        start(options, now_us);
    }
    void start(const Options& options, std::uint64_t now_us) {
        Environment environment;
        environment.ports = {&view_, 1};
        environment.pool = pool_;
        environment.counters = counters_.get();
        environment.sink = {[](void* self, rte_mbuf* frame, std::uint8_t) {
                                static_cast<Host*>(self)->send(frame);
                            },
                            this};
        stack.reset();
        auto created = Stack::create(options, environment, now_us);
        SKERRY_CHECK(bool(created));
        stack = std::move(created).value();
    }
    ~Host() {
        stack.reset();
        for (rte_mbuf* frame : out_) rte_pktmbuf_free(frame);
    }
    // As one burst with all that comes before take_burst().
    void receive(rte_mbuf* mbuf) {
        if (!merging_) return classified(mbuf);
        merging_->take(mbuf, merged_);
        take_merged();
    }
    // From now on it puts segments together (LRO).
    void port_merges(std::uint64_t seed) {
        view_.lro = true;
        merging_ = std::make_unique<MergingPort>(seed);
    }
    std::uint64_t merged_frames() const { return merging_->merged(); }
    void classified(rte_mbuf* mbuf) {
        const Frame frame = classify(mbuf, 0, view_, 4600, neighbours_, 0);
        if (frame.kind == FrameKind::tcp || frame.kind == FrameKind::tcp_error) {
            burst_.push_back({mbuf, frame});
        } else {
            counters_->count(frame.reason);
            rte_pktmbuf_free(mbuf);
        }
    }
    // From now on it makes checksums, and cuts (TSO).
    void port_cuts(std::uint32_t tso_bytes) {
        view_.tx_ip_checksum = view_.tx_tcp_checksum = true;
        view_.tso_bytes = tso_bytes;
    }
    std::uint64_t cut_frames() const { return cut_frames_; }

    void take_burst(std::uint64_t now_us) {
        if (merging_) {
            merging_->finish(merged_);
            take_merged();
        }
        stack->input(burst_, now_us);
        burst_.clear();
    }
    std::uint64_t count(Reason reason) const {
        return counters_->reasons[static_cast<std::size_t>(reason)].get();
    }
    IpAddress address(bool v6) const { return addresses_[v6 ? 1 : 0].address; }
    const MacAddress& mac() const { return view_.mac; }
    std::vector<rte_mbuf*> take_out() { return std::exchange(out_, {}); }
    PortView& view() { return view_; }
    CoreCounters& counters() { return *counters_; }

    std::unique_ptr<Stack> stack;

  private:
    void take_merged() {
        for (rte_mbuf* frame : merged_) classified(frame);
        merged_.clear();
    }
    void send(rte_mbuf* frame) {
        cut_frames_ += (frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
        if (view_.tx_tcp_checksum) {
            CuttingPort::send(frame, pool_, out_);
        } else {
            out_.push_back(frame);
        }
    }

    rte_mempool* pool_;
    std::uint64_t cut_frames_ = 0;
    std::unique_ptr<CoreCounters> counters_;
    std::vector<IpPrefix> addresses_;
    PortView view_;
    Neighbours neighbours_;
    std::vector<Arrived> burst_;
    std::vector<rte_mbuf*> out_;
    std::unique_ptr<MergingPort> merging_;
    std::vector<rte_mbuf*> merged_;
};

inline Options default_options() {
    Options options;
    options.limits.connections = 1024;
    options.limits.send_blocks = 4096;
    options.limits.flights = 8192;
    options.limits.core_receive_bytes = 8u << 20;
    options.secret = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    return options;
}

class World {
  public:
    explicit World(const Options& client_options = default_options(),
                   const Options& server_options = default_options(), std::uint64_t seed = 1)
        : random(seed),
          client("10.0.0.1", "2001:db8::1", 1, pool.get(), client_options, now_us),
          server("10.0.0.2", "2001:db8::2", 2, pool.get(), server_options, now_us) {}
    ~World() {
        for (auto& [due, frame] : wire_) rte_pktmbuf_free(frame.mbuf);
    }

    // Called at each step, before flush(): the applications.
    std::function<void()> applications = [] {};
    // Sees each frame that is put on the wire, and may say that it is to be lost.
    std::function<bool(rte_mbuf*, bool to_server)> watch;

    Handle connect(std::uint16_t port, bool v6 = false) {
        return client.stack->connect({.local = client.address(v6),
                                      .peer = server.address(v6),
                                      .next_hop = server.mac(),
                                      .peer_port = port},
                                     now_us);
    }

    // Until `done`, or until `limit_us` more have passed. false: they have.
    bool run(const std::function<bool()>& done, std::uint64_t limit_us) {
        const std::uint64_t end = now_us + limit_us;
        while (true) {
            step();
            if (done()) return true;
            const std::uint64_t next = next_us();
            if (next > end) {
                now_us = end;
                step();
                return done();
            }
            now_us = std::max(next, now_us + 1);
        }
    }
    void run_for(std::uint64_t us) {
        run([] { return false; }, us);
    }

    void step() {
        while (!wire_.empty() && wire_.begin()->first <= now_us) {
            const Flying flying = wire_.begin()->second;
            wire_.erase(wire_.begin());
            (flying.to_server ? server : client).receive(flying.mbuf);
        }
        for (Host* host : {&client, &server}) host->take_burst(now_us);
        for (Host* host : {&client, &server}) host->stack->advance(now_us, 4096);
        applications();
        for (Host* host : {&client, &server}) {
            host->stack->flush(now_us, 1024);
            for (rte_mbuf* frame : host->take_out()) put_on_wire(frame, host == &client);
        }
    }

    std::uint64_t now_us = 1'000'000'000;
    std::mt19937_64 random;
    Mempool pool;
    LinkRules rules;       // to the server …
    LinkRules rules_back;  // … and to the client
    Host client;
    Host server;

    void both(const LinkRules& r) { rules = rules_back = r; }

  private:
    struct Flying {
        rte_mbuf* mbuf;
        bool to_server;
    };
    bool chance(double p) { return p > 0 && std::uniform_real_distribution<>(0, 1)(random) < p; }

    void put_on_wire(rte_mbuf* frame, bool to_server) {
        const LinkRules& r = to_server ? rules : rules_back;
        if ((watch && !watch(frame, to_server)) || chance(r.loss) || frame->pkt_len > r.mtu + 14u) {
            rte_pktmbuf_free(frame);
            return;
        }
        std::uint64_t& line = line_free_us_[to_server];
        std::uint64_t due = now_us;
        if (r.bytes_per_s != 0) {
            line = std::max(line, now_us);
            if ((line - now_us) * r.bytes_per_s / 1'000'000 > r.queue_bytes) {
                rte_pktmbuf_free(frame);
                return;
            }
            line += frame->pkt_len * 1'000'000ull / r.bytes_per_s;
            due = line;
        }
        due += r.delay_us;
        if (chance(r.duplicate)) {
            rte_mbuf* copy = rte_pktmbuf_copy(frame, pool.get(), 0, frame->pkt_len);
            if (copy != nullptr)
                wire_.emplace(due + random() % (r.delay_us + 1), Flying{copy, to_server});
        }
        if (chance(r.corrupt)) {
            // Behind the link's header: that is covered by the frame check sequence of real links,
            // and a changed source address would be believed.
            auto* bytes = rte_pktmbuf_mtod_offset(frame, std::uint8_t*, 14);
            bytes[random() % (frame->data_len - 14u)] ^=
                static_cast<std::uint8_t>(1u << random() % 8);
        }
        if (chance(r.reorder)) due += random() % (3 * r.delay_us + 1);
        wire_.emplace(due, Flying{frame, to_server});
    }

    std::uint64_t next_us() const {
        std::uint64_t next = ~std::uint64_t{0};
        if (!wire_.empty()) next = wire_.begin()->first;
        return std::min({next, client.stack->next_due_us(), server.stack->next_due_us()});
    }

    std::multimap<std::uint64_t, Flying> wire_;
    std::uint64_t line_free_us_[2] = {0, 0};
};

// A stream of bytes that is what its position says, so that neither side keeps it.
inline std::uint8_t byte_at(std::uint64_t position, std::uint64_t seed) {
    std::uint64_t x = (position / 8 + seed) * 0x9e3779b97f4a7c15ull;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9ull;
    return static_cast<std::uint8_t>(x >> (position % 8 * 8));
}

// One side of a connection: writes `to_send` bytes of a stream, checks each byte that comes against
// the peer's stream, and shuts down its half when all is written.
struct Pump {
    Stack* stack = nullptr;
    Handle handle;
    std::uint64_t to_send = 0;
    std::uint64_t seed = 0;
    std::uint64_t peer_seed = 0;
    std::uint32_t read_limit = ~0u;  // bytes taken in one turn
    bool shut_when_written = true;

    std::uint64_t written = 0;
    std::uint64_t received = 0;
    bool shut = false;
    bool peer_closed = false;
    bool closed = false;
    bool wrong = false;
    Reason reason = Reason::tcp_closed_done;

    void take(const Event& event) {
        if (event.bits & kPeerClosed) peer_closed = true;
        if (event.bits & kClosed) {
            closed = true;
            reason = event.reason;
            handle = {};
        }
    }
    void turn() {
        if (!handle) return;
        read();
        std::uint8_t chunk[4096];
        while (written < to_send) {
            const std::size_t n = std::min<std::uint64_t>(sizeof chunk, to_send - written);
            if (stack->writable_bytes(handle) == 0) break;
            for (std::size_t i = 0; i < n; ++i) chunk[i] = byte_at(written + i, seed);
            const std::uint32_t took = stack->write(handle, {chunk, n});
            written += took;
            if (took < n) break;
        }
        if (written == to_send && !shut && shut_when_written) {
            shut = true;
            stack->shutdown(handle);
        }
    }
    void read() {
        std::uint32_t left = read_limit;
        while (left != 0) {
            std::span<const std::uint8_t> spans[8];
            const std::uint32_t n = stack->read(handle, spans);
            std::uint32_t taken = 0;
            for (std::uint32_t i = 0; i < n && left != 0; ++i) {
                const auto use =
                    static_cast<std::uint32_t>(std::min<std::size_t>(left, spans[i].size()));
                for (std::uint32_t k = 0; k < use; ++k)
                    wrong |= spans[i][k] != byte_at(received + k, peer_seed);
                received += use;
                taken += use;
                left -= use;
            }
            if (taken == 0) return;
            stack->consume(handle, taken);
        }
    }
};

// A client and a server that pump both ways over one connection.
struct Exchange {
    explicit Exchange(World& w, std::uint64_t client_bytes, std::uint64_t server_bytes,
                      bool v6 = false)
        : world(w) {
        client.stack = w.client.stack.get();
        server.stack = w.server.stack.get();
        client.to_send = client_bytes;
        server.to_send = server_bytes;
        client.seed = server.peer_seed = 11;
        server.seed = client.peer_seed = 22;
        w.server.stack->listen(80);
        connecting = w.connect(80, v6);
        w.applications = [this] { turn(); };
    }
    void turn() {
        Event events[16];
        for (std::uint32_t n = client.stack->poll(events), i = 0; i < n; ++i) {
            if (events[i].bits & kConnected) client.handle = events[i].connection;
            client.take(events[i]);
        }
        for (std::uint32_t n = server.stack->poll(events), i = 0; i < n; ++i) {
            if (events[i].bits & kAccepted) server.handle = events[i].connection;
            server.take(events[i]);
        }
        client.turn();
        server.turn();
    }
    bool done() const {
        return client.received == server.to_send && server.received == client.to_send &&
               client.peer_closed && server.peer_closed;
    }
    void close() {
        client.stack->close(client.handle);
        server.stack->close(server.handle);
        client.handle = server.handle = {};
    }
    World& world;
    Handle connecting;
    Pump client, server;
};

}  // namespace skerry::net::tcp::test
