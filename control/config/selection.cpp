#include "control/config/selection.hpp"

#include <algorithm>

#include "control/config/checks.hpp"
#include "control/config/region_sets.hpp"
#include "dataplane/auth/access_keys.hpp"

namespace skerry::config {
namespace {

constexpr char kFunctionsAllowed[] =
    "a list of at most 64 patterns: a function's name, or its beginning and \"*\"";
constexpr char kNamesAllowed[] = "a list of at most 64 names or tags of regions";

void read_names(Reader& r, std::string_view key, const std::string& prefix,
                std::vector<std::string>& out, Problems& problems) {
    r.list(key, kMaxRegions, kNamesAllowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        if (text == nullptr || !is_name(text->get()))
            return problems.add(line_of(node), prefix + std::string(key), describe(node),
                                kNamesAllowed);
        out.push_back(text->get());
    });
}

void read_rule(const toml::table& table, std::size_t index, Selection& selection,
               Problems& problems) {
    const std::string prefix = "selection.rule[" + std::to_string(index) + "].";
    Reader r(table, prefix, problems);
    SelectionRule rule;
    rule.line = line_of(table);
    r.list("functions", auth::kPatternsMax, kFunctionsAllowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        if (text == nullptr || !auth::is_pattern(text->get()))
            return problems.add(line_of(node), prefix + "functions", describe(node),
                                kFunctionsAllowed);
        rule.functions.push_back(text->get());
    });
    r.require("functions", kFunctionsAllowed);
    read_names(r, "pin", prefix, rule.pin, problems);
    read_names(r, "deny", prefix, rule.deny, problems);
    if (rule.pin.empty() && rule.deny.empty())
        r.problem("pin", "neither pin nor deny", "one of them, with names or tags of regions");
    r.finish();
    selection.rules.push_back(std::move(rule));
}

}  // namespace

void read_selection(Reader& top, Selection& s, Problems& problems) {
    const toml::table* table = top.table("selection");
    if (table == nullptr) return;
    Reader r(*table, "selection.", problems);
    std::string allowed, policy;
    for (std::uint8_t i = 0; i < select::kPolicies; ++i)
        allowed += (i == 0 ? "" : " or ") + quoted(select::name(static_cast<select::Policy>(i)));
    if (r.text("policy", policy, allowed, [](const std::string& text) {
            select::Policy unused{};
            return select::policy_by_name(text, unused);
        }))
        select::policy_by_name(policy, s.settings.policy);
    r.integer("explore_one_in", s.settings.explore_one_in, 0, 1'000'000);
    static constexpr Word<NoRegion> kNoRegion[] = {{"queue", NoRegion::queue},
                                                   {"refuse", NoRegion::refuse}};
    r.word("no_region", s.no_region, kNoRegion);
    r.integer("retry_percent", s.retries.percent, 0, 100);
    r.integer("retry_min_per_s", s.retries.min_per_s, 0, 1'000'000);
    r.integer("hedge_percent", s.hedge_percent, 0, 50);
    std::size_t index = 0;
    r.list("rule", kRulesMax, "[[selection.rule]] tables", [&](const toml::node& node) {
        if (!node.is_table())
            problems.add(line_of(node), "selection.rule", describe(node),
                         "[[selection.rule]] tables");
        else
            read_rule(*node.as_table(), index++, s, problems);
    });
    r.finish();
}

void read_region_choice(Reader& r, const std::string& prefix, Region& region, Problems& problems) {
    const std::string allowed = "a list of at most 16 tags, each " + std::string(kNameAllowed);
    r.list("tags", kTagsMax, allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        if (text == nullptr || !is_name(text->get()))
            return problems.add(line_of(node), prefix + "tags", describe(node), allowed);
        region.tags.push_back(text->get());
    });
    r.integer("weight_percent", region.weight_percent, 0, 100);
    region.tags_line = r.line("tags");
}

void check_selection(const Config& config, Problems& problems) {
    for (const Region& region : config.regions)
        for (const Region& other : config.regions)
            if (std::find(region.tags.begin(), region.tags.end(), other.name) != region.tags.end())
                problems.add(region.tags_line, "region.tags", quoted(other.name),
                             "no tag that is a region's name");
    for (const SelectionRule& rule : config.selection.rules)
        for (const auto* names : {&rule.pin, &rule.deny})
            for (const std::string& name : *names)
                if (regions_called(config.regions, name) == 0)
                    problems.add(rule.line, "selection.rule", quoted(name),
                                 "a name or a tag of a [[region]]");
}

}  // namespace skerry::config
