// What is written of a function: see catalog_file.cpp for how it is read.
#include <nlohmann/json.hpp>

#include "control/catalog/catalog_file.hpp"
#include "control/catalog/limits_json.hpp"
#include "control/catalog/policy_words.hpp"

namespace skerry::catalog {
namespace {

using json = nlohmann::json;

json builds_json(const std::map<std::string, Build>& builds) {
    json all = json::object();
    for (const auto& [version, build] : builds) {
        json environment = json::object();
        for (const auto& [name, value] : variables_of(build.runtime.environment))
            environment[name] = value;
        all[version] = {{"archive", build.archive},
                        {"runtime", runtime::kind_name(build.runtime.kind)},
                        {"handler", build.runtime.handler},
                        {"environment", std::move(environment)}};
    }
    return all;
}

// Into the object of whatever has them.
void add_details(json& object, const Details& details) {
    object["label"] = details.runtime;
    object["role"] = details.role;
    object["description"] = details.description;
    object["modified_ms"] = static_cast<std::uint64_t>(details.modified_ms);
    object["revision"] = details.revision;
}

json published_json(const std::vector<Publication>& published) {
    json all = json::array();
    for (const Publication& each : published) {
        all.push_back({{"number", each.number}, {"version", each.version}});
        add_details(all.back(), each.details);
    }
    return all;
}

json alias_details_json(const std::map<std::string, AliasDetails>& details) {
    json all = json::object();
    for (const auto& [alias, each] : details)
        all[alias] = {{"number", each.number},
                      {"latest", each.latest},
                      {"other", each.other},
                      {"other_number", each.other_number},
                      {"other_weight", each.other_weight},
                      {"description", each.description},
                      {"revision", each.revision}};
    return all;
}

json function_json(const Function& f) {
    json object = {{"name", f.name},
                   {"limits", limits_json(f.limits)},
                   {"place", kPlaces[static_cast<std::size_t>(f.policy.place)]},
                   {"retry", kRetries[static_cast<std::size_t>(f.policy.retry)]},
                   {"regions", f.policy.regions},
                   {"current", f.current},
                   {"versions", f.versions},
                   {"builds", builds_json(f.builds)},
                   {"aliases", f.aliases},
                   {"alias_details", alias_details_json(f.alias_details)},
                   {"published", published_json(f.published)},
                   {"next_number", f.next_number}};
    add_details(object, f.details);
    if (!f.signatures.empty()) object["signatures"] = f.signatures;
    if (f.reserved) object["reserved"] = *f.reserved;
    return object;
}

}  // namespace

std::string render(const Function& function) {
    return function_json(function).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace skerry::catalog
