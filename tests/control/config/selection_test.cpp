// [selection], and what a [[region]] says for it; sets of regions by name and tag.
#include "control/config/selection.hpp"

#include <gtest/gtest.h>

#include <string>

#include "control/config/region_sets.hpp"

namespace skerry::config {
namespace {

constexpr char kPop[] = R"(role = "pop"
name = "pop-1"
state_dir = "/var/lib/skerry"
[[port]]
devargs = "net_af_packet0,iface=eth0"
addresses = ["10.0.0.2/24"]
[management]
tls_cert = "/etc/skerry/cert.pem"
tls_key = "/etc/skerry/key.pem"
tls_ca = "/etc/skerry/ca.pem"
[[region]]
name = "north"
address = "10.0.0.7"
management = "10.0.0.7:4601"
tags = ["eu", "green"]
[[region]]
name = "south"
address = "10.0.0.8"
management = "10.0.0.8:4601"
tags = ["eu"]
weight_percent = 25
[[region]]
name = "west"
address = "10.0.0.9"
management = "10.0.0.9:4601"
)";

Config parsed(const std::string& more) {
    auto config = parse(kPop + more, "s.toml");
    EXPECT_TRUE(config) << config.error().text;
    return config ? std::move(*config) : Config{};
}

std::string errors_of(const std::string& more) {
    auto config = parse(kPop + more, "s.toml");
    return config ? "" : config.error().text;
}

constexpr std::uint64_t kNorth = 1, kSouth = 2, kWest = 4, kAll = 7;

TEST(Selection, TheRetryBudgetIsRead) {
    const Config config = parsed(
        "[selection]\nretry_percent = 0\nretry_min_per_s = 3\nhedge_percent = 0\n"
        "[outliers]\ninterval_ms = 500\nfailure_percent = 0\n");
    EXPECT_EQ(config.selection.retries.percent, 0u);
    EXPECT_EQ(config.selection.retries.min_per_s, 3u);
    EXPECT_EQ(config.selection.hedge_percent, 0u);
    EXPECT_EQ(config.outliers.interval_ms, 500u);
    EXPECT_EQ(config.outliers.failure_percent, 0u);
    EXPECT_EQ(config.outliers.panic_percent, 50u);
    EXPECT_NE(errors_of("[selection]\nretry_percent = 101\n").find("selection.retry_percent"),
              std::string::npos);
    EXPECT_NE(errors_of("[selection]\nhedge_percent = 51\n").find("selection.hedge_percent"),
              std::string::npos);
}

TEST(Selection, TheDefaultsAreThoseOfTheHeader) {
    const Config config = parsed("");
    EXPECT_EQ(config.selection.settings.policy, select::Policy::skerry);
    EXPECT_EQ(config.selection.settings.explore_one_in, 100u);
    EXPECT_EQ(config.selection.no_region, NoRegion::queue);
    EXPECT_EQ(config.selection.retries.percent, 20u);
    EXPECT_EQ(config.selection.retries.min_per_s, 10u);
    EXPECT_EQ(config.selection.hedge_percent, 5u);
    EXPECT_TRUE(config.selection.rules.empty());
    EXPECT_EQ(config.regions[0].weight_percent, 100u);
    EXPECT_EQ(config.regions[1].weight_percent, 25u);
    EXPECT_TRUE(config.regions[2].tags.empty());
}

TEST(Selection, EveryKeyIsTaken) {
    const Config config = parsed(R"([selection]
policy = "two-choices"
explore_one_in = 0
no_region = "refuse"
[[selection.rule]]
functions = ["pay-*", "book"]
pin = ["eu"]
[[selection.rule]]
functions = ["*"]
deny = ["west", "green"]
)");
    EXPECT_EQ(config.selection.settings.policy, select::Policy::two_choices);
    EXPECT_EQ(config.selection.settings.explore_one_in, 0u);
    EXPECT_EQ(config.selection.no_region, NoRegion::refuse);
    ASSERT_EQ(config.selection.rules.size(), 2u);
    EXPECT_EQ(config.selection.rules[0].functions, (std::vector<std::string>{"pay-*", "book"}));
    EXPECT_EQ(config.selection.rules[0].pin, std::vector<std::string>{"eu"});
    EXPECT_EQ(config.selection.rules[1].deny, (std::vector<std::string>{"west", "green"}));
}

TEST(Selection, EveryPolicyHasAName) {
    for (std::uint8_t i = 0; i < select::kPolicies; ++i) {
        const auto policy = static_cast<select::Policy>(i);
        const std::string text(select::name(policy));
        EXPECT_EQ(parsed("[selection]\npolicy = \"" + text + "\"\n").selection.settings.policy,
                  policy);
    }
}

TEST(Selection, WhatIsWrongIsNamedWithWhatIsAllowed) {
    const auto has = [](const std::string& more, const std::string& part) {
        const std::string text = errors_of(more);
        EXPECT_NE(text.find(part), std::string::npos) << more << "\ngot: " << text;
    };
    has("[selection]\npolicy = \"fastest\"\n", "s.toml:27: selection.policy: found \"fastest\"");
    has("[selection]\nexplore_one_in = -1\n", "selection.explore_one_in: found -1");
    has("[selection]\nno_region = \"wait\"\n", "allowed: \"queue\" or \"refuse\"");
    has("[selection]\npin = [\"eu\"]\n", "selection.pin: found an unknown key");
    has("[selection]\nrule = 7\n", "selection.rule");
    has("[selection]\nrule = [7]\n", "selection.rule");
    const std::string rule = "[[selection.rule]]\n";
    has(rule + "pin = [\"eu\"]\n", "selection.rule[0].functions: found nothing");
    has(rule + "functions = [\"f\"]\n", "selection.rule[0].pin: found neither pin nor deny");
    has(rule + "functions = [\"a*b\"]\npin = [\"eu\"]\n", "selection.rule[0].functions");
    has(rule + "functions = [\"f\"]\npin = [\"mars\"]\n", "a name or a tag of a [[region]]");
    has(rule + "functions = [\"f\"]\ndeny = [\"EU\"]\n", "selection.rule[0].deny");
    has(rule + "functions = [\"f\"]\ndeny = [3]\n", "selection.rule[0].deny");
}

TEST(Selection, RegionsTagsAndWeightsHaveLimits) {
    const std::string region =
        "[[region]]\nname = \"east\"\naddress = \"10.0.0.10\"\nmanagement = \"10.0.0.10:1\"\n";
    EXPECT_EQ(errors_of(region + "weight_percent = 0\n"), "") << "none of the requests";
    EXPECT_NE(errors_of(region + "weight_percent = 101\n").find("region[3].weight_percent"),
              std::string::npos);
    EXPECT_NE(errors_of(region + "tags = [\"north\"]\n").find("no tag that is a region's name"),
              std::string::npos);
    EXPECT_NE(errors_of(region + "tags = [\"\"]\n").find("region[3].tags"), std::string::npos);
    std::string many;
    for (int i = 0; i < 17; ++i) many += "\"t" + std::to_string(i) + "\", ";
    EXPECT_NE(errors_of(region + "tags = [" + many + "]\n"), "");
}

TEST(Selection, RulesHaveALimit) {
    std::string rules;
    for (std::size_t i = 0; i < kRulesMax; ++i)
        rules += "[[selection.rule]]\nfunctions = [\"f\"]\ndeny = [\"west\"]\n";
    EXPECT_EQ(errors_of(rules), "");
    EXPECT_NE(errors_of(rules + "[[selection.rule]]\nfunctions = [\"f\"]\ndeny = [\"west\"]\n"),
              "");
}

TEST(RegionSets, NamesAndTagsStandForRegions) {
    const Config config = parsed("");
    EXPECT_EQ(regions_called(config.regions, "north"), kNorth);
    EXPECT_EQ(regions_called(config.regions, "eu"), kNorth | kSouth);
    EXPECT_EQ(regions_called(config.regions, "mars"), 0u);
    EXPECT_EQ(regions_called(config.regions, ""), 0u);
    EXPECT_EQ(regions_called(config.regions, std::vector<std::string>{"green", "west", "mars"}),
              kNorth | kWest);
}

// Of the three regions there are.
std::uint64_t barred(const Config& config, const std::string& function,
                     const std::vector<std::string>& confined = {}) {
    return barred_regions(config, function, confined) & kAll;
}

TEST(RegionSets, ResidencyConfines) {
    const Config config = parsed("");
    EXPECT_EQ(barred(config, "f"), 0u);
    EXPECT_EQ(barred(config, "f", {"eu"}), kWest);
    EXPECT_EQ(barred(config, "f", {"south", "west"}), kNorth);
    EXPECT_EQ(barred(config, "f", {"gone"}), kAll) << "a name that is gone allows nothing";
    EXPECT_EQ(barred(config, "f", {"gone", "west"}), kNorth | kSouth);
}

TEST(RegionSets, RulesAddUp) {
    const Config config = parsed(R"(
[[selection.rule]]
functions = ["pay-*"]
pin = ["eu"]
[[selection.rule]]
functions = ["pay-card", "other"]
pin = ["green", "west"]
[[selection.rule]]
functions = ["*"]
deny = ["south"]
)");
    EXPECT_EQ(barred(config, "free"), kSouth);
    EXPECT_EQ(barred(config, "pay-cash"), kSouth | kWest);
    EXPECT_EQ(barred(config, "pay-card"), kSouth | kWest) << "only what both pins allow";
    EXPECT_EQ(barred(config, "other"), kSouth);
    EXPECT_EQ(barred(config, "pay-cash", {"west"}), kAll) << "no rule opens what residency shuts";
    EXPECT_EQ(barred(config, "pay-cash", {"south"}), kAll);
}

}  // namespace
}  // namespace skerry::config
