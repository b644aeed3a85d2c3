// RFC 4648 §4, decoded in place; its padding may be left out, and bits that no byte needs may be
// anything: nothing depends on there being one way to write it. Pure.
#pragma once

#include <span>

namespace skerry::function_url {

// `bytes`: the text, then what it stands for. False: it is not base64, and garbage now.
bool decode_base64(std::span<char>& bytes);

}  // namespace skerry::function_url
