// A model holds; the same model with one order weakened does not. The second half is what makes the
// first worth something: it shows that the exploration reaches the executions that matter.
#include "tests/model/model.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace skerry::model {
namespace {

class Explored : public testing::TestWithParam<Model> {};
INSTANTIATE_TEST_SUITE_P(Models, Explored, testing::ValuesIn(models().begin(), models().end()),
                         [](const auto& model) { return std::string(model.param.name); });

TEST_P(Explored, HoldsIfAndOnlyIfItIsSound) {
    static char report[32768];
    const bool held = GetParam().holds(std::span<char>(report));
    EXPECT_EQ(held, GetParam().sound) << report;
    // How many executions were looked at: for whoever reads the log.
    if (held) std::printf("%.300s\n", report);
}

}  // namespace
}  // namespace skerry::model
