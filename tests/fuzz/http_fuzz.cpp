// Any bytes as what a client of HTTP sends: cut anywhere, the outcome is the same; nothing is read
// beyond them; what is taken keeps every limit; and what is taken, written anew in the plainest
// form, is taken as the same request.
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/http/client_context.hpp"
#include "dataplane/http/trace.hpp"
#include "sandbox/base/check.hpp"
#include "tests/dataplane/http/outcome.hpp"

namespace {

using namespace skerry::http;
using namespace skerry::http::testing;

std::string rewritten(const Request& request) {
    std::string text = request.method_line + " " + request.target +
                       (request.is_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    for (const auto& [name, value] : request.fields) {
        // Chunked content goes out with its length.
        const bool coding = equals_lower(name, "transfer-encoding");
        text += coding ? "Content-Length" : name;
        text += ": " + (coding ? std::to_string(request.body.size()) : value) + "\r\n";
    }
    return text + "\r\n" + request.body;
}

void check_request(const Request& request, const Limits& limits) {
    SKERRY_CHECK(request.fields.size() <= limits.fields);
    SKERRY_CHECK(request.target.size() <= limits.target_bytes);
    SKERRY_CHECK(request.body.size() <= limits.body_bytes);
    for (const auto& [name, value] : request.fields) {
        for (const Trace& trace : {parse_traceparent(value), parse_amzn_trace_id(value)})
            SKERRY_CHECK((trace.id_hi | trace.id_lo) != 0 || trace.span_id == 0);
        ClientContextText text;
        std::string_view context;
        if (read_client_context(value, text, context) == Refusal::none)
            SKERRY_CHECK(context.size() >= 2 && context.size() <= skerry::wire::kContextBytesMax &&
                         context.data() == text.data());
    }
    const Outcome again = read_whole(rewritten(request));
    SKERRY_CHECK(again.refusal == Refusal::none && again.requests.size() == 1);
    SKERRY_CHECK(again.requests[0].body == request.body);
    SKERRY_CHECK(again.requests[0].target == request.target);
    SKERRY_CHECK(again.requests[0].keep_alive == request.keep_alive);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    Limits limits;
    if (size % 3 == 0)
        limits = {.head_bytes = 120,
                  .target_bytes = 40,
                  .fields = 4,
                  .body_bytes = 20,
                  .chunk_line_bytes = 20,
                  .extension_bytes = 30,
                  .trailer_bytes = 30};
    const Outcome whole = read_whole(bytes, limits);
    SKERRY_CHECK(whole == read_pieces(bytes, 1, limits));
    SKERRY_CHECK(whole == read_pieces(bytes, 1 + size / 3, limits));
    SKERRY_CHECK(whole == read_pieces(bytes, 17, limits));
    SKERRY_CHECK(whole.used_bytes <= size);
    for (const Request& request : whole.requests) check_request(request, limits);
    return 0;
}
