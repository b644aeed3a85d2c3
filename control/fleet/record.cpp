#include "control/fleet/record.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/catalog/catalog_file.hpp"

namespace skerry::fleet {
namespace {

using json = nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kMaxManagementBytes = 64, kMaxVersionBytes = 32;

bool is_hex(const std::string& text, std::size_t digits) {
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_printable(const std::string& text, std::size_t most) {
    return text.size() <= most &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string text_in(const json& object, const char* key) {
    const auto at = object.find(key);
    return at == object.end() || !at->is_string() ? std::string() : at->get<std::string>();
}

// Not an object, or of another format: discarded.
json parsed(std::string_view text) {
    json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
    const bool ours = root.is_object() && root.contains("format") && root["format"] == kFormat;
    return ours ? root : json(json::value_t::discarded);
}

}  // namespace

bool is_member_name(const std::string& text) {
    return !text.empty() && text.size() <= 15 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

bool is_fleet_id(const std::string& text) {
    return is_hex(text, 32);
}

std::string render(const Record& record) {
    // The function's text is JSON by itself, and made to be read by itself.
    return R"({"format":)" + std::to_string(kFormat) + R"(,"by":)" + json(record.by).dump() +
           R"(,"function":)" + catalog::render(record.function) + "}";
}

std::string render(const Member& member) {
    const json object = {{"format", kFormat},
                         {"management", member.management},
                         {"boot_id", member.boot_id},
                         {"version", member.version}};
    return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Record> parse_record(const std::string& name, std::string_view text) try {
    const json root = parsed(text);
    if (root.is_discarded()) return Error{EINVAL, "not of this format"};
    Record record;
    record.by = text_in(root, "by");
    if (!is_member_name(record.by)) return Error{EINVAL, "\"by\" is not a member's name"};
    const auto function = root.find("function");
    if (function == root.end()) return Error{EINVAL, "no \"function\""};
    auto read = catalog::parse_function(function->dump());
    if (!read) return read.error();
    if (read->name != name) return Error{EINVAL, "its name is not its key's"};
    record.function = std::move(*read);
    return record;
} catch (const std::exception& error) {
    return Error{EINVAL, error.what()};
}

Result<Member> parse_member(const std::string& name, std::string_view text) try {
    const json root = parsed(text);
    if (root.is_discarded()) return Error{EINVAL, "not of this format"};
    Member member{name, text_in(root, "management"), text_in(root, "boot_id"),
                  text_in(root, "version")};
    if (!is_member_name(name) || !is_printable(member.management, kMaxManagementBytes) ||
        !is_hex(member.boot_id, 16) || !is_printable(member.version, kMaxVersionBytes))
        return Error{EINVAL, "not a member"};
    return member;
} catch (const std::exception& error) {
    return Error{EINVAL, error.what()};
}

}  // namespace skerry::fleet
