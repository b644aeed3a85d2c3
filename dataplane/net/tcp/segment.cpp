#include "dataplane/net/tcp/segment.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hpp"

namespace skerry::net::tcp {
namespace {

enum Option : std::uint8_t {
    kEnd = 0,
    kNop = 1,
    kMss = 2,
    kScale = 3,
    kSackPermitted = 4,
    kSack = 5,
    kTimestamps = 8,
};
constexpr std::uint32_t kAlignedTimestamps = kNop << 24 | kNop << 16 | kTimestamps << 8 | 10;
constexpr std::uint32_t kSackedTimestamps = kSackPermitted << 24 | 2 << 16 | kTimestamps << 8 | 10;
constexpr std::uint32_t kMssWord = kMss << 24 | 4 << 16,
                        kScaleWord = kNop << 24 | kScale << 16 | 3 << 8;
constexpr std::ptrdiff_t kUsualSynBytes = 4 + kTimestampBytes + 4;
constexpr std::size_t kChecksumAt = 16;

std::uint16_t get16(const std::uint8_t* at) {
    return __builtin_bswap16(load<std::uint16_t>(at));
}
std::uint32_t get32(const std::uint8_t* at) {
    return __builtin_bswap32(load<std::uint32_t>(at));
}

// Writes words, and sums them up.
class Writer {
  public:
    explicit Writer(std::uint8_t* at) : at_(at) {}
    void put(std::uint32_t value) {
        const std::uint32_t swapped = __builtin_bswap32(value);
        std::memcpy(at_, &swapped, sizeof swapped);
        at_ += sizeof swapped;
        sum_ += swapped;
    }
    std::uint64_t sum() const { return sum_; }

  private:
    std::uint8_t* at_;
    std::uint64_t sum_ = 0;
};

bool read_sacks(const std::uint8_t* at, std::uint8_t bytes, Segment& segment) {
    if (bytes < 8 || bytes % 8 != 0 || bytes > 8 * kMaxSacks) return false;
    segment.sack_count = bytes / 8;
    for (std::uint8_t i = 0; i < segment.sack_count; ++i, at += 8)
        segment.sacks[i] = {get32(at), get32(at + 4)};
    return true;
}

// One option that has a length: its kind, and its `bytes` bytes of value.
bool read_option(std::uint8_t kind, const std::uint8_t* value, std::uint8_t bytes,
                 Segment& segment) {
    const bool syn = segment.has(kSyn);
    switch (kind) {
        case kMss:
            if (bytes != 2) return false;
            segment.has_mss = syn;
            segment.mss = get16(value);
            return true;
        case kScale:
            if (bytes != 1) return false;
            segment.has_scale = syn;
            segment.scale = *value > kMaxScale ? kMaxScale : *value;  // RFC 7323 §2.3
            return true;
        case kSackPermitted:
            if (bytes != 0) return false;
            segment.sack_permitted = syn;
            return true;
        case kSack:
            return read_sacks(value, bytes, segment);
        case kTimestamps:
            if (bytes != 8) return false;
            segment.has_timestamp = true;
            segment.ts_value = get32(value);
            segment.ts_echo = get32(value + 4);
            return true;
        default:
            return true;
    }
}

// What a kernel's SYN has, in the order of RFC 7323 appendix A.
bool read_usual_syn(const std::uint8_t* at, Segment& segment) {
    const std::uint32_t mss = get32(at), scale = get32(at + 16);
    if (!segment.has(kSyn) || (mss & 0xffff'0000) != kMssWord ||
        get32(at + 4) != kSackedTimestamps || (scale & 0xffff'ff00) != kScaleWord)
        return false;
    segment.has_mss = segment.sack_permitted = segment.has_timestamp = segment.has_scale = true;
    segment.mss = static_cast<std::uint16_t>(mss);
    segment.ts_value = get32(at + 8);
    segment.ts_echo = get32(at + 12);
    segment.scale = std::min(static_cast<std::uint8_t>(scale), kMaxScale);  // RFC 7323 §2.3
    return true;
}

bool read_options(const std::uint8_t* at, const std::uint8_t* end, Segment& segment) {
    // What nearly every segment of a connection has, and nothing else.
    if (end - at == kTimestampBytes && get32(at) == kAlignedTimestamps) [[likely]] {
        segment.has_timestamp = true;
        segment.ts_value = get32(at + 4);
        segment.ts_echo = get32(at + 8);
        return true;
    }
    if (end - at == kUsualSynBytes && read_usual_syn(at, segment)) return true;
    while (at < end) {
        const std::uint8_t kind = *at;
        if (kind == kEnd) return true;
        if (kind == kNop) {
            ++at;
            continue;
        }
        if (end - at < 2) return false;
        const std::uint8_t bytes = at[1];
        if (bytes < 2 || bytes > end - at) return false;
        if (!read_option(kind, at + 2, static_cast<std::uint8_t>(bytes - 2), segment)) return false;
        at += bytes;
    }
    return true;
}

std::uint32_t fixed_option_bytes(const Segment& segment) {
    std::uint32_t bytes = 0;
    if (segment.has_mss) bytes += 4;
    if (segment.has_timestamp) {
        bytes += kTimestampBytes;
    } else if (segment.sack_permitted) {
        bytes += 4;
    }
    if (segment.has_scale) bytes += 4;
    return bytes;
}

// As many as fit beside the other options (RFC 2018 §3: 4, or 3 with timestamps).
std::uint32_t sacks_that_fit(const Segment& segment, std::uint32_t other_bytes) {
    if (segment.sack_count == 0 || other_bytes + 12 > kMaxOptionBytes) return 0;
    const std::uint32_t room = (kMaxOptionBytes - other_bytes - 4) / 8;
    return segment.sack_count < room ? segment.sack_count : room;
}

}  // namespace

bool parse(const std::uint8_t* l4, std::uint16_t l4_bytes, Segment& segment) {
    segment = {};
    if (l4_bytes < kBareTcpHeaderBytes) return false;
    const std::uint32_t header_bytes = (l4[12] >> 4) * 4u;
    if (header_bytes < kBareTcpHeaderBytes || header_bytes > l4_bytes) return false;
    segment.source = get16(l4);
    segment.destination = get16(l4 + 2);
    segment.seq = get32(l4 + 4);
    segment.ack = get32(l4 + 8);
    segment.flags = l4[13];
    segment.window = get16(l4 + 14);
    segment.urgent = get16(l4 + 18);
    segment.header_bytes = static_cast<std::uint8_t>(header_bytes);
    segment.payload = l4 + header_bytes;
    segment.payload_bytes = static_cast<std::uint16_t>(l4_bytes - header_bytes);
    return read_options(l4 + kBareTcpHeaderBytes, l4 + header_bytes, segment);
}

std::uint32_t option_bytes(const Segment& segment) {
    const std::uint32_t fixed = fixed_option_bytes(segment);
    const std::uint32_t sacks = sacks_that_fit(segment, fixed);
    return fixed + (sacks == 0 ? 0 : 4 + 8 * sacks);
}

Emitted emit(std::uint8_t* at, const Segment& segment) {
    const std::uint32_t fixed = fixed_option_bytes(segment);
    const std::uint32_t sacks = sacks_that_fit(segment, fixed);
    const std::uint32_t header_bytes =
        kBareTcpHeaderBytes + fixed + (sacks == 0 ? 0 : 4 + 8 * sacks);
    Writer to(at);
    to.put(std::uint32_t{segment.source} << 16 | segment.destination);
    to.put(segment.seq);
    to.put(segment.ack);
    to.put(header_bytes / 4 << 28 | std::uint32_t{segment.flags} << 16 | segment.window);
    to.put(segment.urgent);

    if (segment.has_mss) to.put(kMssWord | segment.mss);
    // SACK-permitted takes the place of the two NOPs (RFC 7323 appendix A has both layouts).
    if (segment.has_timestamp) {
        to.put(segment.sack_permitted ? kSackedTimestamps : kAlignedTimestamps);
        to.put(segment.ts_value);
        to.put(segment.ts_echo);
    } else if (segment.sack_permitted) {
        to.put(kNop << 24 | kNop << 16 | kSackPermitted << 8 | 2u);
    }
    if (segment.has_scale) to.put(kScaleWord | segment.scale);
    if (sacks != 0) {
        to.put(kNop << 24 | kNop << 16 | kSack << 8 | (2 + 8 * sacks));
        for (std::uint32_t i = 0; i < sacks; ++i) {
            to.put(segment.sacks[i].left);
            to.put(segment.sacks[i].right);
        }
    }
    return {header_bytes, to.sum()};
}

std::uint64_t tcp_pseudo_sum(const IpAddress& source, const IpAddress& destination,
                             std::uint16_t l4_bytes) {
    constexpr std::uint64_t kTcp = 6;
    std::uint64_t sum = kTcp << 8;  // as it lies in memory, behind a zero
    sum += __builtin_bswap16(l4_bytes);
    if (source.is_v4()) return sum + source.v4_network_order() + destination.v4_network_order();
    sum = add_carry(sum, source.high());
    sum = add_carry(sum, source.low());
    sum = add_carry(sum, destination.high());
    return add_carry(sum, destination.low());
}

std::uint64_t add_piece(std::uint64_t sum, const void* data, std::size_t bytes,
                        std::size_t offset) {
    const std::uint64_t piece = partial_sum(data, bytes);
    if (offset % 2 == 0) return add_carry(sum, piece);
    // The piece's words lie astride the segment's: its sum, bytes swapped (RFC 1071 §2 (B)).
    return add_carry(sum, __builtin_bswap16(fold(piece)));
}

void put_checksum(std::uint8_t* l4, std::uint64_t sum) {
    const auto checksum = static_cast<std::uint16_t>(~fold(sum));
    std::memcpy(l4 + kChecksumAt, &checksum, sizeof checksum);
}

bool checksum_is_good(const IpAddress& source, const IpAddress& destination, const std::uint8_t* l4,
                      std::uint16_t l4_bytes) {
    const std::uint64_t sum = tcp_pseudo_sum(source, destination, l4_bytes);
    return fold(add_carry(sum, partial_sum(l4, l4_bytes))) == 0xffff;
}

}  // namespace skerry::net::tcp
