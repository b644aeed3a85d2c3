// Finding routes allocates nothing, whatever finds them: jemalloc's counters of this thread stand
// still.
#include <gtest/gtest.h>
#include <jemalloc/jemalloc.h>

#include <random>

#include "control/routes/compile.hpp"
#include "tests/dataplane/classify/classified.hpp"
#include "tests/dataplane/classify/generate.hpp"

namespace skerry {
namespace {

// To be added to, and read from memory: asking jemalloc is a call that may allocate by itself.
const std::uint64_t* allocated_bytes() {
    std::uint64_t* bytes = nullptr;
    std::size_t size = sizeof bytes;
    EXPECT_EQ(mallctl("thread.allocatedp", static_cast<void*>(&bytes), &size, nullptr, 0), 0);
    return bytes;
}

TEST(NoAllocation, FindingRoutes) {
    std::mt19937 random(5);
    reference::Generator generate([&](std::uint32_t below) { return random() % below; });
    routes::Cache none;
    const auto set = routes::compile(generate.routes(300), 1, none).set;
    ASSERT_TRUE(set != nullptr);
    std::vector<reference::Request> requests(4096);
    for (auto& each : requests) each = generate.request();
    classify::Classifier classifier(0);
    std::array<classify::Outcome, classify::kBurstMax> outcomes;
    std::uint32_t found = 0;
    const std::uint64_t* allocated = allocated_bytes();
    const std::uint64_t before = *allocated;
    for (std::size_t at = 0; at < requests.size(); at += classify::kBurstMax) {
        std::array<classify::Request, classify::kBurstMax> burst;
        for (std::size_t i = 0; i < burst.size(); ++i) {
            const reference::Request& from = requests[at + i];
            burst[i] = {from.host, from.path, from.query, routes::method_of(from.method), nullptr};
        }
        classifier.classify(set->table, burst, outcomes);
        for (const classify::Outcome& each : outcomes) {
            found += each.verdict == classify::Verdict::route;
            if (each.rank == classify::kNone) continue;
            std::array<classify::Param, classify::kParamsMax> params;
            classify::params_of(set->table.text(set->table.rows[each.rank].pattern), each.path,
                                params);
        }
    }
    EXPECT_EQ(*allocated, before);
    EXPECT_GT(found, 1000u);
}

}  // namespace
}  // namespace skerry
