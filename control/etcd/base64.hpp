// RFC 4648 §4, with padding: how etcd's JSON gateway writes bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skerry::etcd {

std::string base64(std::string_view bytes);
// nullopt: not what base64() makes. Bits that no byte needs must be 0, so that there is one text
// for each sequence of bytes.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace skerry::etcd
