// Aliases: names of versions that stay what they are until they are pointed elsewhere.
#include <gtest/gtest.h>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog.hpp"
#include "control/catalog/catalog_file.hpp"

namespace skerry::catalog {
namespace {

std::string digest(std::size_t n) {
    return sha256_hex("version " + std::to_string(n));
}

struct Aliases : testing::Test {
    const State none{};
    Draft state{none};

    void deploy(std::size_t version) {
        Function f;
        if (const Function* there = state.find("f"); there != nullptr) f = *there;
        f.name = "f";
        f.current = digest(version);
        ASSERT_TRUE(state.put(f));
    }
    const Function& function() const { return *state.find("f"); }
};

TEST_F(Aliases, StandForAVersionThatIsKept) {
    deploy(1);
    deploy(2);
    ASSERT_TRUE(state.set_alias("f", "stable", digest(1)));
    ASSERT_TRUE(state.set_alias("f", "canary", digest(2).substr(0, 16)));
    EXPECT_EQ(function().aliases.at("stable"), digest(1));
    EXPECT_EQ(function().aliases.at("canary"), digest(2));
    ASSERT_TRUE(state.set_alias("f", "stable", digest(2)));
    EXPECT_EQ(function().aliases.at("stable"), digest(2));
    ASSERT_TRUE(state.erase_alias("f", "stable"));
    EXPECT_EQ(function().aliases.count("stable"), 0u);
}

TEST_F(Aliases, KeepTheirVersionFromBeingForgotten) {
    deploy(0);
    ASSERT_TRUE(state.set_alias("f", "stable", digest(0)));
    for (std::size_t n = 1; n <= 2 * kMaxVersionsKept; ++n) deploy(n);
    EXPECT_EQ(function().versions.size(), kMaxVersionsKept);
    EXPECT_EQ(function().versions.front(), digest(0));
    EXPECT_EQ(function().current, digest(2 * kMaxVersionsKept));
}

TEST_F(Aliases, RefuseWhatCannotBe) {
    EXPECT_EQ(state.set_alias("f", "stable", digest(1)).error().code, ENOENT) << "no function";
    deploy(1);
    EXPECT_EQ(state.set_alias("f", "stable", digest(2)).error().code, ENOENT) << "no such version";
    EXPECT_EQ(state.set_alias("f", "stable", digest(1).substr(0, 15)).error().code, ENOENT);
    EXPECT_EQ(state.set_alias("f", "a b", digest(1)).error().code, EINVAL);
    EXPECT_EQ(state.set_alias("f", "0123456789abcdef", digest(1)).error().code, EINVAL)
        << "that is a version";
    EXPECT_EQ(state.erase_alias("f", "stable").error().code, ENOENT);
    for (std::size_t n = 0; n < kMaxAliases; ++n)
        ASSERT_TRUE(state.set_alias("f", "a" + std::to_string(n), digest(1)));
    EXPECT_EQ(state.set_alias("f", "more", digest(1)).error().code, ENOSPC);
    EXPECT_TRUE(state.set_alias("f", "a0", digest(1)));
}

TEST_F(Aliases, AreInTheFile) {
    deploy(1);
    ASSERT_TRUE(state.set_alias("f", "stable", digest(1)));
    const auto again = parse_function(render(function()));
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->aliases, function().aliases);
    std::string damaged = render(function());
    const auto at = damaged.find(digest(1), damaged.find("aliases"));
    damaged.replace(at, 64, digest(2));
    EXPECT_FALSE(parse_function(damaged)) << "a version that is not kept";
}

TEST(AliasKeys, DoNotMeetVersionsByChance) {
    EXPECT_EQ(alias_key("stable"), function_key("stable"));
    EXPECT_NE(alias_key("stable"), alias_key("canary"));
    EXPECT_TRUE(validate_alias("v1"));
    EXPECT_TRUE(validate_alias("abcdef")) << "short enough to be a word";
    EXPECT_FALSE(validate_alias("ABCDEF0123456789"));
    EXPECT_FALSE(validate_alias(""));
}

}  // namespace
}  // namespace skerry::catalog
