#include "dataplane/function_url/json_scan.hpp"

#include "dataplane/classify/normal.hpp"

namespace skerry::function_url {

void JsonScan::space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
        ++at_;
}

bool JsonScan::take(char c) {
    space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
}

bool JsonScan::at_end() {
    space();
    return at_ == text_.size();
}

bool JsonScan::word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
}

bool JsonScan::number() {
    const auto digits = [this] {
        const std::size_t from = at_;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
        return at_ - from;
    };
    const auto one_of = [this](std::string_view marks) {
        if (at_ == text_.size() || marks.find(text_[at_]) == std::string_view::npos) return false;
        ++at_;
        return true;
    };
    one_of("-");
    if (!one_of("0") && digits() == 0) return false;
    if (one_of(".") && digits() == 0) return false;
    if (one_of("eE")) {
        one_of("+-");
        if (digits() == 0) return false;
    }
    return true;
}

bool JsonScan::string(std::string_view& inside) {
    if (!take('"')) return false;
    const std::size_t from = at_;
    while (at_ < text_.size()) {
        const auto c = static_cast<unsigned char>(text_[at_]);
        if (c == '"') {
            inside = text_.substr(from, at_ - from);
            ++at_;
            return true;
        }
        if (c < 0x20) return false;
        ++at_;
        if (c != '\\') continue;
        if (at_ == text_.size()) return false;
        const char escaped = text_[at_++];
        if (escaped == 'u') {
            for (int i = 0; i < 4; ++i, ++at_)
                if (at_ >= text_.size() || classify::hex_digit(text_[at_]) < 0) return false;
        } else if (std::string_view("\"\\/bfnrt").find(escaped) == std::string_view::npos) {
            return false;
        }
    }
    return false;
}

bool JsonScan::container(char close, bool names, std::uint32_t depth) {
    ++at_;
    if (take(close)) return true;
    do {
        std::string_view ignored;
        if (names && (!string(ignored) || !take(':'))) return false;
        if (!value(ignored, depth + 1)) return false;
    } while (take(','));
    return take(close);
}

bool JsonScan::value(std::string_view& value, std::uint32_t depth) {
    space();
    if (at_ == text_.size() || depth > kDepthMax) return false;
    const std::size_t from = at_;
    bool good = false;
    std::string_view ignored;
    switch (text_[at_]) {
        case '{':
            good = container('}', true, depth);
            break;
        case '[':
            good = container(']', false, depth);
            break;
        case '"':
            good = string(ignored);
            break;
        case 't':
            good = word("true");
            break;
        case 'f':
            good = word("false");
            break;
        case 'n':
            good = word("null");
            break;
        default:
            good = number();
    }
    value = text_.substr(from, at_ - from);
    return good;
}

}  // namespace skerry::function_url
