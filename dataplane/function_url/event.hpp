// An HTTP request as the event of a function: AWS Lambda's Function URLs, payload version 2.0.
// Written in one pass, the body behind everything else, so that nothing of it is kept.
//
//   write_event(), BodyWriter::put() for each piece of the body, BodyWriter::finish()
//
// Texts are UTF-8 in JSON; what is not becomes U+FFFD. A body is text if its Content-Type says so
// (is_text()), else in base64.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/classify/classifier.hpp"
#include "dataplane/function_url/json_text.hpp"

namespace skerry::function_url {

inline constexpr std::uint32_t kQueryPairsMax = 128;  // more: refused (fits())
inline constexpr std::uint32_t kEndBytesMax = 32;     // what finish() writes at most

struct Field {
    std::string_view name, value;
};

struct Event {
    std::string_view method = {};
    std::string_view path = {}, host = {};  // normal forms
    std::string_view query = {};            // as it came
    std::span<const Field> fields = {};
    std::span<const classify::Param> params = {};
    std::string_view protocol = {};   // "HTTP/1.1"
    std::string_view source_ip = {};  // empty: not known
    std::string_view date = {};       // RFC 9110 §5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT"
    std::uint64_t unix_s = 0;
    std::uint64_t request_id_hi = 0, request_id_lo = 0;
    bool has_body = false;
    std::string_view access_key = {};  // who signed it, and is_key_id(); empty: nobody
};

// What is repeated in an event is looked for among all others: there must not be too many.
bool fits(std::string_view query);
bool is_text(std::string_view content_type);

// The inside of the body's string. A value of a few bytes, kept with the request.
class BodyWriter {
  public:
    BodyWriter() = default;
    BodyWriter(bool has_body, bool is_base64) : has_body_(has_body), is_base64_(is_base64) {}
    // False: the sink took no more.
    bool put(Sink& sink, std::string_view piece);
    // What is left of the body, and the event's end: kEndBytesMax.
    bool finish(Sink& sink);

  private:
    Utf8State utf8_;                       // of text
    std::array<std::uint8_t, 2> begun_{};  // of base64: bytes of a group that is not whole
    std::uint8_t count_ = 0;
    bool has_body_ = false;
    bool is_base64_ = false;
};
static_assert(sizeof(BodyWriter) <= 12);

// Everything up to the body's first byte. False: the sink took no more.
bool write_event(const Event& event, Sink& sink, BodyWriter& body);

}  // namespace skerry::function_url
