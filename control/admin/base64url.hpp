// RFC 4648 §5 without padding: for bytes in a query. A function's environment in percent escapes
// would not fit into the 8 KiB that an HTTP request line may have.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skerry::admin {

std::string base64url(std::string_view bytes);
// nullopt: not what base64url() makes. Bits that no byte needs must be 0, so that there is one
// text for each sequence of bytes.
std::optional<std::string> base64url_decoded(std::string_view text);

}  // namespace skerry::admin
