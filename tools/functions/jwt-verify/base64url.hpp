// base64url without padding (RFC 7515 §2), strictly: one text for one value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skerry::functions {

// Nothing: another character, an impossible length, or bits left over that are not zero.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace skerry::functions
