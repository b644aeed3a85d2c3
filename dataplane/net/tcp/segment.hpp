// A TCP segment's header as a value, from bytes and to bytes (RFC 9293 §3.1, §3.2; RFC 7323 §2, §3;
// RFC 2018 §2, §3). Pure functions; all numbers in host order.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/address.hpp"

namespace skerry::net::tcp {

enum FlagBits : std::uint8_t {
    kFin = 1,
    kSyn = 2,
    kRst = 4,
    kPsh = 8,
    kAck = 16,
    kUrg = 32,
    kEce = 64,
    kCwr = 128,
};

inline constexpr std::uint32_t kBareTcpHeaderBytes = 20;
inline constexpr std::uint32_t kMaxTcpHeaderBytes = 60;
inline constexpr std::uint32_t kMaxOptionBytes = kMaxTcpHeaderBytes - kBareTcpHeaderBytes;
inline constexpr std::uint32_t kTimestampBytes = 12;  // with the two NOPs in front
inline constexpr std::uint8_t kMaxScale = 14;         // RFC 7323 §2.3
inline constexpr std::uint16_t kDefaultMssV4 = 536;   // without the option: RFC 9293 §3.7.1
inline constexpr std::uint16_t kDefaultMssV6 = 1220;
inline constexpr std::uint8_t kMaxSacks = 4;

// [left, right) has been received (RFC 2018 §3).
struct SackBlock {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    bool operator==(const SackBlock&) const = default;
};

struct Segment {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint8_t flags = 0;
    std::uint8_t scale = 0;    // of has_scale; at most kMaxScale
    std::uint16_t window = 0;  // as on the wire, not scaled
    std::uint16_t urgent = 0;
    std::uint16_t mss = 0;  // of has_mss
    bool has_mss = false;
    bool has_scale = false;
    bool sack_permitted = false;
    bool has_timestamp = false;
    std::uint32_t ts_value = 0;
    std::uint32_t ts_echo = 0;
    SackBlock sacks[kMaxSacks];
    std::uint8_t sack_count = 0;
    std::uint8_t header_bytes = 0;  // parse() says, emit() computes
    std::uint16_t payload_bytes = 0;
    const std::uint8_t* payload = nullptr;

    bool has(std::uint8_t bits) const { return (flags & bits) != 0; }
    // SEG.LEN: what it takes of sequence space (RFC 9293 §3.4).
    std::uint32_t length() const {
        return payload_bytes + std::uint32_t{has(kSyn)} + std::uint32_t{has(kFin)};
    }
    std::span<const SackBlock> sack_blocks() const { return {sacks, sack_count}; }
};
static_assert(sizeof(Segment) <= 96);

// Of `l4_bytes` bytes at `l4`, header and payload. false, and `segment` is half filled: shorter
// than its header, a data offset that can't be, an option that does not end inside the header, or a
// known option of a wrong length (RFC 9293 §3.1, MUST-7). Unknown options are skipped. MSS, window
// scale and SACK-permitted are read of a SYN only. The checksum is not looked at.
bool parse(const std::uint8_t* l4, std::uint16_t l4_bytes, Segment& segment);

// What the options of `segment` take, padded to words. At most kMaxOptionBytes: SACK blocks that do
// not fit are left out.
std::uint32_t option_bytes(const Segment& segment);

// Writes header and options at `at`, where kMaxTcpHeaderBytes are free. The checksum is left 0, the
// payload is not touched.
struct Emitted {
    std::uint32_t bytes;
    // Of all of them (checksum.hpp): reading back what has just been written would wait for it.
    std::uint64_t sum;
};
Emitted emit(std::uint8_t* at, const Segment& segment);

// ---- The checksum (RFC 9293 §3.1, RFC 8200 §8.1), as partial sums of checksum.hpp.

// Of the pseudo header. `l4_bytes`: header and payload.
std::uint64_t tcp_pseudo_sum(const IpAddress& source, const IpAddress& destination,
                             std::uint16_t l4_bytes);
// `sum` and `bytes` more bytes, which lie `offset` bytes behind the start of the header: for a
// segment in several pieces, of any lengths.
std::uint64_t add_piece(std::uint64_t sum, const void* data, std::size_t bytes, std::size_t offset);
// Puts what `sum` (pseudo header, header with checksum 0, payload) comes to into the header at
// `l4`.
void put_checksum(std::uint8_t* l4, std::uint64_t sum);
// Of one whole segment, in one piece.
bool checksum_is_good(const IpAddress& source, const IpAddress& destination, const std::uint8_t* l4,
                      std::uint16_t l4_bytes);

}  // namespace skerry::net::tcp
