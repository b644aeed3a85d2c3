// What one client may make this server keep, do or wait for. All have an answer when they are
// reached: docs/http.md has the table.
#pragma once

#include <cstdint>

namespace skerry::http {

inline constexpr std::uint32_t kHeadBytesMax = 16384;  // what a buffer for a head in pieces holds
inline constexpr std::uint32_t kFieldsMax = 128;

struct Limits {
    // Of a head: request line, fields and the empty line.
    std::uint32_t head_bytes = 8192;    // ≤ kHeadBytesMax; more: 431
    std::uint32_t target_bytes = 4096;  // more: 414
    std::uint32_t fields = 64;          // ≤ kFieldsMax; more: 431
    // Of a body.
    std::uint64_t body_bytes = 6ull << 20;  // more: 413
    std::uint32_t chunk_line_bytes = 256;   // a chunk's size and extensions; more: 400
    std::uint32_t extension_bytes = 4096;   // of all chunks' extensions together; more: 400
    std::uint32_t trailer_bytes = 4096;     // more: 431
};

}  // namespace skerry::http
