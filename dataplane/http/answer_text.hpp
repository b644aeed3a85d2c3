// The bytes of answers: status line, fields and, where the server itself has something to say, the
// body. Everything fits kAnswerBytesMax. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/http/errors.hpp"
#include "dataplane/http/invocations.hpp"
#include "dataplane/http/routes.hpp"
#include "dataplane/http/trace.hpp"

namespace skerry::http {

inline constexpr std::size_t kAnswerBytesMax = 1536;
using AnswerBuffer = std::span<char, kAnswerBytesMax>;

// What an answer's head says of its request.
struct Envelope {
    std::string_view date;
    bool is_1_0 = false;
    bool keep_alive = true;
    bool head_only = false;  // HEAD: no body follows, whatever the fields say
    std::uint64_t request_id_hi = 0, request_id_lo = 0;
    Trace trace = {};  // of an invocation; all zero: of none
    std::string_view allow_origin =
        {};                         // a web page asks, and one of there may (at most 128 bytes)
    std::uint16_t rule_status = 0;  // of a rule's refusal
};

// An error, whole. `allow`: of 405, the methods that there are.
std::string_view refusal_text(AnswerBuffer buffer, const Envelope& envelope, Refusal refusal,
                              std::string_view allow, std::uint64_t limit_bytes);

// How an invocation ended: a whole answer, or its head if the payload is to follow. `name` and
// `qualifier` say what was not found.
struct InvocationText {
    std::string_view text;
    bool payload_follows = false;
};
InvocationText invocation_text(AnswerBuffer buffer, const Envelope& envelope, const Answer& answer,
                               std::string_view name, std::string_view qualifier);

// The field of a log's tail, in base64 (RFC 4648 §4). `tail` has at most kTailBytesMax bytes.
inline constexpr std::size_t kLogResultBytesMax = 20 + (kTailBytesMax + 2) / 3 * 4;
std::string_view log_result_text(std::span<char, kLogResultBytesMax> buffer, std::string_view tail);

// The service's own pages.
std::string_view page_text(AnswerBuffer buffer, const Envelope& envelope, std::uint16_t status,
                           std::string_view body);
// 204 with Allow; to a web page's browser, with what it may ask for (the Fetch standard's
// preflight).
std::string_view options_text(AnswerBuffer buffer, const Envelope& envelope, Route route);
// 204 to a dry run that would have been executed.
std::string_view dry_run_text(AnswerBuffer buffer, const Envelope& envelope);

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace skerry::http
