// Workers that stand by: started, but for no function yet, so that a start has only the function's
// own part of it to wait for (docs/decisions/0015-workers-that-stand-by.md). Each becomes a worker
// of one function version, and never anything else afterwards.
//
// Of kind nodejs they are the runtime, started; of the kinds that can be copied they are *blanks*:
// restorers that wait for a template (docs/decisions/0020-blanks.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sandbox/runtime/kind.hpp"

namespace skerry::placement {

struct VersionSpec;

// What one is limited to until it has a function, whose own limits it then gets: those that
// functions have by default, so that there is mostly nothing to change.
inline constexpr std::uint32_t kStandbyMemoryMib = 128;
inline constexpr std::uint32_t kStandbyTmpMib = 16;
inline constexpr std::uint32_t kStandbyPidsMax = 64;
inline constexpr std::uint32_t kStandbyCpuWeight = 100;
// Node.js starts while nothing else wants the CPU, or slowly. A blank has nothing to do.
inline constexpr std::uint32_t kStartingCpuWeight = 10;
// They have at most this part of a server's places for workers.
inline constexpr std::uint32_t kStandbyShare = 4;

// How many of each kind are wanted.
struct StandbyCounts {
    std::uint32_t native = 0, python3 = 0, nodejs = 0;

    std::uint32_t of(runtime::Kind kind) const {
        return kind == runtime::Kind::native    ? native
               : kind == runtime::Kind::python3 ? python3
               : kind == runtime::Kind::nodejs  ? nodejs
                                                : 0;
    }
};

// How making them has gone lately, of one kind.
struct Standbys {
    std::uint32_t failures = 0;  // in a row
    std::uint64_t not_before_us = 0;
};
using StandbysByKind = std::array<Standbys, runtime::kKindNames.size()>;

// Whether the version's workers may come from those that stand by.
bool can_use_standby(const VersionSpec& spec);

}  // namespace skerry::placement
