// What a head's fields mean for the connection: where the body ends, whom the request is for,
// whether another one may follow. Part of parse_head().
#pragma once

#include <string_view>

#include "dataplane/http/head.hpp"

namespace skerry::http {

// Sets what Head says beside its request line and the list of its fields.
Refusal understand_fields(Head& head);

// uri-host [":" port]; may be empty (RFC 9110 §7.2).
bool is_host(std::string_view text);

// Takes the next element off a comma-separated list, without white space around it; empty elements
// are passed over (RFC 9110 §5.6.1.2). False: there is none left.
bool next_element(std::string_view& list, std::string_view& element);

}  // namespace skerry::http
