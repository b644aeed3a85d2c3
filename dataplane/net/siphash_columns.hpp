// SipHash of many messages of one shape at once: where the CPU has AVX-512, eight of them in the
// time of one. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/net/siphash.hpp"

namespace skerry::net {

// Messages are rows, and lie in columns: columns[w][i] is word w of message i, and the last column
// is what ends a message (padding, or tail and length: see siphash.hpp). hashes[i] is what
// siphash() and siphash_and_tail(), or siphash_of_table(), say of message i.
//
// `hashes` says how many there are. Rows are read and written in whole eights: columns and hashes
// have room for that.
inline constexpr std::size_t kColumnStep = 8;
using Columns = std::span<const std::uint64_t* const>;
void siphash_columns(const SipKey& key, Columns columns, std::span<std::uint64_t> hashes);
void siphash_columns_of_table(const SipKey& key, Columns columns, std::span<std::uint64_t> hashes);

// The word that ends a message of `words` whole ones.
constexpr std::uint64_t sip_padding(std::uint64_t words) {
    return words * 8 << 56;
}
// The same, with seven bytes more.
constexpr std::uint64_t sip_tail(std::uint64_t words, std::uint64_t tail) {
    return (words * 8 + 7) << 56 | (tail & ~std::uint64_t{0} >> 8);
}

// What CPUs without AVX-512 do; for tests.
void siphash_columns_plain(const SipKey& key, Columns columns, std::span<std::uint64_t> hashes);

}  // namespace skerry::net
