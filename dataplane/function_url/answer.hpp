// A function's answer as HTTP's: AWS Lambda's Function URLs, payload version 2.0.
//
// An object with a statusCode says everything: status, headers, cookies, body, isBase64Encoded. Any
// other JSON is the body of a 200. So is what is no JSON at all, as plain text; but not what begins
// like an object and is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace skerry::function_url {

inline constexpr std::size_t kAnswerFieldsBytesMax = 4096;

struct FunctionAnswer {
    std::uint16_t status = 200;  // 200 … 599
    std::string_view fields;  // lines, each with its CRLF; none about framing; in the buffer given
    std::span<char> body;     // in the payload
};

// Decodes the body where it lies in `payload`, which must not change meanwhile. False: the answer
// is malformed, or its fields would be unsafe to send (control characters) or too many.
bool read_answer(std::span<char> payload, std::span<char, kAnswerFieldsBytesMax> buffer,
                 FunctionAnswer& answer);

}  // namespace skerry::function_url
