// Whatever the routes and the requests: the table, the reference and the explanation agree.
#include <gtest/gtest.h>

#include <random>

#include "control/routes/explain.hpp"
#include "tests/dataplane/classify/classified.hpp"
#include "tests/dataplane/classify/generate.hpp"

namespace skerry {
namespace {

using reference::Request;

std::string described(const std::vector<routes::Route>& all, const Request& request) {
    std::string text =
        request.method + " " + request.host + " " + request.path + "?" + request.query;
    for (const auto& [name, value] : request.fields) text += " [" + name + ": " + value + "]";
    for (const auto& route : all) text += "\n  " + routes::to_text(route);
    return text;
}

class Property : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Property, WinnerIsTheReferences) {
    std::mt19937 random(GetParam());
    const bool narrow = GetParam() % 2 == 0;
    reference::Generator generate([&](std::uint32_t below) { return random() % below; }, narrow);
    routes::Cache none;
    std::uint32_t found = 0, wrong_method = 0;
    for (int round = 0; round < 20; ++round) {
        const auto all = generate.routes(1 + random() % 40);
        const routes::Compiled compiled = routes::compile(all, 1, none);
        ASSERT_TRUE(compiled.set != nullptr)
            << routes::to_text(compiled.problems[0]) << described(all, {});
        std::vector<Request> requests(32);
        std::vector<reference::FieldsOf> fields;
        std::vector<classify::Request> burst;
        for (Request& each : requests) {
            each = generate.request();
            fields.emplace_back(each);
        }
        for (std::size_t i = 0; i < requests.size(); ++i)
            burst.push_back(reference::request_of(requests[i], fields[i]));
        classify::Classifier classifier(0);
        std::vector<classify::Outcome> outcomes(requests.size());
        classifier.classify(compiled.set->table, burst, outcomes);
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const auto expected = reference::choose(all, requests[i]);
            const classify::Outcome& outcome = outcomes[i];
            ASSERT_NE(outcome.verdict, classify::Verdict::malformed) << described(all, requests[i]);
            ASSERT_EQ(outcome.path,
                      reference::normal_of(*reference::segments_of(requests[i].path)));
            ASSERT_EQ(outcome.rank != classify::kNone, expected.has_value())
                << described(all, requests[i]);
            if (expected) {
                ASSERT_EQ(compiled.set->table.rows[outcome.rank].route, *expected)
                    << described(all, requests[i]);
                ++found;
            }
            const bool other_method =
                !expected && std::any_of(all.begin(), all.end(), [&](const auto& each) {
                    return reference::matches(each, requests[i], true);
                });
            ASSERT_EQ(outcome.verdict == classify::Verdict::wrong_method, other_method)
                << described(all, requests[i]);
            wrong_method += other_method ? 1 : 0;
            const routes::Explanation why = routes::explain(*compiled.set, burst[i]);
            ASSERT_EQ(why.outcome.rank, outcome.rank);
            for (const routes::Reasoning& line : why.lines)
                ASSERT_EQ(line.matched, reference::matches(all[line.route], requests[i]))
                    << line.text << described(all, requests[i]);
        }
    }
    // Else the generator makes routes and requests that have nothing to do with each other.
    EXPECT_GT(found, 150u);
    EXPECT_GT(wrong_method, narrow ? 0u : 5u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, Property, testing::Range(1u, 5u));

TEST(Property, EverySpellingIsTheSamePath) {
    std::mt19937 random(7);
    reference::Generator generate([&](std::uint32_t below) { return random() % below; });
    for (int i = 0; i < 10000; ++i) {
        const std::string path = generate.request().path, again = generate.spelled(path);
        std::array<char, classify::kPathBytesMax> one, other;
        std::string_view normal, same;
        ASSERT_EQ(classify::normalise_path(path, one, normal), classify::Fault::none) << path;
        ASSERT_EQ(classify::normalise_path(again, other, same), classify::Fault::none) << again;
        ASSERT_EQ(normal, same) << path << " " << again;
    }
}

}  // namespace
}  // namespace skerry
