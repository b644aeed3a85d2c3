// Lists, a page at a time. A marker is the last thing of the page before, so what is made or
// deleted between two pages moves nothing.
#include <algorithm>
#include <vector>

#include "control/admin/base64url.hpp"
#include "control/lambda_api/calls.hpp"

namespace skerry::lambda_api {
namespace {

using nlohmann::json;

constexpr std::size_t kPageDefault = 50, kPageMax = 10000;

struct Item {
    std::string key;  // what they are sorted by
    Version version;
};

std::string padded(std::uint32_t number) {
    std::string text = std::to_string(number);
    return std::string(10 - text.size(), '0') + text;
}

void add_versions(const catalog::Function& function, std::vector<Item>& to) {
    // Below every character of a name: all of "a" comes before "a-b".
    const auto add = [&](std::uint32_t number, const std::string& digest,
                         const std::string& qualifier) {
        to.push_back(
            {function.name + "\x01" + padded(number), {function, digest, number, qualifier}});
    };
    add(0, function.current, kLatest);
    for (const catalog::Publication& each : function.published)
        add(each.number, each.version, std::to_string(each.number));
}

}  // namespace

std::size_t page_size(const Call& call) {
    const auto given = call.query.find("MaxItems");
    if (given == call.query.end()) return kPageDefault;
    const std::uint32_t size = number_of_text(given->second);
    if (size == 0 || size > kPageMax)
        throw bad_field("MaxItems", "found " + shown(given->second) + ", allowed 1 to " +
                                        std::to_string(kPageMax));
    return size;
}

std::string page_start(const Call& call) {
    const auto given = call.query.find("Marker");
    if (given == call.query.end() || given->second.empty()) return {};
    auto key = admin::base64url_decoded(given->second);
    if (!key || key->empty() || key->size() > 200)
        throw bad_field("Marker", "not the NextMarker of an earlier answer");
    return *key;
}

namespace {

Reply page_of(const Call& call, const char* name, const std::vector<Item>& items) {
    const std::size_t most = page_size(call);
    const std::string after = page_start(call);
    json list = json::array();
    auto item = std::find_if(items.begin(), items.end(),
                             [&](const Item& each) { return each.key > after; });
    for (; item != items.end() && list.size() < most; ++item)
        list.push_back(configuration(call, item->version));
    json answer = {{name, std::move(list)}};
    if (item != items.end()) answer["NextMarker"] = admin::base64url(std::prev(item)->key);
    return {200, std::move(answer)};
}

}  // namespace

Reply list_functions(const Call& call) {
    const auto which = call.query.find("FunctionVersion");
    const bool all = which != call.query.end();
    if (all && which->second != "ALL")
        throw bad_field("FunctionVersion", "found " + shown(which->second) + ", allowed ALL");
    std::vector<catalog::Function> functions = call.functions.all();
    std::erase_if(functions, [&](const catalog::Function& each) { return !allowed(call, each); });
    std::vector<Item> items;
    for (const catalog::Function& function : functions) {
        if (all)
            add_versions(function, items);
        else
            items.push_back({function.name, {function, function.current}});
    }
    return page_of(call, "Functions", items);
}

Reply list_versions(const Call& call) {
    const catalog::Function function = find_function(call);
    std::vector<Item> items;
    add_versions(function, items);
    return page_of(call, "Versions", items);
}

}  // namespace skerry::lambda_api
