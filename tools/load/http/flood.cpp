#include "tools/load/http/flood.hpp"

#include <algorithm>

#include "dataplane/net/tcp/segment.hpp"

namespace skerry::load::http {
namespace {

constexpr double kMostATurn = 4 * kBurst;

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

Flood::Flood(Host& host, const net::IpAddress& server, std::uint16_t server_port,
             const FloodOptions& options, std::uint64_t now_ns)
    : host_(host), options_(options), last_ns_(now_ns) {
    path_.peer = server;
    path_.peer_mac = host.next_hop();
    path_.peer_udp = server_port;
}

void Flood::turn() {
    const std::uint64_t now_ns = host_.now_ns();
    due_ += static_cast<double>(now_ns - last_ns_) * options_.rate_per_s / 1e9;
    due_ = std::min(due_, kMostATurn);
    last_ns_ = now_ns;
    for (; due_ >= 1; due_ -= 1) send_one();
}

// As a kernel's first SYN looks: MSS, SACK, timestamps, window scale.
void Flood::send_one() {
    rte_mbuf* mbuf = host_.allocate();
    if (mbuf == nullptr) return;
    const std::uint64_t chance = random_.next();
    path_.local = address_within(options_.from, random_.next());
    path_.local_udp = static_cast<std::uint16_t>(1024 + chance % 64512);
    net::tcp::Segment syn;
    syn.source = path_.local_udp;
    syn.destination = path_.peer_udp;
    syn.seq = static_cast<std::uint32_t>(chance >> 32);
    syn.flags = net::tcp::kSyn;
    syn.window = 64240;
    syn.has_mss = syn.has_scale = syn.sack_permitted = syn.has_timestamp = true;
    syn.mss = 1460;
    syn.scale = 7;
    syn.ts_value = static_cast<std::uint32_t>(chance >> 16);
    const std::uint32_t bytes = net::tcp::emit(rte_pktmbuf_mtod(mbuf, std::uint8_t*), syn);
    mbuf->data_len = static_cast<std::uint16_t>(bytes);
    mbuf->pkt_len = bytes;
    net::build_tcp(mbuf, path_, host_.view());
    host_.send(mbuf);
    ++sent_;
}

}  // namespace skerry::load::http
