// The invocation message: the one header that every Skerry datagram starts with.
//
// docs/protocol.md is the specification, byte by byte. Big-endian, fixed size, the same layout for
// requests and replies: a header-only reply is therefore never longer than the request it answers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/reasons.hpp"

namespace skerry::wire {

inline constexpr std::uint32_t kMagic = 0x534b5259;  // "SKRY"
inline constexpr std::uint8_t kVersion = 1;
// Of a request that brings its caller's client context, and of nothing else: a server that knows
// none refuses it, instead of taking the context for a part of the argument.
inline constexpr std::uint8_t kVersionWithContext = 2;
// What 3583 characters of base64 hold, AWS's limit of X-Amz-Client-Context.
inline constexpr std::uint32_t kContextBytesMax = 2687;
inline constexpr std::uint8_t kMaxHops = 2;  // client → POP → region; a third hop is a loop
inline constexpr std::size_t kPlaceBytes = 16;

enum class Kind : std::uint8_t {
    invoke = 1,
    reply = 2,
    probe = 3,
    probe_reply = 4,
    challenge = 5,  // "prove your address": carries the cookie to send with the request
    accepted = 6,   // "I have started it": sent when the request asked for it
    cancel = 7,     // "nobody wants it any more": a request that still waits is forgotten
};

namespace flag {
inline constexpr std::uint16_t forwarded = 1u << 0;       // request: comes from a POP
inline constexpr std::uint16_t want_accepted = 1u << 1;   // request: send `accepted` when started
inline constexpr std::uint16_t cold = 1u << 2;            // reply: a worker was started for it
inline constexpr std::uint16_t replayed = 1u << 3;        // reply: from the reply cache
inline constexpr std::uint16_t maybe_repeated = 1u << 4;  // reply: an earlier region fell silent
inline constexpr std::uint16_t withdrawn = 1u << 5;  // refusal: it had been taken in, and waited
inline constexpr std::uint16_t want_tail = 1u << 6;  // request: the tail of its log, too
inline constexpr std::uint16_t retry_key = 1u << 7;  // request over a trunk: `place` is its key
inline constexpr std::uint16_t load = 1u << 8;  // region's reply: `cookie` is its load (load.hpp).
                                                // Probe reply: a longer probe is understood
inline constexpr std::uint16_t idempotent = 1u << 9;  // client's request: to execute it twice does
                                                      // no harm (RetryPolicy::marked)
}  // namespace flag

// Big-endian integer as it lies in the packet.
template <typename T>
struct [[gnu::packed]] Be {
    T raw;
    static constexpr T swap(T value) {
        if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
        if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
        if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
        return value;
    }
    T get() const { return swap(raw); }
    void set(T value) { raw = swap(value); }
};

struct [[gnu::packed]] Header {
    Be<std::uint32_t> magic;
    std::uint8_t version;
    std::uint8_t kind;
    Be<std::uint16_t> flags;
    Be<std::uint64_t> request_id_hi;
    Be<std::uint64_t> request_id_lo;
    Be<std::uint64_t> function_key;  // first 8 bytes of SHA-256 of the function's name
    Be<std::uint64_t> qualifier;     // 0: current version; else a version key or an alias key.
                                     // In a reply: the key of the version that was executed
    Be<std::uint64_t> trace_id_hi;   // W3C trace context: trace-id, 16 bytes
    Be<std::uint64_t> trace_id_lo;
    Be<std::uint64_t> span_id;      // W3C trace context: parent-id
    Be<std::uint64_t> cookie;       // proof of address; 0: none
    Be<std::uint32_t> deadline_us;  // request: time left; reply: 0
    Be<std::uint32_t> payload_bytes;
    std::uint8_t hop_count;
    std::uint8_t status;           // reply: ReplyStatus
    std::uint8_t attempts;         // reply: regions that were asked
    std::uint8_t busy;             // reply: share of this server's slots in use, 255 = all
    Be<std::uint32_t> queue_us;    // reply: time spent waiting for a slot or a start
    Be<std::uint32_t> run_us;      // reply: time spent inside the worker
    std::uint8_t copy;             // request: which transmission of it this is; a reply's: the same
    std::uint8_t reserved;         // zero; ignored
    Be<std::uint16_t> tail_bytes;  // of the payload, at its end. Reply: the tail of the log;
                                   // request of kVersionWithContext: the client context
    char place[kPlaceBytes];       // reply: "pop" or the region's name, NUL padded; request: with
                                   // flag::retry_key what makes tries of it the same
};
inline constexpr std::size_t kHeaderBytes = 112;
static_assert(sizeof(Header) == kHeaderBytes && alignof(Header) == 1);
static_assert(offsetof(Header, request_id_hi) == 8 && offsetof(Header, cookie) == 64);
static_assert(offsetof(Header, deadline_us) == 72 && offsetof(Header, hop_count) == 80);
static_assert(offsetof(Header, tail_bytes) == 94 && offsetof(Header, place) == 96);
static_assert(std::endian::native == std::endian::little);

// What a reply's header says beside what it keeps of the request's (ids, keys, trace).
struct ReplyHead {
    Kind kind = Kind::reply;
    std::uint8_t status = 0;
    std::uint8_t attempts = 0;
    std::uint8_t busy = 0;
    std::uint16_t flags = 0;
    std::uint32_t payload_bytes = 0;
    std::uint64_t cookie = 0;
};

// Turns a request's header into a reply's. Word by word: the packet's checksum is taken right
// afterwards, and would wait for narrow writes. queue_us, run_us, reserved and tail_bytes become 0;
// `copy` says which copy it answers.
inline void write_reply_head(Header& header, const ReplyHead& head, const char* place) {
    const auto put = [&header](std::size_t offset, std::uint64_t word) {
        std::memcpy(reinterpret_cast<char*>(&header) + offset, &word, sizeof word);
    };
    put(0, std::uint64_t{__builtin_bswap32(kMagic)} | std::uint64_t{kVersion} << 32 |
               std::uint64_t{static_cast<std::uint8_t>(head.kind)} << 40 |
               std::uint64_t{__builtin_bswap16(head.flags)} << 48);
    put(64, __builtin_bswap64(head.cookie));
    put(72, std::uint64_t{__builtin_bswap32(head.payload_bytes)} << 32);
    put(80, std::uint64_t{header.hop_count} | std::uint64_t{head.status} << 8 |
                std::uint64_t{head.attempts} << 16 | std::uint64_t{head.busy} << 24);
    put(88, std::uint64_t{header.copy} << 32);
    std::memcpy(header.place, place, 8);
    std::memcpy(header.place + 8, place + 8, 8);
}

// How much of a reply's payload is the tail of its log; 0 when its header says more than there is.
inline std::uint32_t tail_of(const Header& header) {
    const std::uint32_t bytes = header.tail_bytes.get();
    return bytes <= header.payload_bytes.get() ? bytes : 0;
}

// How much of a valid request's payload is its client context; the argument is before it.
inline std::uint32_t context_of(const Header& request) {
    return request.version == kVersionWithContext ? request.tail_bytes.get() : 0;
}
inline std::uint32_t argument_bytes(const Header& request) {
    return request.payload_bytes.get() - context_of(request);
}

// The context lies behind the argument, and payload_bytes has both: a valid request is one still.
inline void put_context(Header& request, std::uint32_t context_bytes) {
    if (context_bytes == 0) return;
    request.version = kVersionWithContext;
    request.tail_bytes.set(static_cast<std::uint16_t>(context_bytes));
}

// Payload of a probe (zeros) and of its reply. Probe and reply are the same size: that of the first
// version, which ends after `draining`, or all of it. What a reply does not have is not known.
struct [[gnu::packed]] ProbePayload {
    Be<std::uint64_t> boot_id;        // changes when the server restarts
    Be<std::uint64_t> catalog_epoch;  // changes when the set of versions held changes
    Be<std::uint32_t> in_flight;      // invocations being executed
    Be<std::uint32_t> waiting;        // invocations waiting for a slot
    Be<std::uint32_t> free_slots;
    Be<std::uint32_t> draining;    // 1: send no new work
    Be<std::uint32_t> slots;       // invocations it could execute at once; 0: not known
    Be<std::uint32_t> service_us;  // what an execution takes of late; 0: not known
    Be<std::uint32_t> region_us;   // the same with the wait before it
    Be<std::uint32_t>
        slow_permille;  // executions take so much of what they usually take; 0: as usual
    // Of warmth (select/warmth.hpp): how long an idle worker survives at present; of a thousand
    // that were ended for room, those that were missed; arrivals at the POPs that the region is
    // nearest to, in thousandths a second. What is not known is 0.
    Be<std::uint32_t> keep_ms;
    Be<std::uint16_t> crowding_permille;
    Be<std::uint16_t> digest_entries;  // it answers so many (digest.hpp); 0: it knows no digest
    Be<std::uint64_t> catchment_milli;
};
inline constexpr std::uint32_t kFirstProbeBytes = 32;
static_assert(sizeof(ProbePayload) == 64 && offsetof(ProbePayload, slots) == kFirstProbeBytes);
static_assert(offsetof(ProbePayload, keep_ms) == 48 &&
              offsetof(ProbePayload, catchment_milli) == 56);
// What is longer may have a digest behind it (digest.hpp), and is answered in full length, zeros at
// the end. With all headers it fits the least MTU of IPv6, 1280.
inline constexpr std::uint32_t kDigestEntriesMax = 63;
inline constexpr std::uint32_t kLongestProbeBytes =
    std::uint32_t{sizeof(ProbePayload)} + 16 + kDigestEntriesMax * 16;
static_assert(kHeaderBytes + kLongestProbeBytes + 48 <= 1280);
constexpr bool is_probe_size(std::uint32_t payload_bytes) {
    return payload_bytes == kFirstProbeBytes ||
           (payload_bytes >= sizeof(ProbePayload) && payload_bytes <= kLongestProbeBytes);
}

struct RequestId {
    std::uint64_t hi = 0;
    std::uint64_t lo = 0;
    bool operator==(const RequestId&) const = default;
};

enum class ParseError : std::uint8_t { none, not_skerry, bad_version, bad_length };

// Checks what can be known without tables: length, magic, version, payload length. `bytes` is what
// UDP delivered. On `none` the header may be read in place; kind and keys are not judged here.
inline ParseError validate(const void* data, std::size_t bytes) {
    if (bytes < kHeaderBytes) return ParseError::not_skerry;
    const auto* header = static_cast<const Header*>(data);
    // One comparison on the common path: magic and version are the first five bytes.
    std::uint64_t first;
    std::memcpy(&first, data, sizeof first);
    constexpr std::uint64_t kWanted =
        std::uint64_t{__builtin_bswap32(kMagic)} | (std::uint64_t{kVersion} << 32);
    if ((first & 0xff'ffff'ffffull) != kWanted) [[unlikely]] {
        if (header->magic.get() != kMagic) return ParseError::not_skerry;
        if (header->version != kVersionWithContext ||
            header->kind != static_cast<std::uint8_t>(Kind::invoke))
            return ParseError::bad_version;
        const std::uint32_t context_bytes = header->tail_bytes.get();
        if (context_bytes == 0 || context_bytes > kContextBytesMax ||
            context_bytes > header->payload_bytes.get())
            return ParseError::bad_length;
    }
    if (header->payload_bytes.get() != bytes - kHeaderBytes) [[unlikely]]
        return ParseError::bad_length;
    return ParseError::none;
}

}  // namespace skerry::wire
