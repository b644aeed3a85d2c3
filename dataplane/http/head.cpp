#include "dataplane/http/head.hpp"

#include "dataplane/http/byte_class.hpp"
#include "dataplane/http/semantics.hpp"

namespace skerry::http {
namespace {

constexpr bool is_white(char c) {
    return c == ' ' || c == '\t';
}

struct MethodName {
    std::string_view name;
    Method method;
};
constexpr MethodName kByName[] = {
    {"POST", Method::post},   {"GET", Method::get},         {"HEAD", Method::head},
    {"PUT", Method::put},     {"DELETE", Method::delete_},  {"OPTIONS", Method::options},
    {"PATCH", Method::patch}, {"CONNECT", Method::connect}, {"TRACE", Method::trace},
};

Refusal take_method(std::string_view name, Head& head) {
    for (const MethodName& known : kByName) {
        if (known.name != name) continue;
        head.method = known.method;
        return Refusal::none;
    }
    return Refusal::unknown_method;
}

// RFC 9112 §2.3: HTTP/DIGIT.DIGIT, in capitals.
Refusal take_version(std::string_view version, Head& head) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !digit(version[5]) ||
        version[6] != '.' || !digit(version[7]))
        return Refusal::bad_request_line;
    if (version[5] != '1' || version[7] > '1') return Refusal::bad_version;
    head.is_1_0 = version[7] == '0';
    return Refusal::none;
}

// RFC 9112 §3.2.
Refusal take_target(std::string_view target, Head& head) {
    if (head.method == Method::connect) {
        if (!is_host(target) || target.empty()) return Refusal::bad_target;
        head.form = TargetForm::authority;
        head.authority = target;
        return Refusal::none;
    }
    if (target == "*") {
        head.form = TargetForm::asterisk;
        return head.method == Method::options ? Refusal::none : Refusal::bad_target;
    }
    if (target[0] != '/') {
        std::size_t scheme = 0;
        if (equals_lower(target.substr(0, 7), "http://")) scheme = 7;
        if (equals_lower(target.substr(0, 8), "https://")) scheme = 8;
        if (scheme == 0) return Refusal::bad_target;
        target.remove_prefix(scheme);
        const std::size_t end = target.find_first_of("/?");
        head.authority = target.substr(0, end);
        if (head.authority.empty() || !is_host(head.authority)) return Refusal::bad_target;
        head.form = TargetForm::absolute;
        target.remove_prefix(head.authority.size());
    }
    const std::size_t question = target.find('?');
    head.path = target.substr(0, question);
    if (head.path.empty()) head.path = "/";  // RFC 9110 §4.2.3
    if (question != std::string_view::npos) head.query = target.substr(question + 1);
    return Refusal::none;
}

// RFC 9112 §3: method SP request-target SP HTTP-version, and nothing more lenient.
Refusal take_request_line(std::string_view line, const Limits& limits, Head& head) {
    const std::size_t method = leading(kToken, line.data(), line.size());
    if (method == 0 || method == line.size() || line[method] != ' ')
        return Refusal::bad_request_line;
    const std::string_view rest = line.substr(method + 1);
    const std::size_t target = leading(kTarget, rest.data(), rest.size());
    if (target == rest.size()) return Refusal::bad_request_line;
    if (target == 0 || rest[target] != ' ') return Refusal::bad_target;
    Refusal refusal = take_version(rest.substr(target + 1), head);
    if (refusal != Refusal::none) return refusal;
    if (target > limits.target_bytes) return Refusal::target_too_long;
    refusal = take_method(line.substr(0, method), head);
    if (refusal != Refusal::none) return refusal;
    return take_target(rest.substr(0, target), head);
}

// One field line, its CR at `end`.
Refusal take_field(std::size_t begin, std::size_t end, Head& head) {
    const char* text = head.text.data();
    const std::size_t name = leading(kToken, text + begin, end - begin);
    if (name == 0 || begin + name == end || text[begin + name] != ':')
        return Refusal::bad_field_name;
    std::size_t value = begin + name + 1;
    while (value < end && is_white(text[value])) ++value;
    while (end > value && is_white(text[end - 1])) --end;
    head.fields[head.field_count++] = {
        static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(name),
        static_cast<std::uint16_t>(value), static_cast<std::uint16_t>(end - value)};
    return Refusal::none;
}

}  // namespace

std::string_view method_name(Method method) {
    static constexpr std::array<std::string_view, kMethods> kNames = {
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};
    return kNames[static_cast<std::size_t>(method)];
}

bool equals_lower(std::string_view text, std::string_view lower) {
    if (text.size() != lower.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != lower[i]) return false;
    }
    return true;
}

std::string_view Head::find(std::string_view lower_name) const {
    for (std::uint32_t i = 0; i < field_count; ++i)
        if (equals_lower(name(fields[i]), lower_name)) return value(fields[i]);
    return {};
}

Refusal parse_head(std::string_view text, const Limits& limits, Head& head) {
    head.text = text;
    head.method = Method::get;
    head.form = TargetForm::origin;
    head.path = head.query = head.authority = {};
    head.is_1_0 = head.chunked = head.has_length = head.expects_continue = false;
    head.keep_alive = true;
    head.content_length = 0;
    head.field_count = 0;

    std::size_t at = text.substr(0, 2) == "\r\n" ? 2 : 0;
    std::size_t end = text.find('\r', at);
    Refusal refusal = take_request_line(text.substr(at, end - at), limits, head);
    // The scanner has seen to it that each CR has its LF, and that the last line is empty.
    for (at = end + 2; refusal == Refusal::none; at = end + 2) {
        end = at + before_control(text.data() + at, text.size() - at);
        if (end == at) break;
        if (head.field_count == limits.fields) return Refusal::too_many_fields;
        refusal = take_field(at, end, head);
    }
    return refusal != Refusal::none ? refusal : understand_fields(head);
}

}  // namespace skerry::http
