#include "dataplane/http/client_context.hpp"

#include <cstdint>

#include "dataplane/function_url/json_scan.hpp"

namespace skerry::http {
namespace {

int digit_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// False: not base64. Bits that no byte needs may be anything: nothing depends on there being one
// way to write it.
bool decode(std::string_view field, ClientContextText& text, std::size_t& bytes) {
    if (field.size() % 4 == 0 && field.ends_with('='))
        field.remove_suffix(field.ends_with("==") ? 2 : 1);
    if (field.size() % 4 == 1) return false;
    std::uint32_t bits = 0, count = 0;
    bytes = 0;
    for (const char c : field) {
        const int digit = digit_of(c);
        if (digit < 0) return false;
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        text[bytes++] = static_cast<char>(bits >> count & 0xff);
    }
    return true;
}

bool is_object(std::string_view json) {
    function_url::JsonScan scan(json);
    std::string_view value;
    return scan.value(value) && scan.at_end() && value.starts_with('{');
}

}  // namespace

Refusal read_client_context(std::string_view field, ClientContextText& text,
                            std::string_view& context) {
    if (field.size() > kClientContextFieldMax) return Refusal::client_context_too_long;
    std::size_t bytes = 0;
    if (!decode(field, text, bytes)) return Refusal::bad_client_context;
    context = {text.data(), bytes};
    return is_object(context) ? Refusal::none : Refusal::bad_client_context;
}

}  // namespace skerry::http
