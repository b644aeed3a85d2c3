// The version of this build, as meson.build has it.
#pragma once

namespace skerry::control {

inline constexpr char kVersion[] = SKERRY_VERSION;

}  // namespace skerry::control
