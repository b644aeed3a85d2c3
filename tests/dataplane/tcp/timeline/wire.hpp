// TCP segments as the scripts speak of them, to bytes and from bytes. Shares no code with
// dataplane/net: what is wrong on one side can't be wrong on the other in the same way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/dataplane/frames.hpp"

namespace skerry::timeline {

using frames::Bytes;
using frames::IpAddress;

inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32;

struct Block {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    bool operator==(const Block&) const = default;
};

struct Timestamp {
    std::uint32_t value = 0;
    std::uint32_t echo = 0;
};

struct TcpOptions {
    std::optional<std::uint16_t> mss;
    std::optional<std::uint8_t> scale;
    bool sack_ok = false;
    std::optional<Timestamp> timestamp;
    std::vector<Block> sacks;
    Bytes raw;  // as they are, instead of all others
};

struct TcpSegment {
    std::uint16_t from = 0;
    std::uint16_t to = 0;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint8_t flags = 0;
    std::uint16_t window = 0;
    std::uint16_t urgent = 0;
    TcpOptions options;
    Bytes payload;
};

// Header and payload, with its checksum.
Bytes to_bytes(const TcpSegment& segment, const IpAddress& from, const IpAddress& to);

// A frame that the stack has sent: Ethernet, IP and TCP with every length and checksum right.
struct Sent {
    IpAddress from;
    IpAddress to;
    TcpSegment segment;
    Bytes packet;  // from the IP header on
};
// `wrong` says what is wrong with it, if anything is.
std::optional<Sent> from_frame(const Bytes& frame, std::string& wrong);

}  // namespace skerry::timeline
