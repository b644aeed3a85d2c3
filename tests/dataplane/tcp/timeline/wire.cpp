#include "tests/dataplane/tcp/timeline/wire.hpp"

#include <algorithm>
#include <span>

namespace skerry::timeline {
namespace {

void put32(Bytes& out, std::uint32_t value) {
    frames::put16(out, static_cast<std::uint16_t>(value >> 16));
    frames::put16(out, static_cast<std::uint16_t>(value));
}
std::uint32_t get32(std::span<const std::uint8_t> bytes, std::size_t at) {
    return std::uint32_t{frames::get16(bytes, at)} << 16 | frames::get16(bytes, at + 2);
}

Bytes option_bytes(const TcpOptions& options) {
    Bytes out = options.raw;
    if (out.empty()) {
        if (options.mss) {
            frames::put(out, Bytes{2, 4});
            frames::put16(out, *options.mss);
        }
        if (options.sack_ok) frames::put(out, Bytes{4, 2});
        if (options.timestamp) {
            frames::put(out, Bytes{8, 10});
            put32(out, options.timestamp->value);
            put32(out, options.timestamp->echo);
        }
        if (options.scale) frames::put(out, Bytes{3, 3, *options.scale});
        if (!options.sacks.empty()) {
            frames::put(out, Bytes{5, static_cast<std::uint8_t>(2 + 8 * options.sacks.size())});
            for (const Block& block : options.sacks) {
                put32(out, block.left);
                put32(out, block.right);
            }
        }
    }
    while (out.size() % 4 != 0) out.push_back(1);
    return out;
}

// What a peer that takes nothing on trust would read. false: it would not.
bool read_options(std::span<const std::uint8_t> in, TcpOptions& options, std::string& wrong) {
    for (std::size_t at = 0; at < in.size();) {
        const std::uint8_t kind = in[at];
        if (kind == 0) return true;
        if (kind == 1) {
            ++at;
            continue;
        }
        if (at + 2 > in.size() || in[at + 1] < 2 || at + in[at + 1] > in.size()) {
            wrong = "an option without an end";
            return false;
        }
        const std::uint8_t bytes = in[at + 1];
        const auto value = in.subspan(at + 2, bytes - 2u);
        if (kind == 2 && bytes == 4) {
            options.mss = frames::get16(value, 0);
        } else if (kind == 3 && bytes == 3) {
            options.scale = value[0];
        } else if (kind == 4 && bytes == 2) {
            options.sack_ok = true;
        } else if (kind == 8 && bytes == 10) {
            options.timestamp = Timestamp{get32(value, 0), get32(value, 4)};
        } else if (kind == 5 && bytes >= 10 && bytes % 8 == 2) {
            for (std::size_t i = 0; i < value.size(); i += 8)
                options.sacks.push_back({get32(value, i), get32(value, i + 4)});
        } else {
            wrong = "option " + std::to_string(kind) + " of " + std::to_string(bytes) + " bytes";
            return false;
        }
        at += bytes;
    }
    return true;
}

// The addresses and what lies behind the IP header.
bool read_ip(const Bytes& packet, Sent& sent, Bytes& l4, std::string& wrong) {
    const bool v4 = packet[0] >> 4 == 4;
    const std::size_t header = v4 ? 20 : 40;
    if (packet.size() < header + 20) return wrong = "shorter than its headers", false;
    const std::size_t total = v4 ? frames::get16(packet, 2) : 40u + frames::get16(packet, 4);
    if (total != packet.size()) return wrong = "IP says another length than the frame has", false;
    if (packet[v4 ? 9 : 6] != 6) return wrong = "not TCP", false;
    if (v4) {
        if (packet[0] != 0x45) return wrong = "IP options", false;
        if (frames::internet_checksum(std::span(packet).first(20)) != 0)
            return wrong = "IP checksum", false;
        if (frames::get16(packet, 6) != 0x4000) return wrong = "may be fragmented", false;
        std::uint32_t address;
        std::memcpy(&address, &packet[12], 4);
        sent.from = IpAddress::v4(address);
        std::memcpy(&address, &packet[16], 4);
        sent.to = IpAddress::v4(address);
    } else {
        sent.from = IpAddress::v6(&packet[8]);
        sent.to = IpAddress::v6(&packet[24]);
    }
    l4.assign(packet.begin() + static_cast<long>(header), packet.end());
    return true;
}

}  // namespace

Bytes to_bytes(const TcpSegment& segment, const IpAddress& from, const IpAddress& to) {
    const Bytes options = option_bytes(segment.options);
    Bytes out;
    frames::put16(out, segment.from);
    frames::put16(out, segment.to);
    put32(out, segment.seq);
    put32(out, segment.ack);
    out.push_back(static_cast<std::uint8_t>((20 + options.size()) / 4 << 4));
    out.push_back(segment.flags);
    frames::put16(out, segment.window);
    frames::put16(out, 0);
    frames::put16(out, segment.urgent);
    frames::put(out, options);
    frames::put(out, segment.payload);
    const std::uint16_t sum = frames::transport_checksum(from, to, 6, out);
    out[16] = static_cast<std::uint8_t>(sum >> 8);
    out[17] = static_cast<std::uint8_t>(sum);
    return out;
}

std::optional<Sent> from_frame(const Bytes& frame, std::string& wrong) {
    if (frame.size() < 14 + 40) return wrong = "shorter than its headers", std::nullopt;
    const std::uint16_t type = frames::get16(frame, 12);
    if (type != 0x0800 && type != 0x86dd) return wrong = "not IP", std::nullopt;
    Sent sent;
    sent.packet.assign(frame.begin() + 14, frame.end());
    Bytes l4;
    if (!read_ip(sent.packet, sent, l4, wrong)) return std::nullopt;
    if (frames::transport_checksum(sent.from, sent.to, 6, l4) != 0)
        return wrong = "TCP checksum", std::nullopt;
    const std::size_t header = (l4[12] >> 4) * 4u;
    if (header < 20 || header > l4.size()) return wrong = "data offset", std::nullopt;
    TcpSegment& segment = sent.segment;
    segment.from = frames::get16(l4, 0);
    segment.to = frames::get16(l4, 2);
    segment.seq = get32(l4, 4);
    segment.ack = get32(l4, 8);
    segment.flags = l4[13];
    segment.window = frames::get16(l4, 14);
    segment.urgent = frames::get16(l4, 18);
    segment.payload.assign(l4.begin() + static_cast<long>(header), l4.end());
    if (!read_options(std::span(l4).subspan(20, header - 20), segment.options, wrong))
        return std::nullopt;
    if ((l4[12] & 0xf) != 0) return wrong = "reserved bits are set", std::nullopt;
    return sent;
}

}  // namespace skerry::timeline
