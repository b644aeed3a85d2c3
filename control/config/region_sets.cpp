#include "control/config/region_sets.hpp"

#include <algorithm>

#include "dataplane/auth/access_keys.hpp"

namespace skerry::config {
std::uint64_t regions_called(const std::vector<Region>& regions, std::string_view name_or_tag) {
    std::uint64_t found = 0;
    for (std::size_t r = 0; r < regions.size(); ++r) {
        const auto& tags = regions[r].tags;
        if (regions[r].name == name_or_tag ||
            std::find(tags.begin(), tags.end(), name_or_tag) != tags.end())
            found |= std::uint64_t{1} << r;
    }
    return found;
}

std::uint64_t regions_called(const std::vector<Region>& regions,
                             const std::vector<std::string>& names_or_tags) {
    std::uint64_t found = 0;
    for (const std::string& each : names_or_tags) found |= regions_called(regions, each);
    return found;
}

std::uint64_t barred_regions(const Config& config, std::string_view function,
                             const std::vector<std::string>& confined) {
    // A name that is gone from the configuration allows nothing.
    std::uint64_t barred = confined.empty() ? 0 : ~regions_called(config.regions, confined);
    for (const SelectionRule& rule : config.selection.rules) {
        const bool applies =
            std::any_of(rule.functions.begin(), rule.functions.end(),
                        [&](const auto& pattern) { return auth::matches(pattern, function); });
        if (!applies) continue;
        barred |= regions_called(config.regions, rule.deny);
        if (!rule.pin.empty()) barred |= ~regions_called(config.regions, rule.pin);
    }
    return barred;
}

}  // namespace skerry::config
