// CPython, copied after its imports.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/sandbox/template/copies.hpp"

namespace skerry::test {
namespace {

std::vector<std::string> python(const std::string& scenario) {
    return {"/usr/bin/python3", std::getenv("SKERRY_TEST_PYTHON"),
            std::getenv("SKERRY_TEST_PYTHON_MODULE"), scenario};
}

std::vector<std::string> environment() {
    return {std::string("LAMBDA_RUNTIME_DIR=") + std::getenv("SKERRY_TEST_LIBRARY_DIR")};
}

void expect_same_and_different(Pids pids) {
    const Template taken(python(""), environment(), {}, pids);
    ASSERT_TRUE(taken.good()) << taken.outcome().code << ": " << taken.outcome().output;
    std::set<std::string> same, different;
    constexpr std::size_t kCopies = 20;
    for (std::size_t i = 0; i < kCopies; ++i) {
        const Outcome copy = taken.copy();
        ASSERT_EQ(copy.code, 0) << "signal " << copy.signal << ": " << copy.output;
        const auto answer = nlohmann::json::parse(copy.output);
        same.insert(answer["same"].dump());
        for (const auto& number : answer["different"]) different.insert(number.dump());
    }
    EXPECT_EQ(same.size(), 1u);
    EXPECT_NE(same.begin()->find("1.4142135623730950488"), std::string::npos);
    EXPECT_EQ(different.size(), 4 * kCopies);
}

TEST(TemplateOfPython, CopiesComputeTheSameAndDrawDifferentNumbers) {
    expect_same_and_different(Pids::ours);
}

// No change of the process's id tells anybody that this is another one.
TEST(TemplateOfPython, CopiesDrawDifferentNumbersAsProcessOne) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    expect_same_and_different(Pids::own);
}

TEST(TemplateOfPython, RefusesThreads) {
    const Template taken(python("threads"), environment());
    EXPECT_EQ(taken.outcome().code, snapshot::kRefusedExit + 2);
    EXPECT_EQ(taken.outcome().output,
              "skerry: this function can't be a template: it has more than one thread\n");
}

TEST(TemplateOfPython, AddressesDoNotCollide) {
    for (int i = 0; i < 5; ++i) {
        const Template taken(python(""), environment());
        ASSERT_TRUE(taken.good());
        for (int j = 0; j < 4; ++j) EXPECT_EQ(taken.copy().code, 0);
    }
}

}  // namespace
}  // namespace skerry::test
