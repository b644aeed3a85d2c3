// Which route won and why, and why each of the others did not.
#include "control/routes/explain.hpp"

#include <gtest/gtest.h>

namespace skerry::routes {
namespace {

Route route(std::string host, std::string path) {
    Route made;
    made.host = std::move(host);
    made.path = std::move(path);
    made.function = "f";
    return made;
}

TEST(Explain, EachRouteHasItsReason) {
    Cache none;
    Route post = route("", "/items/:id");
    post.methods = {"POST"};
    Route beta = route("", "/items/:id");
    beta.query = {"beta=1"};
    const Compiled compiled = compile(
        {
            route("", "/items/new"),            // 0: wins
            route("", "/items/:id"),            // 1
            route("", "/items/*"),              // 2
            route("", "~/items/n.*"),           // 3
            route("", "/other"),                // 4
            route("other.test", "/items/new"),  // 5
            post,                               // 6
            beta,                               // 7
            route("", "/items/new"),            // 8
            route("~oth.*", "/items/new"),      // 9
        },
        1, none);
    ASSERT_TRUE(compiled.set != nullptr);
    const classify::Request request{"shop.test", "//items/./new", "beta=2", classify::method::get,
                                    nullptr};
    const Explanation why = explain(*compiled.set, request);
    EXPECT_EQ(why.path, "/items/new");
    ASSERT_EQ(why.lines.size(), 10u);
    EXPECT_TRUE(why.lines[0].won);
    const char* expected[] = {
        "matches, and is the most specific",
        "path: an exact path of route 0 is more specific",
        "path: an exact path of route 0 is more specific",
        "path: an exact path of route 0 is more specific",
        "path: /items/new is not /other",
        "host: shop.test is not other.test",
        "method: GET is not POST",
        "condition: query beta=1 does not hold",
        "order: route 0 is before it",
        "host: shop.test is not ~oth.*",
    };
    for (const Reasoning& line : why.lines)
        EXPECT_EQ(line.text, expected[line.route]) << line.route;
}

TEST(Explain, WhatHasNoNormalFormHasNoReasons) {
    Cache none;
    const Compiled compiled = compile({route("", "/*")}, 1, none);
    const Explanation why = explain(*compiled.set, {"", "/..", "", classify::method::get, nullptr});
    EXPECT_EQ(why.outcome.verdict, classify::Verdict::malformed);
    EXPECT_EQ(why.outcome.fault, classify::Fault::above_root);
    EXPECT_TRUE(why.lines.empty());
}

TEST(Explain, RoutesHaveATextOfOneLine) {
    Route one = route("a.test", "/:x");
    one.methods = {"GET", "POST"};
    one.headers = {"x-a=1"};
    one.qualifier = "live";
    EXPECT_EQ(to_text(one), "GET,POST a.test /:x header:x-a=1 -> f:live");
}

}  // namespace
}  // namespace skerry::routes
