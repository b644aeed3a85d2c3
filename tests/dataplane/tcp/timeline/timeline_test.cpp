// Each file of ../scripts is one case.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/tcp/timeline/runner.hpp"

namespace skerry::timeline {
namespace {

namespace fs = std::filesystem;

const auto* environment = test::add_eal();

// "rfc9293/three_way_handshake" of every script.
std::vector<std::string> all_scripts() {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(SCRIPTS))
        if (entry.path().extension() == ".tl")
            names.push_back(fs::relative(entry.path(), SCRIPTS).replace_extension().string());
    std::sort(names.begin(), names.end());
    return names;
}

class TcpTimeline : public testing::TestWithParam<std::string> {};

TEST_P(TcpTimeline, IsKept) {
    std::ifstream file(fs::path(SCRIPTS) / (GetParam() + ".tl"));
    std::stringstream text;
    text << file.rdbuf();
    std::string error;
    const auto script = parse_script(GetParam() + ".tl", text.str(), error);
    ASSERT_TRUE(script) << error;
    for (const bool short_way : {false, true}) {
        const std::string wrong = run_script(*script, short_way);
        if (!wrong.empty()) ADD_FAILURE() << wrong << (short_way ? "by the short way" : "");
    }
}

INSTANTIATE_TEST_SUITE_P(Scripts, TcpTimeline, testing::ValuesIn(all_scripts()),
                         [](const testing::TestParamInfo<std::string>& info) {
                             std::string name = info.param;
                             std::replace_if(
                                 name.begin(), name.end(),
                                 [](char c) { return std::isalnum(c) == 0; }, '_');
                             return name;
                         });

TEST(TcpTimelineScripts, AreManyAndSayWhatTheyAreAbout) {
    const auto names = all_scripts();
    EXPECT_GE(names.size(), 120u);
    for (const std::string& name : names) {
        std::ifstream file(fs::path(SCRIPTS) / (name + ".tl"));
        std::string first;
        std::getline(file, first);
        EXPECT_TRUE(first.starts_with("# RFC "))
            << name << " begins with the section that it tests";
    }
}

}  // namespace
}  // namespace skerry::timeline
