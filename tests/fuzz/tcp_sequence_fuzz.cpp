// Sequences of segments, of calls and of time against a whole TCP stack with small tables. The
// input is a list of steps that speak of the connection as it stands ("the next byte, and 5 more"),
// so that a fuzzer gets past the handshake. Peers lie about everything.
//
// Checked: every frame that is sent is well-formed and has the right bytes for its sequence number;
// what is read is the peer's stream, in order, each byte once; and in the end nothing is left over.
#include <algorithm>
#include <array>
#include <deque>

#include "dataplane/port/eal.hpp"
#include "sandbox/base/check.hpp"
#include "tests/dataplane/tcp/timeline/host.hpp"

namespace {

using namespace skerry;
using namespace skerry::timeline;
namespace tcp = skerry::net::tcp;

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
    bool empty() const { return at_ == end_; }
    std::uint8_t byte() { return empty() ? std::uint8_t{0} : *at_++; }

  private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

// Near things exactly, far things anywhere.
std::uint32_t delta(std::uint8_t code) {
    const int value = static_cast<std::int8_t>(code);
    if (value >= -32 && value < 32) return static_cast<std::uint32_t>(value);
    if (value >= -64 && value < 64) return static_cast<std::uint32_t>(value * 100);
    return static_cast<std::uint32_t>(value) * 0x01234567u;
}

// What a side's byte is at a sequence number: so each tells where it belongs.
std::uint8_t peers_byte(std::uint32_t seq) {
    return static_cast<std::uint8_t>(seq);
}
std::uint8_t our_byte(std::uint32_t offset) {
    return static_cast<std::uint8_t>(offset * 3 + 1);
}

struct Stream {
    tcp::Handle handle;
    std::uint32_t written = 0;
    bool has_read = false;
    std::uint8_t last = 0;
};

struct Peer {
    std::uint16_t port = 0;
    std::uint16_t our_port = 80;
    std::uint32_t next = 0x7ffffff0;     // what it would send
    std::uint32_t acked = 0;             // what it would acknowledge: the end of what it has seen
    std::deque<std::uint32_t> our_isns;  // of the SYNs that it has seen lately
    std::uint32_t stamp = 0;             // our newest timestamp
};

class World {
  public:
    explicit World(std::uint8_t switches) : host_(options(switches), 1500, &counters()) {
        v6_ = (switches & 128) != 0;
        for (std::uint16_t i = 0; i < 3; ++i)
            peers_[i].port = static_cast<std::uint16_t>(40000 + i);
        host_.stack().listen(80);
    }

    void step(Input& in) {
        const std::uint8_t what = in.byte();
        peer_ = &peers_[what >> 4 & 1];
        switch (what & 15) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4:
            case 5:
                segment(in);
                break;
            case 6:
                honest(in);
                break;
            case 7:
                application(in);
                break;
            case 8:
                application(in);
                break;
            case 9:
                host_.pass(host_.now_us() + (std::uint64_t{1} << in.byte() % 24), false);
                break;
            case 10:
                host_.pass(host_.now_us() + (std::uint64_t{1} << in.byte() % 34), false);
                break;
            case 11:
                connect();
                break;
            case 12:
                icmp(in);
                break;
            case 13:
                host_.hold_buffers((in.byte() & 1) != 0);
                break;
            case 14:
                read(1u + in.byte() * 8u);
                break;
            default:
                host_.flush();
                break;
        }
        events();
        seen();
    }

    void finish() {
        host_.hold_buffers(false);
        for (Stream& stream : streams_) host_.stack().abort(stream.handle);
        streams_.clear();
        host_.stack().unlisten(80);
        host_.flush();
        events();
        for (Stream& stream : streams_) host_.stack().abort(stream.handle);
        seen();
        // Half-open ones, and those in TIME-WAIT, end by themselves.
        host_.pass(host_.now_us() + 1'000'000'000, false);
        seen();
        const tcp::Stats& stats = host_.stack().stats();
        SKERRY_CHECK(stats.connections.get() == 0);
        SKERRY_CHECK(stats.flights_used.get() == 0);
        SKERRY_CHECK(stats.send_blocks_used.get() == 0);
        SKERRY_CHECK(stats.receive_bytes.get() == 0);
        SKERRY_CHECK(host_.buffers_in_use() == 0);
    }

  private:
    static CoreCounters& counters() {
        static auto* made = new CoreCounters;
        return *made;
    }
    static tcp::Options options(std::uint8_t switches) {
        tcp::Options made;
        made.limits = {.connections = 4,
                       .connection_receive_bytes = 8192,
                       .connection_send_bytes = 8192,
                       .core_receive_bytes = 20000,
                       .send_blocks = 6,
                       .flights = 48,
                       .reassembly_mbufs = 4,
                       .half_open = 2,
                       .backlog = 2,
                       .cookies_per_second = 64};
        made.timestamps = (switches & 1) == 0;
        made.sack = (switches & 2) == 0;
        made.window_scaling = (switches & 4) == 0;
        made.nagle = (switches & 8) != 0;
        made.delayed_ack = (switches & 16) == 0;
        made.always_cookies = (switches & 32) != 0;
        made.congestion =
            (switches & 64) != 0 ? tcp::CongestionControl::new_reno : tcp::CongestionControl::cubic;
        made.keep_alive_us = 20'000'000;
        made.user_us = 60'000'000;
        made.time_wait_us = 10'000'000;
        made.fin_wait_us = 10'000'000;
        return made;
    }

    const IpAddress& ours() const { return v6_ ? host_.addresses.ours6 : host_.addresses.ours4; }
    const IpAddress& theirs() const { return v6_ ? host_.addresses.peer6 : host_.addresses.peer4; }

    void arrive(std::uint8_t protocol, const Bytes& l4) {
        const frames::Ethernet link{.to = kOurMac,
                                    .from = kPeerMac,
                                    .type = static_cast<std::uint16_t>(v6_ ? 0x86dd : 0x0800)};
        if (host_.buffers_are_held()) return;
        host_.arrive(frames::ethernet(
            link, v6_ ? frames::ipv6({.from = theirs(), .to = ours(), .next_header = protocol}, l4)
                      : frames::ipv4({.from = theirs(), .to = ours(), .protocol = protocol}, l4)));
    }

    void send(TcpSegment& segment, std::uint32_t bytes) {
        segment.from = peer_->port;
        segment.to = peer_->our_port;
        const std::uint32_t first = segment.seq + ((segment.flags & kSyn) != 0 ? 1 : 0);
        for (std::uint32_t i = 0; i < bytes; ++i) segment.payload.push_back(peers_byte(first + i));
        arrive(6, to_bytes(segment, theirs(), ours()));
        host_.piece_bytes = 0;
    }

    void segment(Input& in) {
        TcpSegment made;
        made.flags = in.byte();
        const std::uint8_t off = in.byte();
        made.seq = peer_->next + delta(off);
        made.ack = peer_->acked + delta(in.byte());
        std::uint32_t bytes = in.byte() * 6u;
        made.window = static_cast<std::uint16_t>(in.byte() << 8 | 255);
        const std::uint8_t which = in.byte();
        if ((which & 1) != 0)
            made.options.timestamp = Timestamp{
                static_cast<std::uint32_t>(host_.now_us() / 1000) + delta(in.byte()), peer_->stamp};
        if ((which & 2) != 0)
            for (int i = 0; i < (which >> 6 & 1) + 1; ++i) {
                const std::uint32_t left = peer_->acked - 4000 + in.byte() * 32u;
                made.options.sacks.push_back({left, left + in.byte() * 32u});
            }
        if ((which & 4) != 0) made.options.mss = static_cast<std::uint16_t>(in.byte() * 8);
        if ((which & 8) != 0) made.options.scale = static_cast<std::uint8_t>(in.byte() % 16);
        made.options.sack_ok = (which & 16) != 0;
        if ((which & 32) != 0) several(in, bytes);
        send(made, bytes);
        if (off == 0) {
            peer_->next += bytes + ((made.flags & kSyn) != 0) + ((made.flags & kFin) != 0);
        }
    }

    // As a port that has put several together makes it: in buffers, of odd sizes perhaps.
    void several(Input& in, std::uint32_t& bytes) {
        const std::uint8_t how = in.byte();
        bytes *= 1u + (how & 7u);
        host_.piece_bytes = (how & 8u) != 0 ? 16u + (how >> 4) * 50u : 0;
    }

    // What an honest peer would do now: the next bytes, all acknowledged.
    void honest(Input& in) {
        TcpSegment made;
        made.flags = kAck;
        made.seq = peer_->next;
        made.ack = peer_->acked;
        made.window = 60000;
        const std::uint8_t what = in.byte();
        if ((what & 128) != 0) made.flags |= kFin;
        if ((what & 64) != 0)
            made.options.timestamp =
                Timestamp{static_cast<std::uint32_t>(host_.now_us() / 1000), peer_->stamp};
        std::uint32_t bytes = (what & 63u) * 20;
        if ((what & 63u) == 63) several(in, bytes);
        send(made, bytes);
        peer_->next += bytes + ((made.flags & kFin) != 0);
    }

    void application(Input& in) {
        if (streams_.empty()) return;
        const std::uint8_t what = in.byte();
        const std::size_t which = what >> 4 & 3;
        Stream& stream = streams_[which % streams_.size()];
        tcp::Stack& stack = host_.stack();
        switch (what & 7) {
            case 0:
            case 1:
            case 2:
            case 3:
                write(stream, in.byte() * 16u);
                break;
            case 4:
                stack.shutdown(stream.handle);
                break;
            case 5:
                stack.want_writable(stream.handle);
                break;
            case 6:
                stack.close(stream.handle);
                streams_.erase(streams_.begin() + static_cast<long>(which % streams_.size()));
                break;
            default:
                stack.abort(stream.handle);
                streams_.erase(streams_.begin() + static_cast<long>(which % streams_.size()));
        }
    }

    void write(Stream& stream, std::uint32_t bytes) {
        Bytes data(bytes);
        for (std::uint32_t i = 0; i < bytes; ++i) data[i] = our_byte(stream.written + i);
        const std::uint32_t taken = host_.stack().write(stream.handle, data);
        SKERRY_CHECK(taken <= bytes);
        stream.written += taken;
    }

    void read(std::uint32_t most) {
        for (Stream& stream : streams_) {
            std::array<std::span<const std::uint8_t>, 8> spans;
            const std::uint32_t n = host_.stack().read(stream.handle, spans);
            std::uint32_t bytes = 0;
            for (const auto& span : std::span(spans).first(n))
                for (const std::uint8_t byte :
                     span.first(std::min<std::size_t>(span.size(), most - bytes))) {
                    SKERRY_CHECK(!stream.has_read ||
                                 byte == static_cast<std::uint8_t>(stream.last + 1));
                    stream.has_read = true;
                    stream.last = byte;
                    ++bytes;
                }
            SKERRY_CHECK(bytes <= host_.stack().readable_bytes(stream.handle));
            host_.stack().consume(stream.handle, bytes);
        }
    }

    void connect() {
        if (streams_.size() >= 8) return;
        peer_ = &peers_[2];
        peer_->our_port = static_cast<std::uint16_t>(50000 + connects_++ % 2);
        const tcp::Handle handle = host_.stack().connect({.local = ours(),
                                                          .peer = theirs(),
                                                          .next_hop = kPeerMac,
                                                          .peer_port = peer_->port,
                                                          .local_port = peer_->our_port},
                                                         host_.now_us());
        if (handle) streams_.push_back({.handle = handle});
    }

    void icmp(Input& in) {
        if (last_packet_.empty()) return;
        Bytes rest;
        frames::put16(rest, 0);
        frames::put16(rest, static_cast<std::uint16_t>(in.byte() * 8));
        frames::put(rest, std::span(last_packet_).first(v6_ ? 60 : 40));
        const auto code = static_cast<std::uint8_t>(in.byte() % 6);
        arrive(v6_ ? 58 : 1, v6_ ? frames::icmp6(code == 4 ? 2 : 1, 0, theirs(), ours(), rest)
                                 : frames::icmp(3, code, rest));
    }

    void events() {
        std::array<tcp::Event, 8> told;
        const std::uint32_t n = host_.stack().poll(told);
        for (const tcp::Event& event : std::span(told).first(n)) {
            const auto found =
                std::find_if(streams_.begin(), streams_.end(),
                             [&](const Stream& each) { return each.handle == event.connection; });
            if ((event.bits & tcp::kAccepted) != 0) {
                SKERRY_CHECK(found == streams_.end());
                if ((event.bits & tcp::kClosed) == 0)
                    streams_.push_back({.handle = event.connection});
                continue;
            }
            SKERRY_CHECK(found != streams_.end());
            if ((event.bits & tcp::kClosed) != 0) streams_.erase(found);
        }
    }

    void seen() {
        for (; !host_.sent.empty(); host_.sent.pop_front()) {
            std::string wrong;
            const auto got = from_frame(host_.sent.front().frame, wrong);
            if (!got) std::fprintf(stderr, "%s\n", wrong.c_str());
            SKERRY_CHECK(got.has_value());
            last_packet_ = got->packet;
            look_at(got->segment);
        }
    }

    void look_at(const TcpSegment& segment) {
        SKERRY_CHECK(segment.payload.size() <= 1460);
        const auto found = std::find_if(peers_.begin(), peers_.end(),
                                        [&](const Peer& each) { return each.port == segment.to; });
        SKERRY_CHECK(found != peers_.end());
        Peer& peer = *found;
        if ((segment.flags & kSyn) != 0) {
            peer.our_isns.push_back(segment.seq);
            if (peer.our_isns.size() > 64) peer.our_isns.pop_front();
            peer.acked = segment.seq;
        }
        if (segment.options.timestamp) peer.stamp = segment.options.timestamp->value;
        const std::uint32_t end = segment.seq + static_cast<std::uint32_t>(segment.payload.size()) +
                                  ((segment.flags & (kSyn | kFin)) != 0);
        if (static_cast<std::int32_t>(end - peer.acked) > 0) peer.acked = end;
        if (segment.payload.empty()) return;
        // One of the connections that there have been wrote this.
        const bool ours =
            std::any_of(peer.our_isns.begin(), peer.our_isns.end(), [&](std::uint32_t isn) {
                for (std::size_t i = 0; i < segment.payload.size(); ++i)
                    if (segment.payload[i] !=
                        our_byte(segment.seq - isn - 1 + static_cast<std::uint32_t>(i)))
                        return false;
                return true;
            });
        SKERRY_CHECK(ours || peer.our_isns.size() == 64);
    }

    Host host_;
    bool v6_ = false;
    std::array<Peer, 3> peers_;
    Peer* peer_ = nullptr;
    std::vector<Stream> streams_;
    std::uint32_t connects_ = 0;
    Bytes last_packet_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool started = [] {
        port::EalOptions options;
        options.huge = false;
        options.memory_mib = 64;
        options.file_prefix = "fuzz-tcp-" + std::to_string(getpid());
        return static_cast<bool>(port::start_eal(options));
    }();
    SKERRY_CHECK(started);
    if (size < 2 || size > 600) return 0;
    Input in(data, size);
    World world(in.byte());
    while (!in.empty()) world.step(in);
    world.finish();
    return 0;
}
