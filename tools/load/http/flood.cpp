#include "tools/load/http/flood.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/tcp/segment.hpp"

namespace skerry::load::http {
namespace {

constexpr double kMostATurn = 4 * kBurst;
constexpr std::size_t kTcpSeqAt = 4, kTcpChecksumAt = 16;
constexpr std::size_t kIpChecksumBefore = 10;  // of IPv4, in front of what it carries

net::Path path_to(const net::IpAddress& server, std::uint16_t port, const net::MacAddress& mac) {
    net::Path path;
    path.peer = server;
    path.peer_mac = mac;
    path.peer_udp = port;
    return path;
}

}  // namespace

net::IpAddress address_within(const net::IpPrefix& prefix, std::uint64_t chance) {
    net::IpAddress made = prefix.address;
    const unsigned all_bits = made.is_v4() ? 32 : 128;
    unsigned free_bits = std::min(64u, all_bits - prefix.prefix_bits);
    for (std::size_t i = made.bytes.size(); i-- > 0 && free_bits != 0; chance >>= 8) {
        const unsigned bits = std::min(8u, free_bits);
        const auto mask = static_cast<std::uint8_t>((1u << bits) - 1);
        made.bytes[i] = static_cast<std::uint8_t>((made.bytes[i] & ~mask) | (chance & mask));
        free_bits -= bits;
    }
    return made;
}

// As a kernel's first SYN looks: MSS, SACK, timestamps, window scale.
SynPattern::SynPattern(const net::Path& path, const net::PortView& port)
    : address_bytes_(path.peer.is_v4() ? 4 : 16) {
    net::tcp::Segment syn;
    syn.destination = path.peer_udp;
    syn.flags = net::tcp::kSyn;
    syn.window = 64240;
    syn.has_mss = syn.has_scale = syn.sack_permitted = syn.has_timestamp = true;
    syn.mss = 1460;
    syn.scale = 7;
    syn.ts_value = 1;
    // The product's own builder, in a buffer of the heap that looks like an mbuf.
    std::uint8_t room[256];
    rte_mbuf mbuf{};
    mbuf.buf_addr = room;
    mbuf.buf_len = sizeof room;
    mbuf.data_off = 128;
    mbuf.nb_segs = 1;
    const auto [tcp_bytes, tcp_sum] = net::tcp::emit(room + mbuf.data_off, syn);
    mbuf.data_len = static_cast<std::uint16_t>(tcp_bytes);
    mbuf.pkt_len = tcp_bytes;
    net::PortView software = port;
    software.tx_ip_checksum = software.tx_tcp_checksum = false;
    net::Path from_nobody = path;
    from_nobody.local = path.peer;  // of the same family
    net::build_tcp(&mbuf, from_nobody, software, tcp_sum);
    frame_.assign(room + mbuf.data_off, room + mbuf.data_off + mbuf.data_len);

    tcp_at_ = frame_.size() - tcp_bytes;
    const std::uint16_t source =
        net::fold(net::partial_sum(&frame_[tcp_at_ - 2 * address_bytes_], address_bytes_));
    // Adding the inverse takes it away again.
    const auto without_source = [&](std::size_t checksum_at) {
        std::uint16_t checksum;
        std::memcpy(&checksum, &frame_[checksum_at], sizeof checksum);
        return std::uint64_t{static_cast<std::uint16_t>(~checksum)} +
               static_cast<std::uint16_t>(~source);
    };
    tcp_sum_ = without_source(tcp_at_ + kTcpChecksumAt);
    if (address_bytes_ == 4) ip_sum_ = without_source(tcp_at_ - kIpChecksumBefore);
}

void SynPattern::write(std::uint8_t* at, const net::IpAddress& source, std::uint16_t source_port,
                       std::uint32_t seq) const {
    const std::uint8_t* address = &source.bytes[source.bytes.size() - address_bytes_];
    std::memcpy(at, frame_.data(), frame_.size());
    std::memcpy(at + tcp_at_ - 2 * address_bytes_, address, address_bytes_);
    std::memcpy(at + tcp_at_, &source_port, sizeof source_port);
    std::memcpy(at + tcp_at_ + kTcpSeqAt, &seq, sizeof seq);
    const std::uint16_t sum = net::fold(net::partial_sum(address, address_bytes_));
    const auto put = [](std::uint8_t* to, std::uint64_t all) {
        const auto checksum = static_cast<std::uint16_t>(~net::fold(all));
        std::memcpy(to, &checksum, sizeof checksum);
    };
    put(at + tcp_at_ + kTcpChecksumAt, tcp_sum_ + sum + source_port + seq);
    if (address_bytes_ == 4) put(at + tcp_at_ - kIpChecksumBefore, ip_sum_ + sum);
}

Flood::Flood(Host& host, const net::IpAddress& server, std::uint16_t server_port,
             const FloodOptions& options, std::uint64_t now_ns)
    : host_(host),
      options_(options),
      pattern_(path_to(server, server_port, host.next_hop()), host.view()),
      last_ns_(now_ns) {}

void Flood::turn() {
    const std::uint64_t now_ns = host_.now_ns();
    due_ += static_cast<double>(now_ns - last_ns_) * options_.rate_per_s / 1e9;
    due_ = std::min(due_, kMostATurn);
    last_ns_ = now_ns;
    for (; due_ >= 1; due_ -= 1) send_one();
}

void Flood::send_one() {
    rte_mbuf* mbuf = host_.allocate();
    if (mbuf == nullptr) return;
    const std::uint64_t chance = random_.next();
    const auto port = static_cast<std::uint16_t>(1024 + chance % 64512);
    pattern_.write(rte_pktmbuf_mtod(mbuf, std::uint8_t*),
                   address_within(options_.from, random_.next()), __builtin_bswap16(port),
                   static_cast<std::uint32_t>(chance >> 32));
    mbuf->data_len = static_cast<std::uint16_t>(pattern_.bytes());
    mbuf->pkt_len = mbuf->data_len;
    host_.send(mbuf);
    ++sent_;
}

}  // namespace skerry::load::http
