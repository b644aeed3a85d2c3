// Frames made byte by byte, with every field open to being wrong, and an mbuf to carry them without
// EAL. Shares nothing with dataplane/net but the address types: checksums are computed here by the
// plain rule of RFC 1071, so that both sides can't be wrong in the same way.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/net/address.hpp"

namespace skerry::frames {

using Bytes = std::vector<std::uint8_t>;
using net::IpAddress;
using net::MacAddress;

inline IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value();
}

inline void put16(Bytes& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}
inline void put(Bytes& out, std::span<const std::uint8_t> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}
inline std::uint16_t get16(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// RFC 1071: the one's complement of the one's complement sum of 16-bit words. 0 over anything that
// carries its right checksum.
inline std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

// RFC 768, RFC 8200 §8.1: over the pseudo header and the datagram.
inline std::uint16_t transport_checksum(const IpAddress& source, const IpAddress& destination,
                                        std::uint8_t protocol, std::span<const std::uint8_t> l4) {
    Bytes all;
    if (source.is_v4()) {
        put(all, std::span(source.bytes).subspan(12));
        put(all, std::span(destination.bytes).subspan(12));
        put16(all, protocol);
        put16(all, static_cast<std::uint16_t>(l4.size()));
    } else {
        put(all, source.bytes);
        put(all, destination.bytes);
        put16(all, 0);
        put16(all, static_cast<std::uint16_t>(l4.size()));
        put16(all, 0);
        put16(all, protocol);
    }
    put(all, l4);
    return internet_checksum(all);
}

// Each builder takes a struct of what to say; std::nullopt, and 0 for what is added, mean "right".
struct Ethernet {
    MacAddress to = {};
    MacAddress from = {};
    std::uint16_t type = 0x0800;
    std::optional<std::uint16_t> vlan_tci = std::nullopt;
    std::uint16_t vlan_type = 0x8100;
};
inline Bytes ethernet(const Ethernet& e, const Bytes& payload) {
    Bytes out;
    put(out, e.to.bytes);
    put(out, e.from.bytes);
    if (e.vlan_tci) {
        put16(out, e.vlan_type);
        put16(out, *e.vlan_tci);
    }
    put16(out, e.type);
    put(out, payload);
    return out;
}

struct Ipv4 {
    IpAddress from = {};
    IpAddress to = {};
    std::uint8_t protocol = 17;
    std::uint8_t version = 4;
    std::optional<std::uint8_t> header_words = std::nullopt;
    std::optional<std::uint16_t> total_bytes = std::nullopt;
    std::uint16_t fragment = 0x4000;  // flags and offset; this is "do not fragment"
    std::uint8_t ttl = 64;
    std::uint16_t checksum_off_by = 0;
    Bytes options = {};  // a multiple of 4 bytes
};
inline Bytes ipv4(const Ipv4& h, const Bytes& payload) {
    const std::size_t header_bytes = 20 + h.options.size();
    Bytes out;
    const auto words = h.header_words.value_or(static_cast<std::uint8_t>(header_bytes / 4));
    out.push_back(static_cast<std::uint8_t>(h.version << 4 | words));
    out.push_back(0);
    put16(out, h.total_bytes.value_or(static_cast<std::uint16_t>(header_bytes + payload.size())));
    put16(out, 0x1234);
    put16(out, h.fragment);
    out.push_back(h.ttl);
    out.push_back(h.protocol);
    put16(out, 0);
    put(out, std::span(h.from.bytes).subspan(12));
    put(out, std::span(h.to.bytes).subspan(12));
    put(out, h.options);
    const std::size_t covered = std::min<std::size_t>(std::size_t{words} * 4, out.size());
    const auto sum = static_cast<std::uint16_t>(internet_checksum(std::span(out).first(covered)) +
                                                h.checksum_off_by);
    out[10] = static_cast<std::uint8_t>(sum >> 8);
    out[11] = static_cast<std::uint8_t>(sum);
    put(out, payload);
    return out;
}

struct Ipv6 {
    IpAddress from = {};
    IpAddress to = {};
    std::uint8_t next_header = 17;
    std::uint8_t version = 6;
    std::optional<std::uint16_t> payload_bytes = std::nullopt;
    std::uint8_t hop_limit = 64;
};
inline Bytes ipv6(const Ipv6& h, const Bytes& payload) {
    Bytes out = {static_cast<std::uint8_t>(h.version << 4), 0, 0, 0};
    put16(out, h.payload_bytes.value_or(static_cast<std::uint16_t>(payload.size())));
    out.push_back(h.next_header);
    out.push_back(h.hop_limit);
    put(out, h.from.bytes);
    put(out, h.to.bytes);
    put(out, payload);
    return out;
}

struct Udp {
    std::uint16_t from = 40000;
    std::uint16_t to = 4600;
    std::optional<std::uint16_t> bytes = std::nullopt;
    bool without_checksum = false;
    std::uint16_t checksum_off_by = 0;
};
inline Bytes udp(const Udp& h, const IpAddress& source, const IpAddress& destination,
                 const Bytes& payload) {
    Bytes out;
    put16(out, h.from);
    put16(out, h.to);
    put16(out, h.bytes.value_or(static_cast<std::uint16_t>(8 + payload.size())));
    put16(out, 0);
    put(out, payload);
    if (h.without_checksum) return out;
    std::uint16_t sum = transport_checksum(source, destination, 17, out);
    if (sum == 0) sum = 0xffff;
    sum = static_cast<std::uint16_t>(sum + h.checksum_off_by);
    out[6] = static_cast<std::uint8_t>(sum >> 8);
    out[7] = static_cast<std::uint8_t>(sum);
    return out;
}

struct Tcp {
    std::uint16_t from = 40000;
    std::uint16_t to = 80;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint8_t flags = 0x10;  // ACK
    std::uint16_t window = 65535;
    std::uint16_t urgent = 0;
    Bytes options = {};  // a multiple of 4 bytes
    std::optional<std::uint8_t> header_words = std::nullopt;
    std::uint16_t checksum_off_by = 0;
};
inline Bytes tcp(const Tcp& h, const IpAddress& source, const IpAddress& destination,
                 const Bytes& payload) {
    Bytes out;
    put16(out, h.from);
    put16(out, h.to);
    for (const std::uint32_t number : {h.seq, h.ack}) {
        put16(out, static_cast<std::uint16_t>(number >> 16));
        put16(out, static_cast<std::uint16_t>(number));
    }
    const auto words = h.header_words.value_or(static_cast<std::uint8_t>(5 + h.options.size() / 4));
    out.push_back(static_cast<std::uint8_t>(words << 4));
    out.push_back(h.flags);
    put16(out, h.window);
    put16(out, 0);
    put16(out, h.urgent);
    put(out, h.options);
    put(out, payload);
    const auto sum = static_cast<std::uint16_t>(transport_checksum(source, destination, 6, out) +
                                                h.checksum_off_by);
    out[16] = static_cast<std::uint8_t>(sum >> 8);
    out[17] = static_cast<std::uint8_t>(sum);
    return out;
}

// ICMP (no pseudo header) and ICMPv6 (with one): type, code, checksum, then `rest`.
inline Bytes icmp(std::uint8_t type, std::uint8_t code, const Bytes& rest,
                  std::uint16_t checksum_off_by = 0) {
    Bytes out = {type, code, 0, 0};
    put(out, rest);
    const auto sum = static_cast<std::uint16_t>(internet_checksum(out) + checksum_off_by);
    out[2] = static_cast<std::uint8_t>(sum >> 8);
    out[3] = static_cast<std::uint8_t>(sum);
    return out;
}
inline Bytes icmp6(std::uint8_t type, std::uint8_t code, const IpAddress& source,
                   const IpAddress& destination, const Bytes& rest,
                   std::uint16_t checksum_off_by = 0) {
    Bytes out = {type, code, 0, 0};
    put(out, rest);
    const auto sum = static_cast<std::uint16_t>(transport_checksum(source, destination, 58, out) +
                                                checksum_off_by);
    out[2] = static_cast<std::uint8_t>(sum >> 8);
    out[3] = static_cast<std::uint8_t>(sum);
    return out;
}
// What follows the checksum of a solicitation or advertisement: flags, target, options.
inline Bytes neighbour_rest(std::uint8_t flags, const IpAddress& target, const Bytes& options) {
    Bytes out = {flags, 0, 0, 0};
    put(out, target.bytes);
    put(out, options);
    return out;
}
inline Bytes link_option(std::uint8_t type, const MacAddress& mac) {
    Bytes out = {type, 1};
    put(out, mac.bytes);
    return out;
}

struct Arp {
    std::uint16_t operation = 1;
    MacAddress sender_mac = {};
    IpAddress sender = {};
    MacAddress target_mac = {};
    IpAddress target = {};
    std::uint16_t hardware = 1;
    std::uint16_t protocol = 0x0800;
    std::uint8_t hardware_bytes = 6;
    std::uint8_t protocol_bytes = 4;
};
inline Bytes arp(const Arp& a) {
    Bytes out;
    put16(out, a.hardware);
    put16(out, a.protocol);
    out.push_back(a.hardware_bytes);
    out.push_back(a.protocol_bytes);
    put16(out, a.operation);
    put(out, a.sender_mac.bytes);
    put(out, std::span(a.sender.bytes).subspan(12));
    put(out, a.target_mac.bytes);
    put(out, std::span(a.target.bytes).subspan(12));
    return out;
}

// An mbuf that came from no pool: headroom, the bytes, `tailroom`, and not a byte more on the heap,
// so that AddressSanitizer sees any read or write beyond. Never to be freed by DPDK.
class BareMbuf {
  public:
    explicit BareMbuf(std::span<const std::uint8_t> data, std::uint16_t tailroom = 0,
                      std::uint16_t headroom = RTE_PKTMBUF_HEADROOM)
        : mbuf_(std::make_unique<rte_mbuf>()),
          buffer_(std::make_unique<std::uint8_t[]>(headroom + data.size() + tailroom)) {
        mbuf_->buf_addr = buffer_.get();
        mbuf_->buf_len = static_cast<std::uint16_t>(headroom + data.size() + tailroom);
        mbuf_->data_off = headroom;
        mbuf_->data_len = static_cast<std::uint16_t>(data.size());
        mbuf_->pkt_len = static_cast<std::uint32_t>(data.size());
        mbuf_->nb_segs = 1;
        mbuf_->refcnt = 1;
        std::copy(data.begin(), data.end(), buffer_.get() + headroom);
    }
    rte_mbuf* get() const { return mbuf_.get(); }
    rte_mbuf* operator->() const { return mbuf_.get(); }
    Bytes bytes() const {
        const auto* start = rte_pktmbuf_mtod(mbuf_.get(), const std::uint8_t*);
        return {start, start + mbuf_->data_len};
    }

  private:
    std::unique_ptr<rte_mbuf> mbuf_;
    std::unique_ptr<std::uint8_t[]> buffer_;
};

}  // namespace skerry::frames
