#include "control/lambda_api/json_body.hpp"

#include "control/base64/base64.hpp"

namespace skerry::lambda_api {
namespace {

using nlohmann::json;

Fault bad_body(const std::string& why) {
    return {400, "InvalidRequestContentException",
            "Could not parse request body into json: " + why};
}

// What a parser makes of many small values takes many times their bytes. Texts may be long.
void check_shape(std::string_view text) {
    int depth = 0;
    std::size_t tokens = 0;
    bool in_text = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_text) {
            if (c == '\\') ++i;
            if (c == '"') in_text = false;
            continue;
        }
        if (c == '"') in_text = true;
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        if (c == '{' || c == '[' || c == ',' || c == ':') ++tokens;
        if (depth > kJsonDepthMax || tokens > kJsonTokensMax)
            throw bad_body("it is deeper than " + std::to_string(kJsonDepthMax) +
                           " levels, or has more than " + std::to_string(kJsonTokensMax) +
                           " values");
    }
}

}  // namespace

json parse_body(std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object();
    check_shape(text);
    json body = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (body.is_discarded()) throw bad_body("it is not JSON");
    if (!body.is_object()) throw bad_body("it is not an object");
    return body;
}

Fault Body::wrong(const char* key, const std::string& what) const {
    return bad_field(prefix_ + key, what);
}

const json* Body::find(const char* key) const {
    const auto at = object_.find(key);
    return at == object_.end() || at->is_null() ? nullptr : &*at;
}

std::optional<std::string> Body::text(const char* key, std::size_t bytes_max) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) throw wrong(key, "not a text");
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() > bytes_max)
        throw wrong(key, "found " + std::to_string(text.size()) + " bytes, allowed " +
                             std::to_string(bytes_max));
    return text;
}

std::optional<std::int64_t> Body::number(const char* key, std::int64_t least,
                                         std::int64_t most) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    const bool small = value->is_number_integer() &&
                       !(value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX);
    const std::int64_t number = small ? value->get<std::int64_t>() : 0;
    if (!small || number < least || number > most)
        throw wrong(key, "found " + shown(value->dump().substr(0, 40)) + ", allowed " +
                             std::to_string(least) + " to " + std::to_string(most));
    return number;
}

bool Body::flag(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) throw wrong(key, "not true or false");
    return value->get<bool>();
}

std::optional<std::string> Body::bytes(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) throw wrong(key, "not a text");
    auto bytes = base64_decoded(value->get_ref<const std::string&>());
    if (!bytes) throw wrong(key, "not base64");
    return bytes;
}

std::optional<Body> Body::object(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_object()) throw wrong(key, "not an object");
    return Body(*value, prefix_ + key + ".");
}

}  // namespace skerry::lambda_api
