// Keys of functions and versions as they travel in the header, for programs that speak the native
// protocol without the catalog. The same values as control/catalog/catalog.hpp computes (a test
// compares them). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace skerry::client {

// Header::function_key: the first 8 bytes, big-endian, of SHA-256(name). Never 0 (then 1).
std::uint64_t function_key(std::string_view name);

// Header::qualifier from text of 16 to 64 hex digits: a version's digest, or a prefix of one that
// is long enough. Never 0 (then 1). Nothing: not such a text.
std::optional<std::uint64_t> version_key(std::string_view digest_hex);

// Header::qualifier of an alias: the first 8 bytes of SHA-256(alias). Never 0 (then 1). Nothing:
// not what an alias can be called, which is 1 to 63 of a-z, A-Z, 0-9, - and _.
std::optional<std::uint64_t> alias_key(std::string_view alias);

}  // namespace skerry::client
