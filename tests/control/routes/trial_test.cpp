// Expressions that Hyperscan does not get done with, tried in a process that is ended. This program
// is that process, too.
#include "control/routes/trial.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>

namespace skerry::routes {
namespace {

constexpr const char* kThis = "/proc/self/exe";

// Different words, each repeated: minutes, for a few hundred bytes.
std::string endless() {
    std::string text;
    for (int i = 0; i < 60; ++i) {
        text += i == 0 ? "(" : "|(";
        text +=
            std::string(6, static_cast<char>('a' + i % 6)) + "){1," + std::to_string(20 + i) + "}";
    }
    return text;
}

TEST(Trial, WhatTakesTooLongIsEndedAndTheRestIsTried) {
    const std::string hard = endless();
    const std::vector<std::string_view> texts{"/a[0-9]+", hard, "/(", hard, "", "/b.*"};
    TrialBudget budget;
    budget.cpu_ms = 300;
    EXPECT_EQ(try_expressions(kThis, texts, Form::whole, budget),
              (std::vector{Trial::done, Trial::too_slow, Trial::done, Trial::too_slow, Trial::done,
                           Trial::done}));
    // Of a rule: found anywhere.
    const std::string anchored = whole(hard);
    EXPECT_EQ(try_expressions(kThis, {"a", anchored}, Form::stream, budget),
              (std::vector{Trial::done, Trial::too_slow}));
    EXPECT_EQ(to_text(Trial::too_slow, budget), "compiling it takes more than 300 ms");
}

TEST(Trial, AllTogetherHaveALimitToo) {
    const std::string hard = endless();
    const std::vector<std::string_view> texts{"/a", hard, "/b"};
    TrialBudget budget;
    budget.cpu_ms = 60'000;
    budget.all_ms = 1'000;
    const auto trials = try_expressions(kThis, texts, Form::whole, budget);
    EXPECT_EQ(trials[1], Trial::no_time);
    EXPECT_EQ(trials[2], Trial::no_time);
}

TEST(Trial, WhereThereIsNoSuchProgram) {
    const std::vector<std::string_view> texts{"/a", "/b"};
    EXPECT_EQ(try_expressions("", texts, Form::whole), (std::vector{Trial::done, Trial::done}));
    for (const char* program : {"/nonexistent", "/bin/false", "/dev/null"})
        EXPECT_EQ(try_expressions(program, texts, Form::whole),
                  (std::vector{Trial::failed, Trial::failed}))
            << program;
    EXPECT_TRUE(try_expressions(kThis, {}, Form::whole).empty());
}

}  // namespace
}  // namespace skerry::routes

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], skerry::routes::kTrialArgument) == 0)
        return skerry::routes::serve_trials();
    std::signal(SIGPIPE, SIG_IGN);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
