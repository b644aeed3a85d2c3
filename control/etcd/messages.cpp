#include "control/etcd/messages.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "control/base64/base64.hpp"

namespace skerry::etcd {
namespace {

using json = nlohmann::json;

constexpr std::size_t kMaxPairs = 4096;  // of one answer
constexpr std::size_t kMaxWordsBytes = 300;

// google.rpc.Code
constexpr int kInvalidArgument = 3, kNotFound = 5, kPermissionDenied = 7, kOutOfRange = 11,
              kUnauthenticated = 16;

// Thrown and caught inside this file only, as in control/catalog.
struct Malformed {
    std::string text;
};

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Nothing there is 0.
std::uint64_t number(const json& object, const char* key) {
    const auto at = object.find(key);
    if (at == object.end()) return 0;
    if (at->is_number_unsigned()) return at->get<std::uint64_t>();
    if (at->is_string()) {
        const auto& text = at->get_ref<const std::string&>();
        std::uint64_t value = 0;
        const char* end = text.data() + text.size();
        const auto [stopped, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc{} && stopped == end) return value;
    }
    throw Malformed{std::string("\"") + key + "\" is not a number"};
}

bool flag(const json& object, const char* key) {
    const auto at = object.find(key);
    if (at == object.end()) return false;
    if (!at->is_boolean()) throw Malformed{std::string("\"") + key + "\" is not true or false"};
    return at->get<bool>();
}

std::string words(const json& object, const char* key) {
    const auto at = object.find(key);
    if (at == object.end() || !at->is_string()) return {};
    return at->get_ref<const std::string&>().substr(0, kMaxWordsBytes);
}

std::string bytes(const json& object, const char* key, std::size_t most) {
    const auto at = object.find(key);
    if (at == object.end()) return {};
    if (!at->is_string()) throw Malformed{std::string("\"") + key + "\" is not base64"};
    auto decoded = base64_decoded(at->get_ref<const std::string&>());
    if (!decoded) throw Malformed{std::string("\"") + key + "\" is not base64"};
    if (decoded->size() > most)
        throw Malformed{std::string("\"") + key + "\" has " + std::to_string(decoded->size()) +
                        " bytes, allowed " + std::to_string(most)};
    return std::move(*decoded);
}

const json& object_in(const json& object, const char* key) {
    const auto at = object.find(key);
    if (at == object.end() || !at->is_object())
        throw Malformed{std::string("no object \"") + key + "\""};
    return *at;
}

// nullptr: there is none.
const json* list_in(const json& object, const char* key) {
    const auto at = object.find(key);
    if (at == object.end()) return nullptr;
    if (!at->is_array() || at->size() > kMaxPairs)
        throw Malformed{std::string("\"") + key + "\" is not a list of at most " +
                        std::to_string(kMaxPairs)};
    return &*at;
}

KeyValue pair_of(const json& object) {
    if (!object.is_object()) throw Malformed{"a pair is not an object"};
    KeyValue pair{bytes(object, "key", kMaxKeyBytes), bytes(object, "value", kMaxValueBytes),
                  number(object, "mod_revision")};
    if (pair.key.empty()) throw Malformed{"a pair has no key"};
    if (pair.mod_revision == 0) throw Malformed{"a pair has no mod_revision"};
    return pair;
}

std::uint64_t revision_of(const json& object) {
    return number(object_in(object, "header"), "revision");
}

json parsed(std::string_view text) {
    json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!root.is_object()) throw Malformed{"not a JSON object"};
    return root;
}

template <typename Read>
auto guarded(std::string_view text, Read read) -> Result<decltype(read(json()))> {
    try {
        return read(parsed(text));
    } catch (const Malformed& malformed) {
        return Error{EBADMSG, "etcd answered with something else: " + malformed.text};
    } catch (const std::exception& error) {
        return Error{EBADMSG, std::string("etcd's answer: ") + error.what()};
    }
}

json keys_json(const Keys& keys) {
    json object = {{"key", base64(keys.first)}};
    if (!keys.end.empty()) object["range_end"] = base64(keys.end);
    return object;
}

WatchAnswer watch_answer(const json& root) {
    if (const auto error = root.find("error"); error != root.end()) {
        WatchAnswer answer;
        answer.cancelled = true;
        answer.why = error->is_object() ? words(*error, "message") : words(root, "error");
        return answer;
    }
    const json& result = object_in(root, "result");
    WatchAnswer answer;
    answer.revision = revision_of(result);
    answer.cancelled = flag(result, "canceled");
    answer.compact_revision = number(result, "compact_revision");
    answer.why = words(result, "cancel_reason");
    const json* events = list_in(result, "events");
    if (events == nullptr) return answer;
    for (const json& each : *events) {
        if (!each.is_object()) throw Malformed{"an event is not an object"};
        WatchEvent event{pair_of(object_in(each, "kv")), false};
        if (const std::string type = words(each, "type"); type == "DELETE")
            event.erased = true;
        else if (!type.empty() && type != "PUT")
            throw Malformed{"an event is neither PUT nor DELETE"};
        answer.events.push_back(std::move(event));
    }
    return answer;
}

}  // namespace

Keys Keys::with_prefix(const std::string& prefix) {
    std::string end = prefix;
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
    // All keys there are: from the zero byte to "the zero byte", as etcd has it.
    if (end.empty()) return {std::string(1, '\0'), std::string(1, '\0')};
    end.back() = static_cast<char>(end.back() + 1);
    return {prefix, end};
}

std::string render(const RangeQuestion& question) {
    json object = keys_json(question.keys);
    if (question.limit != 0) object["limit"] = std::to_string(question.limit);
    if (question.revision != 0) object["revision"] = std::to_string(question.revision);
    if (question.newest_first) object["sort_order"] = "DESCEND", object["sort_target"] = "MOD";
    if (question.keys_only) object["keys_only"] = true;
    return dump(object);
}

std::string render(const Transaction& transaction) {
    json compares = json::array(), operations = json::array();
    for (const Compare& each : transaction.compares)
        compares.push_back({{"key", base64(each.key)},
                            {"target", "MOD"},
                            {"result", "EQUAL"},
                            {"mod_revision", std::to_string(each.mod_revision)}});
    for (const Operation& each : transaction.operations) {
        json inner = {{"key", base64(each.key)}};
        if (each.erase) {
            operations.push_back({{"request_delete_range", std::move(inner)}});
            continue;
        }
        inner["value"] = base64(each.value);
        if (each.lease != 0) inner["lease"] = std::to_string(each.lease);
        operations.push_back({{"request_put", std::move(inner)}});
    }
    return dump({{"compare", std::move(compares)}, {"success", std::move(operations)}});
}

std::string render_grant(std::uint32_t ttl_s) {
    return dump({{"TTL", std::to_string(ttl_s)}});
}

std::string render_lease(std::uint64_t id) {
    return dump({{"ID", std::to_string(id)}});
}

std::string render_watch(const Keys& keys, std::uint64_t revision) {
    json inner = keys_json(keys);
    inner["start_revision"] = std::to_string(revision);
    // No line is larger than the largest request then.
    inner["fragment"] = true;
    return dump({{"create_request", std::move(inner)}});
}

std::string render_authenticate(const std::string& user, const std::string& password) {
    return dump({{"name", user}, {"password", password}});
}

Result<RangeAnswer> parse_range(std::string_view text) {
    return guarded(text, [](const json& root) {
        RangeAnswer answer;
        answer.revision = revision_of(root);
        answer.count = number(root, "count");
        answer.more = flag(root, "more");
        if (const json* pairs = list_in(root, "kvs"); pairs != nullptr)
            for (const json& each : *pairs) answer.found.push_back(pair_of(each));
        return answer;
    });
}

Result<TransactionAnswer> parse_transaction(std::string_view text) {
    return guarded(text, [](const json& root) {
        return TransactionAnswer{revision_of(root), flag(root, "succeeded")};
    });
}

Result<Lease> parse_lease(std::string_view text) {
    return guarded(text, [](const json& root) {
        const json& object = root.contains("result") ? object_in(root, "result") : root;
        const std::uint64_t ttl_s = number(object, "TTL");
        return Lease{number(object, "ID"),
                     static_cast<std::uint32_t>(std::min<std::uint64_t>(ttl_s, UINT32_MAX))};
    });
}

Result<WatchAnswer> parse_watch(std::string_view line) {
    return guarded(line, watch_answer);
}

Result<std::string> parse_token(std::string_view text) {
    auto token = guarded(text, [](const json& root) {
        const auto at = root.find("token");
        if (at == root.end() || !at->is_string()) throw Malformed{"no token"};
        return at->get<std::string>();
    });
    // It goes into a header.
    if (token &&
        (token->empty() || token->size() > 4096 ||
         !std::all_of(token->begin(), token->end(), [](char c) { return c > ' ' && c < 0x7f; })))
        return Error{EBADMSG, "etcd's token is none"};
    return token;
}

Error parse_refusal(int http_status, std::string_view text) {
    const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
    std::string said = "HTTP " + std::to_string(http_status), text_of_it;
    if (!root.is_object()) {
        // Not of its API, but of the HTTP in front of it: a line of text.
        for (const char c : text.substr(0, kMaxWordsBytes))
            if (c >= ' ' && c < 0x7f) text_of_it += c;
        return {EAGAIN, "etcd answered " + said + (text_of_it.empty() ? "" : ": ") + text_of_it};
    }
    const auto inner = root.find("error");
    const bool nested = inner != root.end() && inner->is_object();
    const json& object = nested ? *inner : root;
    const auto code = object.find(nested ? "grpc_code" : "code");
    const std::string message = words(object, nested ? "message" : "error");
    if (!message.empty()) said = message;
    int error = EAGAIN;
    switch (code != object.end() && code->is_number_integer() ? code->get<std::int64_t>() : 0) {
        case kUnauthenticated:
        case kInvalidArgument:  // no user, a wrong password, or a token of yesterday
            error = EACCES;
            break;
        case kNotFound:
            error = ENOENT;
            break;
        case kPermissionDenied:
            error = EPERM;
            break;
        case kOutOfRange:
            error = ERANGE;
            break;
        default:
            break;
    }
    return {error, "etcd answered: " + said};
}

}  // namespace skerry::etcd
