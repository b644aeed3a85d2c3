// What a trunk carries (docs/protocol.md, "Trunks"): frames of eight bytes and a body, big-endian.
//
//   0   type      FrameType
//   1   reserved  0
//   2   bytes     of the body
//   4   stream    0: the trunk itself; else sequence << 6 | place
//
// A stream is one invocation. It lives in one of kStreams places; the POP, who opens it, counts the
// sequence of each place up from 1, so that a number is never used twice on a trunk and both ends
// find a stream without searching.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/wire/message.hpp"

namespace skerry::trunk {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::uint32_t kMagic = 0x534b544b;  // "SKTK"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::uint32_t kPlaceBits = 6;
inline constexpr std::uint32_t kStreams = 1u << kPlaceBits;  // of one trunk at a time
inline constexpr std::uint32_t kSequenceMax = (1u << (32 - kPlaceBits)) - 1;
inline constexpr std::uint32_t kDataBytesMax = 16384;                 // of one frame
inline constexpr std::uint32_t kPayloadBytesMax = (8u << 20) + 4096;  // of one message
inline constexpr std::uint32_t kCreditBytesMax = 64u << 20;  // that one end may hold of a stream
inline constexpr std::uint32_t kWindowBytesMin = kDataBytesMax;  // of every stream from its start

enum class FrameType : std::uint8_t {
    hello = 1,    // the first of each end, and only that: HelloBody
    message = 2,  // a wire::Header: the request; `accepted`, or the reply
    data = 3,     // the next bytes of the stream's last message
    credit = 4,   // CreditBody: so many bytes more may be sent
    cancel = 5,   // POP → region: nobody waits for the answer any more
    ping = 6,     // EchoBody: to be sent back
    pong = 7,
};

template <typename T>
using Be = wire::Be<T>;

struct [[gnu::packed]] FrameHead {
    std::uint8_t type;
    std::uint8_t reserved;
    Be<std::uint16_t> bytes;
    Be<std::uint32_t> stream;
};
inline constexpr std::uint32_t kFrameHeadBytes = 8;
static_assert(sizeof(FrameHead) == kFrameHeadBytes && offsetof(FrameHead, stream) == 4);

// What this end takes beyond what version 1 always had.
namespace feature {
inline constexpr std::uint32_t contexts = 1u << 0;  // requests of wire::kVersionWithContext
}

struct [[gnu::packed]] HelloBody {
    Be<std::uint32_t> magic;
    Be<std::uint16_t> version;
    Be<std::uint16_t> streams;       // at a time, that this end takes: 1 … kStreams
    Be<std::uint32_t> window_bytes;  // credit that every stream begins with, towards this end
    Be<std::uint32_t> features;      // bits of feature; what is not known is ignored
};
static_assert(sizeof(HelloBody) == 16);

struct [[gnu::packed]] CreditBody {
    Be<std::uint32_t> bytes;
};
static_assert(sizeof(CreditBody) == 4);

struct [[gnu::packed]] EchoBody {
    Be<std::uint64_t> word;
};
static_assert(sizeof(EchoBody) == 8);

inline constexpr std::uint32_t kSmallBodyMax = wire::kHeaderBytes;  // of all but data

constexpr std::uint32_t place_of(std::uint32_t stream) {
    return stream & (kStreams - 1);
}
constexpr std::uint32_t sequence_of(std::uint32_t stream) {
    return stream >> kPlaceBits;
}
constexpr std::uint32_t stream_of(std::uint32_t place, std::uint32_t sequence) {
    return sequence << kPlaceBits | place;
}

}  // namespace skerry::trunk
