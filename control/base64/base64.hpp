// Bytes as text, and back: RFC 4648 §4, with padding. How JSON of etcd's gateway and of AWS's
// clients has them. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skerry {

std::string base64(std::string_view bytes);
// nullopt: not what base64() makes. So there is one text for each sequence of bytes: no white
// space, and bits that no byte needs are 0.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace skerry
