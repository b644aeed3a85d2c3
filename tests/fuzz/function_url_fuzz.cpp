// Any bytes as a request and as a function's answer. An event is always whole JSON, whatever was in
// the request and however its body was cut; an answer's fields never hold a line of their own, and
// its body is what another JSON reads.
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/function_url/answer.hpp"
#include "dataplane/function_url/event.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;
using namespace skerry::function_url;

struct TextSink final : Sink {
    std::string text;
    bool put(std::string_view piece) override {
        text += piece;
        return true;
    }
};

std::string event_text(const Event& event, std::string_view body, std::size_t cut) {
    TextSink sink;
    BodyWriter writer;
    SKERRY_CHECK(write_event(event, sink, writer));
    for (std::size_t at = 0; at < body.size(); at += cut)
        SKERRY_CHECK(writer.put(sink, body.substr(at, cut)));
    const std::size_t before = sink.text.size();
    SKERRY_CHECK(writer.finish(sink) && sink.text.size() - before <= kEndBytesMax);
    return sink.text;
}

// Lines: path, query, then fields' values; the rest is the body.
void as_request(std::string_view text) {
    std::array<std::string_view, 6> lines;
    for (std::string_view& line : lines) {
        const std::size_t end = text.find('\n');
        line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
    const Field fields[] = {{"Content-Type", lines[2]},
                            {"X-A", lines[3]},
                            {"cookie", lines[4]},
                            {"x-a", lines[5]},
                            {"User-Agent", lines[5]}};
    const classify::Param params[] = {{"p", lines[0]}};
    if (!fits(lines[1])) return;
    const Event event{.method = "POST",
                      .path = lines[0],
                      .query = lines[1],
                      .fields = fields,
                      .params = params,
                      .protocol = "HTTP/1.1",
                      .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                      .has_body = true};
    const std::string whole = event_text(event, text, ~std::size_t{0} >> 1);
    SKERRY_CHECK(whole == event_text(event, text, 1) && whole == event_text(event, text, 7));
    const auto json = nlohmann::json::parse(whole);
    SKERRY_CHECK(json["version"] == "2.0" && json["body"].is_string());
}

void as_answer(std::string_view text) {
    std::vector<char> payload(text.begin(), text.end());
    std::array<char, kAnswerFieldsBytesMax> buffer;
    FunctionAnswer answer;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!read_answer(payload, buffer, answer)) return;
    SKERRY_CHECK(answer.status >= 200 && answer.status <= 599);
    SKERRY_CHECK(answer.body.empty() ||
                 (answer.body.data() >= payload.data() &&
                  answer.body.data() + answer.body.size() <= payload.data() + payload.size()));
    std::string_view fields = answer.fields;
    while (!fields.empty()) {
        const std::size_t end = fields.find("\r\n");
        SKERRY_CHECK(end != std::string_view::npos);
        const std::string_view line = fields.substr(0, end);
        SKERRY_CHECK(line.find(": ") != std::string_view::npos);
        SKERRY_CHECK(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
        fields.remove_prefix(end + 2);
    }
    // Where the other reads the same: it takes no broken UTF-8, and no half of a surrogate pair.
    if (!json.is_object() || !json.contains("statusCode") || !json.contains("body")) return;
    if (json["statusCode"].is_null() || !json["body"].is_string()) return;
    if (json.contains("isBase64Encoded") && json["isBase64Encoded"] == true) return;
    SKERRY_CHECK(json["body"].get<std::string>() ==
                 std::string_view(answer.body.data(), answer.body.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    as_request(text);
    as_answer(text);
    return 0;
}
