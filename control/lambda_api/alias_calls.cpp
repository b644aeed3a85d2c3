// Aliases: names of versions, of which one may share its requests between two.
#include <algorithm>
#include <cmath>
#include <set>

#include "control/admin/base64url.hpp"
#include "control/lambda_api/calls.hpp"

namespace skerry::lambda_api {
namespace {

using catalog::AliasDetails;
using catalog::Function;
using nlohmann::json;

std::uint32_t number_of_version(const Function& function, const std::string& text,
                                const Call& call) {
    const std::uint32_t number = number_of_text(text);
    if (number == 0)
        throw bad_field("FunctionVersion",
                        "found " + shown(text) + ", allowed $LATEST or the number of a version");
    if (function.version_numbered(number).empty())
        throw not_found(arn_of(call.request.region, function.name, text));
    return number;
}

void take_version(const Call& call, Function& function, AliasDetails& details,
                  std::string& digest) {
    const auto version = call.body.text("FunctionVersion", 128);
    if (!version) return;
    details.latest = *version == kLatest;
    details.number = details.latest ? 0 : number_of_version(function, *version, call);
    digest = details.latest ? function.current : function.version_numbered(details.number);
}

// {"AdditionalVersionWeights": {"2": 0.1}}: none, or one, takes its part.
void take_weights(const Call& call, const Function& function, AliasDetails& details) {
    const auto routing = call.body.object("RoutingConfig");
    if (!routing) return;
    details.other.clear();
    details.other_number = details.other_weight = 0;
    const auto weights = routing->object("AdditionalVersionWeights");
    if (!weights || weights->all().empty()) return;
    if (weights->all().size() != 1)
        throw bad_field("AdditionalVersionWeights", "allowed one version");
    const auto only = weights->all().begin();
    const std::string& version = only.key();
    const json& weight = only.value();
    const double part = weight.is_number() ? weight.get<double>() : -1;
    if (!(part >= 0 && part <= 1))
        throw bad_field("AdditionalVersionWeights", "a weight that is not from 0 to 1");
    details.other_number = number_of_version(function, version, call);
    details.other = function.version_numbered(details.other_number);
    details.other_weight = static_cast<std::uint32_t>(std::lround(part * catalog::kWholeWeight));
}

// Versions that aliases stand for are never forgotten: a deploy must find room for one more.
void check_room(const Function& function) {
    std::set<std::string> kept = {function.current};
    for (const auto& [alias, digest] : function.aliases) kept.insert(digest);
    for (const auto& [alias, details] : function.alias_details)
        if (!details.other.empty()) kept.insert(details.other);
    if (kept.size() >= catalog::kMaxVersionsKept)
        throw Fault{400, "CodeStorageExceededException",
                    "the aliases stand for " + std::to_string(kept.size() - 1) +
                        " versions beside $LATEST; allowed " +
                        std::to_string(catalog::kMaxVersionsKept - 2)};
}

void set_alias(const Call& call, const std::string& alias, Function& function,
               std::uint64_t revision) {
    AliasDetails& details = function.alias_details[alias];
    std::string& digest = function.aliases[alias];
    take_version(call, function, details, digest);
    take_weights(call, function, details);
    if (digest.empty()) throw bad_field("FunctionVersion", "needed");
    if (!details.other.empty() && (details.latest || details.number == 0))
        throw bad_value("RoutingConfig: $LATEST can't share its requests; name a version's number");
    if (details.other_number != 0 && details.other_number == details.number)
        throw bad_value("RoutingConfig: both versions are the same");
    if (auto text = call.body.text("Description", catalog::kMaxDescriptionBytes))
        details.description = std::move(*text);
    details.revision = revision;
    check_room(function);
}

Fault no_alias(const Call& call, const std::string& alias) {
    return {404, "ResourceNotFoundException",
            "Cannot find alias arn: " + arn_of(call.request.region, call.name, alias)};
}

Reply changed(const Call& call, int status, const std::string& alias, const Edit& edit) {
    const Function function = done(call.functions.change(call.name, edit));
    return {status, alias_json(function, alias, call.request.region)};
}

}  // namespace

Reply create_alias(const Call& call) {
    const std::string alias = call.body.text("Name", 128).value_or("");
    if (const Status good = catalog::validate_alias(alias); !good)
        throw bad_value("Name: " + good.error().text);
    if (alias.find_first_not_of("0123456789") == std::string::npos)
        throw bad_field("Name", "digits alone are a version");
    return changed(call, 201, alias, edit_of([&](const Function* before, Function& next) {
                       const std::uint64_t revision = next.details.revision;
                       next.details = before->details;
                       if (next.aliases.count(alias) != 0)
                           throw conflict("Alias already exists: " +
                                          arn_of(call.request.region, call.name, alias));
                       if (next.aliases.size() >= catalog::kMaxAliases)
                           throw bad_value("found " + std::to_string(catalog::kMaxAliases) +
                                           " aliases, the most a function can have");
                       set_alias(call, alias, next, revision);
                   }));
}

Reply update_alias(const Call& call) {
    return changed(call, 200, call.alias, edit_of([&](const Function* before, Function& next) {
                       const std::uint64_t revision = next.details.revision;
                       next.details = before->details;
                       if (next.aliases.count(call.alias) == 0) throw no_alias(call, call.alias);
                       const std::string there = revision_id(
                           call.name + ":" + call.alias, next.alias_details[call.alias].revision);
                       check_revision(call.body, there);
                       set_alias(call, call.alias, next, revision);
                   }));
}

Reply get_alias(const Call& call) {
    const Function function = find_function(call);
    if (function.aliases.count(call.alias) == 0) throw no_alias(call, call.alias);
    return {200, alias_json(function, call.alias, call.request.region)};
}

Reply list_aliases(const Call& call) {
    const Function function = find_function(call);
    const auto version = call.query.find("FunctionVersion");
    const std::size_t most = page_size(call);
    const std::string after = page_start(call);
    json list = json::array();
    std::string last, next;
    for (const auto& [alias, digest] : function.aliases) {
        if (alias <= after) continue;
        json one = alias_json(function, alias, call.request.region);
        if (version != call.query.end() && one["FunctionVersion"] != version->second) continue;
        if (list.size() == most) {
            next = last;
            break;
        }
        last = alias;
        list.push_back(std::move(one));
    }
    json answer = {{"Aliases", std::move(list)}};
    if (!next.empty()) answer["NextMarker"] = admin::base64url(next);
    return {200, std::move(answer)};
}

// One that is not there is as good as deleted, as with AWS.
Reply delete_alias(const Call& call) {
    (void)done(
        call.functions.change(call.name, edit_of([&](const Function* before, Function& next) {
                                  next.details = before->details;
                                  next.aliases.erase(call.alias);
                                  next.alias_details.erase(call.alias);
                              })));
    return {204, nullptr};
}

}  // namespace skerry::lambda_api
