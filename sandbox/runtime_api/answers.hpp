// The texts of the Runtime API's answers. Internal to sandbox/runtime_api; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sandbox/runtime_api/peer.hpp"
#include "sandbox/runtime_api/writer.hpp"

namespace skerry::runtime_api {

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// A whole answer with a body of JSON (or of text, where it is not one).
void write_answer(Writer& to, int status, std::string_view body, bool keep_alive,
                  std::string_view more_headers = {});
void write_error(Writer& to, int status, std::string_view type, std::string_view message,
                 bool keep_alive);
// The head of an answer to /next; the payload follows.
void write_next_head(Writer& to, const Grant& grant, std::string_view function_arn,
                     bool keep_alive);

// The head of an assignment; its bytes follow.
void write_assignment_head(Writer& to, std::uint64_t body_bytes, bool keep_alive);

}  // namespace skerry::runtime_api
