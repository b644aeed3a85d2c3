// What a POP asks a region of the functions that matter to it, and what the region knows of them,
// as it lies behind a probe's 64 bytes (docs/protocol.md, "Digest").
//
// Pure. The asker names functions by key and gets as many bytes back as it sent; any bytes are a
// digest: counts are bounded by the length, states beyond the known ones are `unknown`, and the
// rest is bounded by its shape. Rates are in thousandths a second.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/wire/message.hpp"

namespace skerry::wire {

namespace digest_flag {
inline constexpr std::uint16_t nearest = 1u << 0;  // of all regions, the receiver is nearest to us
}  // namespace digest_flag

struct [[gnu::packed]] DigestHead {
    Be<std::uint64_t> rate_milli;  // probe: arrivals at the POP, of all functions; reply: 0
    Be<std::uint16_t> flags;       // probe: digest_flag; reply: 0
    Be<std::uint16_t> entries;     // that follow; more than there is room for: as many as there is
    std::uint8_t reserved[4];      // zero; ignored
};
struct [[gnu::packed]] DigestEntry {
    Be<std::uint64_t> key;     // Header::function_key
    Be<std::uint64_t> warmth;  // probe: 0; reply: pack()
};
static_assert(sizeof(DigestHead) == 16 && sizeof(DigestEntry) == 16);
inline constexpr std::uint32_t kDigestAt = sizeof(ProbePayload);
inline constexpr std::uint32_t kDigestEntriesAt = kDigestAt + sizeof(DigestHead);
static_assert(kLongestProbeBytes == kDigestEntriesAt + kDigestEntriesMax * sizeof(DigestEntry));

constexpr std::uint32_t probe_bytes(std::uint32_t entries) {
    return kDigestEntriesAt + entries * static_cast<std::uint32_t>(sizeof(DigestEntry));
}
// How many entries a probe, or its reply, may have; less than 0: no digest.
constexpr int digest_room(std::uint32_t payload_bytes) {
    if (payload_bytes < kDigestEntriesAt) return -1;
    const std::uint32_t room = (payload_bytes - kDigestEntriesAt) / sizeof(DigestEntry);
    return static_cast<int>(std::min(room, kDigestEntriesMax));
}
// Those that there are: of `payload`, with as many bytes.
inline std::uint32_t digest_entries(const void* payload, std::uint32_t payload_bytes) {
    const int room = digest_room(payload_bytes);
    if (room < 0) return 0;
    DigestHead head;
    std::memcpy(&head, static_cast<const char*>(payload) + kDigestAt, sizeof head);
    return std::min<std::uint32_t>(head.entries.get(), static_cast<std::uint32_t>(room));
}

enum class WarmState : std::uint8_t {
    unknown = 0,  // not deployed there, or nothing is known yet
    cold = 1,     // no worker
    busy = 2,     // workers, and all of them are taken
    idle = 3,     // one of them is free
};

// A function at a region.
struct Warmth {
    WarmState state = WarmState::unknown;
    std::uint32_t idle_ms = 0;     // since it was asked for there last; 24 bits, the most: or never
    std::uint32_t rate_milli = 0;  // arrivals there, all askers'
    bool operator==(const Warmth&) const = default;
};
inline constexpr std::uint32_t kIdleMsMax = (1u << 24) - 1;

// Most significant first: state (8), idle (24), rate (32). 0: nothing is known.
constexpr std::uint64_t pack(const Warmth& warmth) {
    return std::uint64_t{static_cast<std::uint8_t>(warmth.state)} << 56 |
           std::uint64_t{std::min(warmth.idle_ms, kIdleMsMax)} << 32 | warmth.rate_milli;
}

constexpr Warmth unpack_warmth(std::uint64_t word) {
    const auto state = static_cast<std::uint8_t>(word >> 56);
    if (state == 0 || state > static_cast<std::uint8_t>(WarmState::idle)) return {};
    return {.state = static_cast<WarmState>(state),
            .idle_ms = static_cast<std::uint32_t>(word >> 32) & kIdleMsMax,
            .rate_milli = static_cast<std::uint32_t>(word)};
}

}  // namespace skerry::wire
