// Where an artifact may be fetched from.
#pragma once

#include <string>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::origin {

inline constexpr std::size_t kMaxUrlBytes = 2048;

struct Target {
    std::string url;     // as it is asked for
    std::string origin;  // "scheme://host:port", the host in lower case
    bool https = false;
    bool any_address = false;  // the operator has named its origin: it may be anywhere
};

// `origins`: "scheme://host[:port]", the only ones that are allowed; none: all are, at public
// addresses. EINVAL: no http or https URL, or one with a user or a password in it. EACCES: not one
// of the origins.
Result<Target> make_target(const std::string& url, const std::vector<std::string>& origins);

}  // namespace skerry::origin
