// Numbers that stand for versions for ever (docs/decisions: "What Lambda calls a version").
#include <algorithm>

#include "control/catalog/catalog.hpp"

namespace skerry::catalog {

std::string Function::version_numbered(std::uint32_t number) const {
    for (const Publication& each : published)
        if (each.number == number) return each.version;
    return {};
}

std::uint32_t Function::number_of(const std::string& version) const {
    std::uint32_t newest = 0;
    for (const Publication& each : published)
        if (each.version == version) newest = each.number;
    return newest;
}

bool is_numbered_by_alias(const Function& function, std::uint32_t number) {
    return std::any_of(
        function.alias_details.begin(), function.alias_details.end(), [&](const auto& alias) {
            return alias.second.number == number || alias.second.other_number == number;
        });
}

bool next_publication_is_known(const Function& function) {
    if (function.published.empty()) return false;
    const Publication& last = function.published.back();
    return last.version == function.current && last.details.role == function.details.role &&
           last.details.runtime == function.details.runtime;
}

Publication& publish(Function& function) {
    std::vector<Publication>& all = function.published;
    if (next_publication_is_known(function)) return all.back();
    if (all.size() >= kMaxPublications) {
        const auto oldest = std::find_if(all.begin(), all.end(), [&](const Publication& each) {
            return !is_numbered_by_alias(function, each.number);
        });
        // There always is one: an alias names two numbers, and there are kMaxAliases.
        all.erase(oldest);
    }
    all.push_back({function.next_number++, function.current, function.details});
    return all.back();
}

}  // namespace skerry::catalog
