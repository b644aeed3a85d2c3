// The restorer as a file that can be executed by descriptor: it is part of the warden's own
// program, so no path leads to it and none has to.
#pragma once

#include <cstddef>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::snapshot {

extern const unsigned char kRestorer[];
extern const std::size_t kRestorerBytes;

// A sealed memfd, opened read-only and close-on-exec; an empty one with errno set on failure.
UniqueFd open_restorer();

}  // namespace skerry::snapshot
