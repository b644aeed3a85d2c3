// What a set of routes, and one request to be classified, may have. What exceeds them is refused:
// routes when they are compiled (control/routes), requests with Fault (docs/routes.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace skerry::classify {

// Of requests.
inline constexpr std::size_t kPathBytesMax = 4096;  // of the normal form
inline constexpr std::size_t kHostBytesMax = 253;   // RFC 1035 §2.3.4, without the last dot
inline constexpr std::size_t kLabelBytesMax = 63;

// Of a set of routes.
inline constexpr std::uint32_t kRoutesMax = 8192;
inline constexpr std::uint32_t kHostsMax = 4096;
inline constexpr std::uint32_t kHostPatternsMax = 256;    // hosts that are regular expressions
inline constexpr std::uint32_t kWildcardLabelsMax = 16;   // behind the asterisk of a host
inline constexpr std::uint32_t kPatternBytesMax = 1024;   // of one path
inline constexpr std::uint32_t kTextBytesMax = 4u << 20;  // of all texts together
inline constexpr std::uint32_t kSegmentsMax = 32;         // of a path that has parameters
inline constexpr std::uint32_t kParamsMax = 16;           // of one route
inline constexpr std::uint32_t kParamNameBytesMax = 32;
inline constexpr std::uint32_t kConditionsMax = 8;        // of one route
inline constexpr std::uint32_t kConditionBytesMax = 256;  // a name, or a value
inline constexpr std::uint32_t kRoutesOfOnePathMax = 64;  // that differ in methods and conditions
// How many nodes of one host's tree a path may lead through: bounds what a lookup costs.
inline constexpr std::uint32_t kVisitsMax = 256;

inline constexpr std::uint32_t kBurstMax = 32;  // requests classified at once

}  // namespace skerry::classify
