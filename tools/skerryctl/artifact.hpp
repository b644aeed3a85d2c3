// From what a developer has (a folder, an executable, an archive) to the bytes of an artifact.
#pragma once

#include <string>

#include "sandbox/base/result.hpp"

namespace skerry::ctl {

// What the server takes at most: control/catalog/artifacts.hpp. Checked here too, so that a mistake
// costs no upload.
inline constexpr std::uint64_t kMaxArchiveBytes = 64ull << 20;
inline constexpr std::uint64_t kMaxUnpackedBytes = 256ull << 20;
inline constexpr std::size_t kMaxFiles = 10000;
inline constexpr std::size_t kMaxDepth = 32;

// A folder (with an executable `bootstrap` in it, unless a handler is what starts) becomes a tar in
// which nothing depends on when and by whom it was made: names sorted, no times, no owners, modes
// 0755 or 0644. The same content therefore is the same version. A zip, tar or tar.gz is taken as it
// is. A single executable (ELF or #!) becomes a tar with it as `bootstrap`. Anything else is an
// error that says what is allowed. `has_handler`: a single file of any kind becomes a tar with it
// under its own name.
Result<std::string> make_artifact(const std::string& path, bool has_handler = false);

}  // namespace skerry::ctl
