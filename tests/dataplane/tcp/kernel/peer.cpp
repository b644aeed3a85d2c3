// A Stack on a real port, for kernels to talk to: serves echo (port 7), discard (9) and silence
// (13: accepts, reads nothing), or connects to a kernel's echo server and checks what comes back.
// Ends on SIGTERM, or when its connections are done; says what it counted, as JSON.
#include <rte_ethdev.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <unordered_map>
#include <vector>

#include "dataplane/net/neighbours.hpp"
#include "dataplane/net/tcp/stack.hpp"
#include "dataplane/port/eal.hpp"
#include "dataplane/port/ports.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;
using namespace skerry::net;

constexpr std::uint16_t kEcho = 7, kDiscard = 9, kSilent = 13;

volatile std::sig_atomic_t ended = 0;

std::uint64_t now_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

// The stream a client of ours writes: what a byte is follows from where it is.
std::uint8_t byte_at(std::uint64_t position) {
    std::uint64_t x = (position / 8 + 77) * 0x9e3779b97f4a7c15ull;
    x ^= x >> 29;
    return static_cast<std::uint8_t>(x >> (position % 8 * 8));
}

struct Session {
    std::uint16_t port = 0;  // of the service; 0: a client of ours
    std::uint64_t written = 0;
    std::uint64_t read = 0;
    bool peer_closed = false;
};

class Peer {
  public:
    Peer(const PortView& view, rte_mempool* pool, const tcp::Options& options)
        : view_(view), tx_(256), counters_(std::make_unique<CoreCounters>()) {
        tcp::Environment environment;
        environment.ports = {&view_, 1};
        environment.pool = pool;
        environment.counters = counters_.get();
        environment.sink = {[](void* self, rte_mbuf* frame, std::uint8_t) {
                                static_cast<Peer*>(self)->send(frame);
                            },
                            this};
        auto made = tcp::Stack::create(options, environment, now_us());
        SKERRY_CHECK(bool(made));
        stack_ = std::move(made).value();
        for (const std::uint16_t port : {kEcho, kDiscard, kSilent}) stack_->listen(port);
    }

    void ask_for(const IpAddress& next_hop, rte_mempool* pool) {
        neighbours_.add({next_hop, 0});
        for (int i = 0; i < 200 && !neighbours_.find(0) && !ended; ++i) {
            rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
            if (mbuf != nullptr && build_neighbour_request(mbuf, next_hop, view_)) send(mbuf);
            flush();
            for (int k = 0; k < 20; ++k) turn();
        }
    }
    bool connect(const IpAddress& to, std::uint16_t port, std::uint64_t bytes) {
        const auto mac = neighbours_.find(0);
        const IpAddress* own = own_address(view_, to);
        if (!mac || own == nullptr) return false;
        const tcp::Handle handle = stack_->connect(
            {.local = *own, .peer = to, .next_hop = *mac, .peer_port = port}, now_us());
        if (!handle) return false;
        sessions_[handle.index] = {};
        bytes_ = bytes;
        ++open_;
        return true;
    }
    int open() const { return open_; }
    bool failed() const { return failed_; }

    void turn() {
        rte_mbuf* burst[32];
        const std::uint16_t n = rte_eth_rx_burst(view_.dpdk_port, 0, burst, 32);
        const std::uint64_t now = now_us();
        for (std::uint16_t i = 0; i < n; ++i) receive(burst[i], now);
        stack_->advance(now);
        tcp::Event events[64];
        const std::uint32_t count = stack_->poll(events);
        for (std::uint32_t i = 0; i < count; ++i) take(events[i]);
        stack_->flush(now_us());
        flush();
        if (n == 0 && count == 0) {
            const timespec nap{0, 50'000};
            nanosleep(&nap, nullptr);
        }
    }

    void report() const {
        const tcp::Stats& s = stack_->stats();
        std::printf(
            "{\"failed\": %s, \"retransmitted\": %lu, \"timeouts\": %lu, \"recoveries\": %lu, "
            "\"tail_probes\": %lu, \"spurious\": %lu, \"window_probes\": %lu, "
            "\"out_of_order\": %lu, \"connections\": %lu, \"segments_in\": %lu, "
            "\"segments_out\": %lu, \"bytes_out\": %lu, \"tx_full\": %lu",
            failed_ ? "true" : "false", s.retransmitted_segments.get(), s.timeouts.get(),
            s.fast_recoveries.get(), s.tail_probes.get(), s.spurious.get(), s.window_probes.get(),
            s.out_of_order_in.get(), s.connections.get(), s.segments_in.get(), s.segments_out.get(),
            s.bytes_out.get(), tx_full_);
        for (std::size_t i = 0; i < kReasonCount; ++i)
            if (counters_->reasons[i].get() != 0)
                std::printf(", \"%s\": %lu", kReasons[i].name.data(), counters_->reasons[i].get());
        std::printf("}\n");
        std::fflush(stdout);
    }

  private:
    void receive(rte_mbuf* mbuf, std::uint64_t now) {
        const Frame frame = skerry::net::classify(mbuf, 0, view_, 4600, neighbours_,
                                                  static_cast<std::uint16_t>(now / 1'000'000));
        if (frame.kind == FrameKind::tcp || frame.kind == FrameKind::tcp_error) {
            stack_->input(mbuf, frame, now);
            return;
        }
        counters_->count(frame.reason);
        if (frame.kind == FrameKind::transmit) {
            send(mbuf);
        } else {
            rte_pktmbuf_free(mbuf);
        }
    }
    void take(const tcp::Event& event) {
        const tcp::Handle handle = event.connection;
        if (event.bits & tcp::kAccepted) sessions_[handle.index] = {.port = event.local_port};
        Session& session = sessions_[handle.index];
        if (event.bits & tcp::kClosed) {
            if (session.port == 0) {
                std::fprintf(stderr, "closed: %s\n", info(event.reason).name.data());
                failed_ |= session.read != bytes_;
                --open_;
            }
            sessions_.erase(handle.index);
            return;
        }
        if (event.bits & tcp::kPeerClosed) session.peer_closed = true;
        switch (session.port) {
            case kEcho:
                return echo(handle, session);
            case kDiscard:
                stack_->consume(handle, stack_->readable_bytes(handle));
                if (session.peer_closed) stack_->close(handle);
                return;
            case kSilent:
                return;
            default:
                return client(handle, session);
        }
    }
    void echo(tcp::Handle handle, const Session& session) {
        std::span<const std::uint8_t> spans[16];
        while (const std::uint32_t n = stack_->read(handle, spans)) {
            std::uint32_t done = 0;
            for (std::uint32_t i = 0; i < n; ++i) {
                const std::uint32_t took = stack_->write(handle, spans[i]);
                done += took;
                if (took < spans[i].size()) break;
            }
            stack_->consume(handle, done);
            if (done == 0) return;
        }
        if (session.peer_closed) stack_->close(handle);
    }
    void client(tcp::Handle handle, Session& session) {
        std::uint8_t chunk[4096];
        while (session.written < bytes_) {
            const std::size_t n = std::min<std::uint64_t>(sizeof chunk, bytes_ - session.written);
            if (stack_->writable_bytes(handle) < n) {
                stack_->want_writable(handle);
                break;
            }
            for (std::size_t i = 0; i < n; ++i) chunk[i] = byte_at(session.written + i);
            session.written += stack_->write(handle, {chunk, n});
            if (session.written == bytes_) stack_->shutdown(handle);
        }
        std::span<const std::uint8_t> spans[16];
        while (const std::uint32_t n = stack_->read(handle, spans)) {
            std::uint32_t done = 0;
            for (std::uint32_t i = 0; i < n; ++i)
                for (const std::uint8_t byte : spans[i]) {
                    failed_ |= byte != byte_at(session.read++);
                    ++done;
                }
            stack_->consume(handle, done);
        }
        if (!session.peer_closed) return;
        failed_ |= session.read != bytes_;
        stack_->close(handle);
        sessions_.erase(handle.index);
        --open_;
    }
    void send(rte_mbuf* mbuf) {
        if (tx_count_ == tx_.size()) flush();
        tx_[tx_count_++] = mbuf;
    }
    void flush() {
        if (tx_count_ == 0) return;
        const std::uint16_t sent =
            rte_eth_tx_burst(view_.dpdk_port, 0, tx_.data(), static_cast<std::uint16_t>(tx_count_));
        for (std::size_t i = sent; i < tx_count_; ++i) rte_pktmbuf_free(tx_[i]);
        tx_full_ += tx_count_ - sent;
        tx_count_ = 0;
    }

    PortView view_;
    std::vector<rte_mbuf*> tx_;
    std::size_t tx_count_ = 0;
    std::uint64_t tx_full_ = 0;
    std::unique_ptr<CoreCounters> counters_;
    Neighbours neighbours_;
    std::unique_ptr<tcp::Stack> stack_;
    std::unordered_map<std::uint32_t, Session> sessions_;
    std::uint64_t bytes_ = 0;
    int open_ = 0;
    bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"a TCP stack on a port, for kernels to talk to"};
    std::string devargs, connect_to, next_hop;
    std::vector<std::string> addresses;
    std::uint64_t bytes = 1 << 20;
    std::uint16_t port = kEcho;
    int connections = 1;
    tcp::Options options;
    options.limits.core_receive_bytes = 8u << 20;
    bool no_sack = false, no_timestamps = false, new_reno = false;
    app.add_option("--devargs", devargs)->required();
    app.add_option("--address", addresses)->required();
    app.add_option("--connect", connect_to);
    app.add_option("--port", port);
    app.add_option("--bytes", bytes);
    app.add_option("--connections", connections);
    app.add_option("--window", options.limits.connection_receive_bytes);
    app.add_option("--half-open", options.limits.half_open);
    app.add_option("--time-wait-us", options.time_wait_us);
    app.add_flag("--no-sack", no_sack);
    app.add_flag("--no-timestamps", no_timestamps);
    app.add_flag("--new-reno", new_reno);
    CLI11_PARSE(app, argc, argv);
    options.sack = !no_sack;
    options.timestamps = !no_timestamps;
    if (new_reno) options.congestion = tcp::CongestionControl::new_reno;
    std::signal(SIGTERM, [](int) { ended = 1; });
    std::signal(SIGINT, [](int) { ended = 1; });

    port::EalOptions eal;
    eal.huge = false;
    eal.memory_mib = 128;
    eal.file_prefix = "tcp-peer-" + std::to_string(getpid());
    const Status started = port::start_eal(eal);
    if (!started) {
        std::fprintf(stderr, "%s\n", started.error().text.c_str());
        return 1;
    }
    port::PortSpec spec{.devargs = devargs, .addresses = {}, .mtu = 1500};
    for (const std::string& text : addresses) spec.addresses.push_back(*IpPrefix::parse(text));
    auto ports = port::Ports::open({&spec, 1}, {.cores = 1, .mbufs = 16384});
    if (!ports) {
        std::fprintf(stderr, "%s\n", ports.error().text.c_str());
        return 1;
    }
    PortView view = (*ports)->views()[0];
    view.tcp = true;
    bool failed = false;
    {
        Peer peer(view, (*ports)->pool(0), options);
        if (!connect_to.empty()) {
            const IpAddress to = *IpAddress::parse(connect_to);
            peer.ask_for(to, (*ports)->pool(0));
            for (int i = 0; i < connections; ++i)
                if (!peer.connect(to, port, bytes)) std::fprintf(stderr, "can't connect\n");
            while (!ended && peer.open() != 0) peer.turn();
            failed = peer.failed() || peer.open() != 0;
        } else {
            std::fprintf(stderr, "ready\n");
            while (!ended) peer.turn();
        }
        peer.report();
    }
    ports->reset();
    port::stop_eal();
    return failed ? 1 : 0;
}
