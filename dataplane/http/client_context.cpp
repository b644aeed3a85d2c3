#include "dataplane/http/client_context.hpp"

#include <algorithm>
#include <span>

#include "dataplane/function_url/base64.hpp"
#include "dataplane/function_url/json_check.hpp"

namespace skerry::http {
namespace {

bool is_object(std::string_view json) {
    const std::size_t first = json.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos || json[first] != '{') return false;
    function_url::JsonCheck check;
    return check.take(json) && check.complete();
}

}  // namespace

Refusal read_client_context(std::string_view field, ClientContextText& text,
                            std::string_view& context) {
    if (field.size() > text.size()) return Refusal::client_context_too_long;
    std::copy(field.begin(), field.end(), text.begin());
    std::span<char> bytes(text.data(), field.size());
    if (!function_url::decode_base64(bytes)) return Refusal::bad_client_context;
    context = {bytes.data(), bytes.size()};
    return is_object(context) ? Refusal::none : Refusal::bad_client_context;
}

}  // namespace skerry::http
