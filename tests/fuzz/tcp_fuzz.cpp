// Sequences of segments, in whatever order, with every field wrong in every way, between what an
// application does and what time does. The bytes are a program: segments are described relative to
// what the Stack has said last, so that a fuzzer gets into every state without guessing numbers.
//
// What must hold: what the Stack sends is well-formed, its memory is within its limits, and when it
// is gone every packet buffer is back.
#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/net/neighbours.hpp"
#include "dataplane/net/tcp/segment.hpp"
#include "dataplane/net/tcp/stack.hpp"
#include "dataplane/port/eal.hpp"
#include "sandbox/base/check.hpp"
#include "tests/dataplane/chains.hpp"

namespace {

using namespace skerry;
using namespace skerry::net;
using namespace skerry::net::tcp;
using frames::Bytes;
using frames::ip;

constexpr std::uint16_t kService = 80;
constexpr std::uint32_t kPeers = 4;

// Bytes of the input, one after the other; zeros when they are used up.
class Program {
  public:
    Program(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
    bool done() const { return at_ == end_; }
    std::uint8_t byte() { return at_ == end_ ? std::uint8_t{0} : *at_++; }
    // Near zero, mostly.
    std::int32_t near() {
        const auto small = static_cast<std::int8_t>(byte());
        if (small == 127) return static_cast<std::int32_t>(word());
        return small > 100 ? small * 1000 : small;
    }
    std::uint32_t word() {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) value = value << 8 | byte();
        return value;
    }

  private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

// What the Stack has said to one of its peers.
struct Peer {
    std::uint32_t next = 1000;  // what it expects of us
    std::uint32_t sent = 0;     // up to where it has sent
    std::uint32_t stamp = 0;
    std::uint16_t port = 0;
};

class Run {
  public:
    Run(rte_mempool* pool, const Options& options) : pool_(pool) {
        view_.mac = MacAddress{{2, 0, 0, 0, 0, 2}};
        view_.tcp = view_.lro = true;
        addresses_ = {{ip("10.0.0.2"), 24}};
        view_.addresses = addresses_;
        for (std::uint32_t i = 0; i < kPeers; ++i)
            peers_[i].port = static_cast<std::uint16_t>(40000 + i);
        Environment environment;
        environment.ports = {&view_, 1};
        environment.pool = pool;
        environment.counters = counters();
        environment.sink = {
            [](void* self, rte_mbuf* frame, std::uint8_t) { static_cast<Run*>(self)->sent(frame); },
            this};
        auto made = Stack::create(options, environment, now_us_);
        SKERRY_CHECK(bool(made));
        stack_ = std::move(made).value();
        stack_->listen(kService);
    }

    void step(Program& p) {
        const std::uint8_t what = p.byte();
        if (what < 150) return segment(p, what);
        if (what < 175) return time(p);
        if (what < 185) return poll();
        application(p, what);
    }

  private:
    static CoreCounters* counters() {
        static auto counters = std::make_unique<CoreCounters>();
        return counters.get();
    }

    // Well-formed, and remembered.
    void sent(rte_mbuf* frame) {
        SKERRY_CHECK(frame->nb_segs == 1 && frame->data_len <= 1514);
        const auto* bytes = rte_pktmbuf_mtod(frame, const std::uint8_t*);
        Segment out;
        SKERRY_CHECK(parse(bytes + 34, static_cast<std::uint16_t>(frame->data_len - 34), out));
        SKERRY_CHECK(checksum_is_good(ip("10.0.0.2"), ip("10.0.0.1"), bytes + 34,
                                      static_cast<std::uint16_t>(frame->data_len - 34)));
        if (out.destination >= 40000 && out.destination < 40000 + kPeers) {
            Peer& peer = peers_[out.destination - 40000];
            if (out.has(kAck)) peer.next = out.ack;
            peer.sent = out.seq + out.length();
            if (out.has_timestamp) peer.stamp = out.ts_value;
        }
        rte_pktmbuf_free(frame);
    }

    void segment(Program& p, std::uint8_t what) {
        Peer& peer = peers_[what % kPeers];
        frames::Tcp h{.from = peer.port, .to = kService};
        const std::uint8_t shape = p.byte();
        static constexpr std::uint8_t kFlags[] = {kAck,        kAck, kAck | kPsh, kSyn, kSyn | kAck,
                                                  kFin | kAck, kRst, kRst | kAck};
        h.flags = (shape & 8) != 0 ? p.byte() : kFlags[shape & 7];
        h.seq = peer.next + static_cast<std::uint32_t>((shape & 16) != 0 ? p.near() : 0);
        h.ack = peer.sent + static_cast<std::uint32_t>((shape & 32) != 0 ? p.near() : 0);
        h.window = (shape & 64) != 0 ? static_cast<std::uint16_t>(p.byte() << (p.byte() & 8))
                                     : std::uint16_t{65535};
        if ((shape & 128) != 0) options(p, peer, h);
        const std::uint32_t bytes = what < 60 ? 0 : (p.byte() * (what & 7u));
        frames::Ethernet link{.to = view_.mac, .from = MacAddress{{2, 0, 0, 0, 0, 1}}};
        // More than fits a buffer comes in several, as a port that puts segments together has it.
        const std::uint32_t times = what >= 140 ? 1u + p.byte() % 16 : 1u;
        const Bytes payload(std::min<std::uint32_t>(bytes, 1400) * times, what);
        piece_bytes_ = what >= 140 ? 1u + p.byte() * 16u : 2048u;
        Bytes l4 = frames::tcp(h, ip("10.0.0.1"), ip("10.0.0.2"), payload);
        deliver(frames::ethernet(
            link, frames::ipv4({.from = ip("10.0.0.1"), .to = ip("10.0.0.2"), .protocol = 6}, l4)));
    }
    static void put32(Bytes& out, std::uint32_t value) {
        frames::put16(out, static_cast<std::uint16_t>(value >> 16));
        frames::put16(out, static_cast<std::uint16_t>(value));
    }
    static void options(Program& p, const Peer& peer, frames::Tcp& h) {
        const std::uint8_t which = p.byte();
        if (which & 1) {
            frames::put16(h.options, 0x0204);
            frames::put16(h.options, static_cast<std::uint16_t>(p.byte() * 6));
        }
        if (which & 2) frames::put(h.options, Bytes{1, 3, 3, p.byte()});
        if (which & 4) frames::put(h.options, Bytes{1, 1, 4, 2});
        if (which & 8) {
            frames::put(h.options, Bytes{1, 1, 8, 10});
            put32(h.options, static_cast<std::uint32_t>(p.near()) + 5000);
            put32(h.options, peer.stamp + static_cast<std::uint32_t>(p.near()));
        }
        if (which & 16) {
            const std::uint8_t count = which >> 6;
            frames::put(h.options, Bytes{1, 1, 5, static_cast<std::uint8_t>(2 + 8 * count)});
            for (int i = 0; i < count; ++i) {
                const std::uint32_t left = h.ack + static_cast<std::uint32_t>(p.near()) * 16u;
                put32(h.options, left);
                put32(h.options, left + p.byte() * 24u);
            }
        }
        if (which & 32) frames::put(h.options, Bytes{p.byte(), p.byte(), p.byte(), p.byte()});
        if (h.options.size() > 40) h.options.resize(40);
    }
    void deliver(const Bytes& frame) {
        rte_mbuf* mbuf = frames::chain_of(frame, pool_, std::max<std::size_t>(piece_bytes_, 94),
                                          [this] { return piece_bytes_; });
        if (mbuf == nullptr) return;
        // Now this way, now that: a flood's is the same, if shorter.
        if (++delivered_ % 2 == 0 && stack_->answer_flood({&mbuf, 1}, 0, now_us_) == 0) return;
        const Frame classified = skerry::net::classify(mbuf, 0, view_, 4600, neighbours_, 0);
        if (classified.kind == FrameKind::tcp) {
            stack_->input(mbuf, classified, now_us_);
        } else {
            rte_pktmbuf_free(mbuf);
        }
    }
    void time(Program& p) {
        static constexpr std::uint64_t kSteps[] = {1,         1000,       40'000,     250'000,
                                                   1'000'000, 10'000'000, 70'000'000, 130'000'000};
        now_us_ += kSteps[p.byte() & 7];
        stack_->advance(now_us_);
        stack_->flush(now_us_);
    }
    void poll() {
        Event events[8];
        const std::uint32_t n = stack_->poll(events);
        for (std::uint32_t i = 0; i < n; ++i)
            handles_[turn_++ % handles_.size()] = events[i].connection;
    }
    void application(Program& p, std::uint8_t what) {
        const Handle handle = handles_[p.byte() % handles_.size()];
        switch (what % 9) {
            case 0:
            case 1:
                stack_->write(handle, Bytes(p.byte() * 40u));
                break;
            case 2:
                read(handle, p.byte() * 16u);
                break;
            case 3:
                stack_->shutdown(handle);
                break;
            case 4:
                stack_->close(handle);
                break;
            case 5:
                if (p.byte() < 64) stack_->abort(handle);
                break;
            case 6:
                stack_->again(handle);
                stack_->want_writable(handle);
                break;
            case 7:
                handles_[0] = stack_->connect(
                    {.local = ip("10.0.0.2"),
                     .peer = ip("10.0.0.1"),
                     .next_hop = MacAddress{{2, 0, 0, 0, 0, 1}},
                     .peer_port = static_cast<std::uint16_t>(40000 + p.byte() % kPeers),
                     .local_port = kService},
                    now_us_);
                break;
            default:
                stack_->flush(now_us_);
        }
        check();
    }
    void read(Handle handle, std::uint32_t bytes) {
        std::span<const std::uint8_t> spans[4];
        const std::uint32_t n = stack_->read(handle, spans);
        std::uint32_t sum = 0;
        for (std::uint32_t i = 0; i < n; ++i)
            for (const std::uint8_t byte : spans[i]) sum += byte;
        SKERRY_CHECK(sum != 0 || n == 0 || stack_->readable_bytes(handle) != 0);
        stack_->consume(handle, bytes);
    }
    void check() const {
        const Stats& stats = stack_->stats();
        SKERRY_CHECK(stats.receive_bytes.get() <= 64 * 1024);
        SKERRY_CHECK(stats.connections.get() <= 6);
    }

    rte_mempool* pool_;
    std::vector<IpPrefix> addresses_;
    PortView view_;
    Neighbours neighbours_;
    std::size_t piece_bytes_ = 2048;
    std::uint32_t delivered_ = 0;
    std::unique_ptr<Stack> stack_;
    std::array<Peer, kPeers> peers_;
    std::array<Handle, 8> handles_;
    std::uint32_t turn_ = 0;
    std::uint64_t now_us_ = 1'000'000'000;
};

rte_mempool* make_pool() {
    port::EalOptions options;
    options.huge = false;
    options.memory_mib = 64;
    options.file_prefix = "skerry-fuzz-" + std::to_string(getpid());
    SKERRY_CHECK(bool(port::start_eal(options)));
    rte_mempool* pool =
        rte_pktmbuf_pool_create("fuzz", 511, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    SKERRY_CHECK(pool != nullptr);
    return pool;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static rte_mempool* pool = make_pool();
    if (size < 2 || size > 4096) return 0;
    Options options;
    options.limits = {.connections = 6,
                      .connection_receive_bytes = 20'000,
                      .connection_send_bytes = 30'000,
                      .core_receive_bytes = 64 * 1024,
                      .send_blocks = 24,
                      .flights = 40,
                      .reassembly_mbufs = 8,
                      .half_open = 2,
                      .backlog = 2,
                      .cookies_per_second = 64};
    options.timestamps = (data[0] & 1) == 0;
    options.sack = (data[0] & 2) == 0;
    options.always_cookies = (data[0] & 28) == 28;
    options.nagle = (data[0] & 32) != 0;
    options.keep_alive_us = (data[0] & 64) != 0 ? 5'000'000 : 0;
    options.congestion =
        (data[0] & 128) != 0 ? CongestionControl::new_reno : CongestionControl::cubic;
    {
        Run run(pool, options);
        Program program(data + 1, size - 1);
        while (!program.done()) run.step(program);
    }
    SKERRY_CHECK(rte_mempool_in_use_count(pool) == 0);
    return 0;
}
