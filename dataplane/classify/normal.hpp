// The normal form of a request's host and path: what is matched, and what is handed on. Two paths
// have the same normal form if and only if they are the same list of decoded segments, so that no
// other spelling of a path finds another route (docs/routes.md).
//
// A path (RFC 3986 §6.2.2 and §5.2.4): one pass of percent-decoding, after which what may stand in
// a path unescaped (pchar, §3.3) does, and everything else is escaped with capital digits; so %2F
// stays %2F, and is no separator. Slashes in a row are one. Dot segments are taken out. It is its
// own normal form. Refused: broken escapes, NUL, dots that lead above the root, and segments in
// which somebody who decodes again, or cuts at other places, would find dots: `..%2Fx`, `..\x`,
// `..;x`.
//
// A host: in lower case, without port and without a dot at its end.
//
// Pure; any thread; nothing allocates. What needs no change is not copied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/classify/limits.hpp"

namespace skerry::classify {

enum class Fault : std::uint8_t {
    none,
    bad_escape,   // a percent sign without two digits
    nul,          // %00
    above_root,   // more ".." than there are segments
    hidden_dots,  // dots beside an escaped slash, a backslash or a semicolon
    too_long,     // a normal form of more than kPathBytesMax
    bad_host,     // no name, and no address
};
std::string_view text_of(Fault fault);

using PathBuffer = std::span<char, kPathBytesMax>;
using HostBuffer = std::span<char, kHostBytesMax + 1>;

// `raw` begins with a slash. `normal` lies in `raw` or in `buffer`.
Fault normalise_path(std::string_view raw, PathBuffer buffer, std::string_view& normal);

// `authority`: uri-host [":" port], or empty. `normal` lies in `authority` or in `buffer`.
Fault normalise_host(std::string_view authority, HostBuffer buffer, std::string_view& normal);

// The bytes that a segment has unescaped in its normal form (pchar without "%").
bool is_plain(unsigned char c);
// -1: none.
int hex_digit(char c);

}  // namespace skerry::classify
