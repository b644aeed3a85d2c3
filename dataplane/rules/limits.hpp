// What a set of admission rules may have. What exceeds them is refused when rules are compiled
// (control/rules).
#pragma once

#include <cstddef>
#include <cstdint>

namespace skerry::rules {

inline constexpr std::uint32_t kRulesMax = 1024;
inline constexpr std::uint32_t kNameBytesMax = 64;
inline constexpr std::uint32_t kPatternBytesMax = 1024;
inline constexpr std::uint32_t kFieldNamesMax = 32;  // different ones that rules name
inline constexpr std::uint32_t kFieldNameBytesMax = 64;
inline constexpr std::uint32_t kRateRulesMax = 32;  // each has a table of keys on every core
inline constexpr std::uint32_t kRateKeys = 4096;    // that such a table remembers
inline constexpr std::uint32_t kPerSecondMax = 1'000'000;

// Of a body, at most: how much of it is looked at; and how many bodies that come in several pieces
// are, on each core at once.
inline constexpr std::uint32_t kBodyBytesMax = 65536;
inline constexpr std::uint32_t kStreamsMax = 65536;

// Of a request. Longer ones are refused before.
inline constexpr std::size_t kQueryBytesMax = 16384;
inline constexpr std::size_t kFieldsMax = 128;

}  // namespace skerry::rules
