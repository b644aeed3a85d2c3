#include "dataplane/http/semantics.hpp"

#include "dataplane/http/byte_class.hpp"

namespace skerry::http {
namespace {

// RFC 9110 §8.6: digits, nothing else. As many as a 64-bit number surely holds.
bool take_length(std::string_view value, std::uint64_t& length) {
    if (value.empty() || value.size() > 18) return false;
    length = 0;
    for (const char c : value) {
        if (c < '0' || c > '9') return false;
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return true;
}

bool is_token(std::string_view text) {
    return !text.empty() && leading(kToken, text.data(), text.size()) == text.size();
}

// RFC 9112 §6.1: one that does not end in chunked leaves the end of the body unclear.
Refusal take_coding(std::string_view value) {
    if (equals_lower(value, "chunked")) return Refusal::none;
    std::string_view element, last;
    while (next_element(value, element)) {
        if (!is_token(element) || equals_lower(last, "chunked")) return Refusal::bad_coding;
        last = element;
    }
    return equals_lower(last, "chunked") ? Refusal::unknown_coding : Refusal::bad_coding;
}

struct Seen {
    std::uint32_t hosts = 0;
    std::uint32_t codings = 0;
    bool close = false;
    bool keep_alive = false;
    std::string_view host;
};

Refusal take_connection(std::string_view value, Seen& seen) {
    std::string_view option;
    while (next_element(value, option)) {
        if (!is_token(option)) return Refusal::bad_connection;
        if (equals_lower(option, "close")) seen.close = true;
        if (equals_lower(option, "keep-alive")) seen.keep_alive = true;
    }
    return Refusal::none;
}

Refusal take(std::string_view name, std::string_view value, Head& head, Seen& seen) {
    // By length first: most fields are none of these.
    switch (name.size()) {
        case 4:
            if (!equals_lower(name, "host")) break;
            if (++seen.hosts > 1) return Refusal::many_hosts;
            if (!is_host(value)) return Refusal::bad_host;
            seen.host = value;
            break;
        case 6:
            if (!equals_lower(name, "expect") || head.is_1_0) break;  // RFC 9110 §10.1.1
            if (!equals_lower(value, "100-continue")) return Refusal::bad_expectation;
            head.expects_continue = true;
            break;
        case 10:
            if (equals_lower(name, "connection")) return take_connection(value, seen);
            break;
        case 14:
            if (!equals_lower(name, "content-length")) break;
            // RFC 9110 §8.6 lets equal ones pass. A proxy that adds one up does not.
            if (head.has_length) return Refusal::many_lengths;
            if (!take_length(value, head.content_length)) return Refusal::bad_length;
            head.has_length = true;
            break;
        case 17:
            if (!equals_lower(name, "transfer-encoding")) break;
            if (++seen.codings > 1) return Refusal::many_codings;
            head.chunked = true;
            return take_coding(value);
        default:
            break;
    }
    return Refusal::none;
}

}  // namespace

bool is_host(std::string_view text) {
    if (leading(kHost, text.data(), text.size()) != text.size()) return false;
    std::string_view port = text;
    if (!text.empty() && text[0] == '[') {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return false;
        for (const char c : text.substr(1, end - 1))
            if (c == '[' ||
                (!is_alphanumeric(static_cast<unsigned char>(c)) && c != ':' && c != '.'))
                return false;
        port.remove_prefix(end + 1);
        if (!port.empty() && port[0] != ':') return false;
    } else {
        if (text.find_first_of("[]") != std::string_view::npos) return false;
        const std::size_t colon = text.find(':');
        port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
    }
    if (!port.empty()) port.remove_prefix(1);
    return port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
}

bool next_element(std::string_view& list, std::string_view& element) {
    const auto white = [](char c) { return c == ' ' || c == '\t'; };
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        element = list.substr(0, comma);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
        while (!element.empty() && white(element.front())) element.remove_prefix(1);
        while (!element.empty() && white(element.back())) element.remove_suffix(1);
        if (!element.empty()) return true;
    }
    return false;
}

Refusal understand_fields(Head& head) {
    Seen seen;
    for (std::uint32_t i = 0; i < head.field_count; ++i) {
        const Field& field = head.fields[i];
        const Refusal refusal = take(head.name(field), head.value(field), head, seen);
        if (refusal != Refusal::none) return refusal;
    }
    // RFC 9112 §6.1: both together are how requests are smuggled.
    if (head.chunked && head.has_length) return Refusal::length_and_coding;
    if (head.chunked && head.is_1_0) return Refusal::coding_in_1_0;
    // RFC 9110 §9.3.6: it has none; who thinks so reads the next request where the body is.
    if (head.method == Method::connect && (head.chunked || head.has_length))
        return Refusal::connect_with_body;
    if (seen.hosts == 0 && !head.is_1_0) return Refusal::no_host;
    // RFC 9112 §3.2.2: an absolute form overrules Host.
    if (head.form == TargetForm::origin || head.form == TargetForm::asterisk)
        head.authority = seen.host;
    // RFC 9112 §9.3.
    head.keep_alive = !seen.close && (!head.is_1_0 || seen.keep_alive);
    // RFC 1945 §8.3: only 1.1 can say that there is no body by saying nothing.
    if (head.is_1_0 && head.method == Method::post && !head.has_length) return Refusal::no_length;
    return Refusal::none;
}

}  // namespace skerry::http
