#include "tools/sim/scenario.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tools/sim/world.hpp"

namespace skerry::sim {
namespace {

std::string problems(const std::string& toml) {
    const auto read = parse_scenario(toml, "f.toml");
    return read ? "" : read.error().text;
}

TEST(Scenario, ANameIsAllThatIsNeeded) {
    const auto read = parse_scenario("name = \"a\"\n", "f.toml");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->pops.count, 200u);
    EXPECT_EQ(read->regions.count, 24u);
}

TEST(Scenario, EveryShippedOneIsSound) {
    int found = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(SCENARIOS)) {
        if (file.path().extension() != ".toml") continue;
        ++found;
        const auto read = load_scenario(file.path());
        ASSERT_TRUE(read) << read.error().text;
        EXPECT_EQ(read->name, file.path().stem());
    }
    EXPECT_GE(found, 1);
}

TEST(Scenario, SaysWhereAndWhatIsWrong) {
    EXPECT_EQ(problems(""), "f.toml:1: name: found nothing; allowed: 1 … 40 of a-z, 0-9 and -");
    EXPECT_NE(problems("name = \"a\"\nsecond = 3\n").find("f.toml:2: second"), std::string::npos);
    EXPECT_NE(problems("name = \"a\"\n[pops]\ncount = 0\n").find("f.toml:3: pops.count: found 0"),
              std::string::npos);
    EXPECT_NE(problems("name = \"a\"\n[pops\n").find("f.toml:2: not TOML"), std::string::npos);
    EXPECT_NE(problems("name = \"a\"\nseconds = 100\n").find("warm_up_s"), std::string::npos);
    EXPECT_NE(problems("name = \"a\"\nseconds = nan\n").find("seconds"), std::string::npos);
}

TEST(Scenario, AllProblemsAreReported) {
    const std::string text =
        problems("name = \"A\"\nseconds = -1\n[functions]\nzipf = 9\nfoo = 1\n");
    for (const char* each : {":1: name", ":2: seconds", ":4: functions.zipf", ":5: functions.foo"})
        EXPECT_NE(text.find(each), std::string::npos) << text;
}

TEST(Scenario, DurationsGoWithTheTraceThatTheyAreOf) {
    const std::string head = "name = \"a\"\n[arrivals]\ndurations = \"d.csv\"\n";
    EXPECT_NE(problems(head).find("f.toml:3: arrivals.durations"), std::string::npos)
        << problems(head);
    EXPECT_EQ(problems(head + "trace = \"t.csv\"\ncold_starts = \"c.csv\"\n"), "");
}

TEST(Scenario, FaultsNameTheirRegions) {
    const std::string head = "name = \"a\"\n[[fault]]\nkind = \"down\"\n";
    const auto read = parse_scenario(
        head + "regions = [\"us-east-1\", \"eu-central-1\"]\nfrom_s = 10\nto_s = 20\n", "f");
    ASSERT_TRUE(read) << read.error().text;
    ASSERT_EQ(read->faults.size(), 1u);
    EXPECT_EQ(read->faults[0].regions, (std::vector<std::uint8_t>{0, 1}));
    EXPECT_NE(problems(head + "regions = [\"mars-1\"]\n").find("mars-1"), std::string::npos);
    EXPECT_NE(problems(head + "from_s = 5\n").find("fault[0].regions"), std::string::npos);
    EXPECT_NE(problems(head + "regions = []\nfrom_s = 5\nto_s = 5\n").find("to_s"),
              std::string::npos);
    EXPECT_NE(problems("name = \"a\"\nfault = [1]\n").find("fault"), std::string::npos);
}

TEST(Scenario, RoundTripsMayBeGiven) {
    const std::string head =
        "name = \"a\"\npops = { count = 2 }\nregions = { count = 2 }\n[network]\n";
    const auto read = parse_scenario(head + "rtt_ms = [[10, 20.5], [30, 5]]\n", "f");
    ASSERT_TRUE(read) << read.error().text;
    const World world(*read, 1);
    EXPECT_EQ(world.rtt_us(0, 1), 20'500);
    EXPECT_EQ(world.rtt_us(1, 0), 30'000);
    for (const char* wrong : {"rtt_ms = [[10, 20]]", "rtt_ms = [[10], [20]]", "rtt_ms = [10, 20]",
                              "rtt_ms = [[10, 20], [30, 0]]", "rtt_ms = [[10, 20], [30, nan]]",
                              "rtt_ms = [[10, 20], [30, \"x\"]]", "rtt_ms = 5"})
        EXPECT_NE(problems(head + wrong + "\n"), "") << wrong;
}

TEST(Scenario, WorkersAreModelledWhereTheTableIs) {
    const std::string head =
        "name = \"a\"\npops = { count = 2 }\nregions = { count = 2, slots = 8 }\n"
        "functions = { count = 10 }\n";
    EXPECT_FALSE(parse_scenario(head, "f")->workers.modelled);
    const auto read = parse_scenario(head + "[workers]\ndigest = false\n", "f");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_TRUE(read->workers.modelled);
    EXPECT_FALSE(read->workers.digest);
    EXPECT_NE(problems(head + "[workers]\nper_function = 0\n"), "");
    EXPECT_NE(
        problems(head + "workers = {}\nrollout = { at_s = 1, share = 0.5 }\n").find("rollout"),
        std::string::npos);
    EXPECT_NE(
        problems(head + "workers = {}\n[[fault]]\nkind = \"down\"\nregions = []\n").find("fault"),
        std::string::npos);
    EXPECT_NE(problems("name = \"a\"\nworkers = {}\n").find("workers"), std::string::npos)
        << "the usual world is too large";
}

TEST(Scenario, MoreThanAMachineCanDoIsRefused) {
    EXPECT_NE(problems("name = \"a\"\nseconds = 1e7\nrequests_per_s = 1e7\n").find("2000000000"),
              std::string::npos);
    EXPECT_NE(problems("name = \"a\"\n[pops]\ncount = 1000\n[functions]\ncount = 1000000\n")
                  .find("200000000"),
              std::string::npos);
    EXPECT_NE(problems(std::string(2 << 20, '#')).find("bytes"), std::string::npos);
}

}  // namespace
}  // namespace skerry::sim
