// Payloads that have to be JSON: the same verdict as another reader of it, wherever the text is
// cut.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "dataplane/function_url/json_check.hpp"
#include "sandbox/base/check.hpp"

namespace {

std::uint32_t depth_of(std::string_view json) {
    std::uint32_t depth = 0, most = 0;
    bool string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (string) {
            if (json[i] == '\\')
                ++i;
            else
                string = json[i] != '"';
        } else if (json[i] == '"') {
            string = true;
        } else if (json[i] == '[' || json[i] == '{') {
            most = std::max(most, ++depth);
        } else if (json[i] == ']' || json[i] == '}') {
            --depth;
        }
    }
    return most;
}

// More than a double holds, which the other refuses: three digits of an exponent, or many digits.
bool may_be_huge(std::string_view text) {
    std::size_t digits = 0, exponent = 0;
    bool in_exponent = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (digit) {
            exponent += in_exponent ? 1 : 0;
            if (++digits > 200 || exponent >= 3) return true;
        } else if (digits != 0 && (text[i] == 'e' || text[i] == 'E')) {
            in_exponent = true;
            exponent = 0;
        } else if (!(in_exponent && exponent == 0 && (text[i] == '+' || text[i] == '-'))) {
            digits = 0;
            in_exponent = false;
        }
    }
    return false;
}

// What the two are known to see differently: byte order marks, halves of surrogate pairs, numbers
// beyond a double, and NULs, which are the other's end of input.
bool is_known_to_differ(std::string_view text) {
    if (text.substr(0, 3) == "\xEF\xBB\xBF" || text.find('\0') != std::string_view::npos)
        return true;
    if (may_be_huge(text)) return true;
    for (std::size_t at = text.find("\\u"); at != std::string_view::npos;
         at = text.find("\\u", at + 1))
        if (at + 2 < text.size() && (text[at + 2] == 'd' || text[at + 2] == 'D')) return true;
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 4096) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t cut = data[0] % size;
    skerry::function_url::JsonCheck whole, pieces;
    const bool ours = whole.take(text) && whole.complete();
    (void)pieces.take(text.substr(0, cut));
    (void)pieces.take(text.substr(cut));
    SKERRY_CHECK(pieces.complete() == ours);
    if (is_known_to_differ(text)) return 0;
    const bool theirs = nlohmann::json::accept(text.begin(), text.end());
    SKERRY_CHECK(theirs || !ours);
    SKERRY_CHECK(ours || !theirs || depth_of(text) > skerry::function_url::JsonCheck::kDepthMax);
    return 0;
}
