// Any bytes as what a client asks for, against routes of every kind: one normal form, which is its
// own; nothing read beyond the texts; and the route that the reference finds. The bytes: method,
// host, path, query and the value of a field, each ended by a line feed.
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "control/routes/explain.hpp"
#include "sandbox/base/check.hpp"
#include "tests/dataplane/classify/classified.hpp"
#include "tests/dataplane/classify/generate.hpp"

namespace {

using namespace skerry;

struct World {
    std::vector<routes::Route> all;
    std::shared_ptr<const routes::RouteSet> set;
    World() {
        std::mt19937 random(11);
        reference::Generator generate([&](std::uint32_t below) { return random() % below; });
        all = generate.routes(200);
        routes::Cache none;
        set = routes::compile(all, 1, none).set;
        SKERRY_CHECK(set != nullptr);
    }
};

std::string take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string line(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return line;
}

// Of a copy that ends where the text ends, so that a sanitizer sees what is read beyond it.
void check_normal(std::string_view path) {
    const std::vector<char> exact(path.begin(), path.end());
    std::array<char, classify::kPathBytesMax> buffer, again;
    std::string_view normal, same;
    const auto fault = classify::normalise_path({exact.data(), exact.size()}, buffer, normal);
    const auto expected = reference::segments_of(path);
    SKERRY_CHECK((fault == classify::Fault::none) == expected.has_value());
    if (!expected) return;
    SKERRY_CHECK(normal == reference::normal_of(*expected));
    SKERRY_CHECK(classify::normalise_path(normal, again, same) == classify::Fault::none);
    SKERRY_CHECK(same == normal);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const World world;
    if (size > 6000) return 0;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    reference::Request request;
    const std::string method = take_line(text);
    request.method = routes::method_of(method) == 0 ? "GET" : method;
    request.host = take_line(text);
    request.path = "/" + take_line(text);
    request.query = take_line(text);
    if (!text.empty()) request.fields.emplace_back("x-A", take_line(text));
    check_normal(request.path);

    const auto host = reference::host_of(request.host);
    const reference::FieldsOf fields(request);
    const auto why = routes::explain(*world.set, reference::request_of(request, fields));
    const bool malformed = !host || !reference::segments_of(request.path);
    SKERRY_CHECK((why.outcome.verdict == classify::Verdict::malformed) == malformed);
    const auto expected = reference::choose(world.all, request);
    SKERRY_CHECK((why.outcome.rank != classify::kNone) == expected.has_value());
    if (expected) SKERRY_CHECK(world.set->table.rows[why.outcome.rank].route == *expected);
    return 0;
}
