// Unpacking one hostile archive into one empty folder. Internal to control/catalog.
#pragma once

#include <string>
#include <string_view>

#include "sandbox/base/result.hpp"

namespace skerry::catalog {

inline constexpr std::size_t kMaxPathBytes = 1024;
inline constexpr std::size_t kMaxPathDepth = 32;

// Zip, tar, or tar in gzip. Every entry is made with openat() along real folders, never through a
// link. Folders become 0755, files 0644 or 0755, `bootstrap`, where there is one, 0755. On an error
// the folder holds some part of it: the caller removes it. Errors with code EINVAL are the
// archive's fault, others this machine's.
Status unpack(std::string_view archive, const std::string& folder);

// The two rules that everything rests on; here for the tests.
// "./a//b" → "a/b", "" for the root itself. Refuses what is absolute or has "..".
Result<std::string> clean_path(const std::string& path);
// Whether a link in folder `parent` (clean) stays inside: relative, ".." only at its beginning and
// no more of them than `parent` is deep. Links at a later step obey the same rule, so following any
// chain of them never leaves.
bool link_stays_inside(const std::string& parent, const std::string& target);

}  // namespace skerry::catalog
