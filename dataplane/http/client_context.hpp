// X-Amz-Client-Context: what a caller says about itself, a JSON object in base64 (RFC 4648 §4, with
// its padding or without). The function gets the object's text. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "dataplane/http/refusal.hpp"
#include "dataplane/wire/message.hpp"

namespace skerry::http {

inline constexpr std::size_t kClientContextFieldMax = 3583;  // characters, AWS's limit
using ClientContextText = std::array<char, kClientContextFieldMax>;
static_assert(kClientContextFieldMax * 3 / 4 == wire::kContextBytesMax);

// `context`: the object, in `text`. Refusal::bad_client_context or client_context_too_long: it is
// none.
Refusal read_client_context(std::string_view field, ClientContextText& text,
                            std::string_view& context);

}  // namespace skerry::http
