// Examples from docs/routes.md, limits, and bursts.
#include <gtest/gtest.h>

#include "control/routes/compile.hpp"
#include "dataplane/classify/classifier.hpp"
#include "tests/dataplane/classify/classified.hpp"

namespace skerry::classify {
namespace {

using routes::Route;

class Classify : public testing::Test {
  protected:
    void compile(std::vector<Route> all) {
        routes::Cache none;
        routes::Compiled compiled = routes::compile(std::move(all), 2, none);
        ASSERT_TRUE(compiled.set != nullptr) << routes::to_text(compiled.problems[0]);
        set_ = compiled.set;
    }
    Outcome classify(std::string_view host, std::string_view path, std::string_view query = {},
                     std::string_view method = "GET") {
        const Request request{host, path, query, routes::method_of(method), nullptr};
        Outcome outcome;
        classifier_.classify(set_->table, {&request, 1}, {&outcome, 1});
        return outcome;
    }
    // The function of the route that wins.
    std::string winner(std::string_view host, std::string_view path, std::string_view query = {},
                       std::string_view method = "GET") {
        const Outcome outcome = classify(host, path, query, method);
        if (outcome.verdict != Verdict::route) return "";
        return set_->routes[set_->table.rows[outcome.rank].route].function;
    }
    static Route route(std::string host, std::string path, std::string function) {
        Route made;
        made.host = std::move(host);
        made.path = std::move(path);
        made.function = std::move(function);
        return made;
    }

    std::shared_ptr<const routes::RouteSet> set_;
    Classifier classifier_{1};
};

TEST_F(Classify, PrefersTheMostSpecificPath) {
    compile({route("", "/*", "all"), route("", "/items/:rest*", "items"),
             route("", "/items/:id", "item"), route("", "/items/*.json", "json"),
             route("", "~/items/[0-9]+", "number"), route("", "/items/new", "new"),
             route("", "/items/:id/notes", "notes")});
    EXPECT_EQ(winner("h", "/items/new"), "new");
    EXPECT_EQ(winner("h", "/items/12"), "number");
    EXPECT_EQ(winner("h", "/items/a.json"), "json");
    EXPECT_EQ(winner("h", "/items/a"), "item");
    EXPECT_EQ(winner("h", "/items/a/notes"), "notes");
    EXPECT_EQ(winner("h", "/items/a/b"), "items");
    EXPECT_EQ(winner("h", "/items/"), "items");
    EXPECT_EQ(winner("h", "/items"), "all");
    EXPECT_EQ(winner("", "/"), "all");
}

TEST_F(Classify, PrefersTheMostSpecificHost) {
    compile({route("*", "/a", "any"), route("~.*\\.example", "/a", "expression"),
             route("*.example", "/a", "wildcard"), route("*.shop.example", "/a", "longer"),
             route("eu.shop.example", "/a", "literal"), route("", "/b", "b")});
    EXPECT_EQ(winner("eu.shop.example", "/a"), "literal");
    EXPECT_EQ(winner("EU.Shop.Example.:443", "/a"), "literal");
    EXPECT_EQ(winner("us.shop.example", "/a"), "longer");
    EXPECT_EQ(winner("x.us.shop.example", "/a"), "longer");
    EXPECT_EQ(winner("shop.example", "/a"), "wildcard");
    EXPECT_EQ(winner("example", "/a"), "any");
    EXPECT_EQ(winner("", "/a"), "any");
    // A host that has routes, none of which matches, does not hide those of any host.
    EXPECT_EQ(winner("eu.shop.example", "/b"), "b");
}

TEST_F(Classify, TriesOtherWaysThroughTheTree) {
    compile(
        {route("", "/a/:x/c", "one"), route("", "/:x/b/d", "two"), route("", "/:x/:y/*", "three")});
    EXPECT_EQ(winner("", "/a/b/c"), "one");
    EXPECT_EQ(winner("", "/a/b/d"), "two");
    EXPECT_EQ(winner("", "/a/b/e"), "three");
    EXPECT_EQ(winner("", "/a/b"), "");
    EXPECT_EQ(winner("", "/a//c"), "");  // it is /a/c
}

// A part of the tree that has worse routes than the one found may have a better one as well.
TEST_F(Classify, LooksWhereTheBestIsAndNotWhereTheWorstIsNot) {
    compile(
        {route("", "/a/*", "literal"), route("", "/:x/b", "segments"), route("", "/:x/*", "rest")});
    EXPECT_EQ(winner("", "/a/b"), "segments");
    EXPECT_EQ(winner("", "/a/c"), "literal");
}

TEST_F(Classify, MethodsAndConditions) {
    Route get = route("", "/a", "get");
    get.methods = {"GET"};
    Route beta = get;
    beta.function = "beta";
    beta.query = {"v=beta"};
    Route post = route("", "/a", "post");
    post.methods = {"POST"};
    compile({get, beta, post});
    EXPECT_EQ(winner("", "/a"), "get");
    EXPECT_EQ(winner("", "/a", "", "HEAD"), "get");
    EXPECT_EQ(winner("", "/a", "x&v=%62eta"), "beta");
    EXPECT_EQ(winner("", "/a", "v=beta", "POST"), "post");
    const Outcome put = classify("", "/a", "", "PUT");
    EXPECT_EQ(put.verdict, Verdict::wrong_method);
    EXPECT_EQ(put.allowed, method::get | method::head | method::post);
    EXPECT_EQ(classify("", "/b", "", "PUT").verdict, Verdict::no_route);
}

TEST_F(Classify, OfEqualsTheFirstDeclared) {
    compile({route("", "/:a/x", "first"), route("", "/:b/x", "second"), route("", "~/e.*", "third"),
             route("", "~/.*e", "fourth")});
    EXPECT_EQ(winner("", "/q/x"), "first");
    EXPECT_EQ(winner("", "/ee"), "third");
    EXPECT_EQ(winner("", "/fe"), "fourth");
    EXPECT_EQ(set_->warnings.size(), 1u);
}

TEST_F(Classify, NoSpellingLeadsElsewhere) {
    compile({route("", "/admin/*", "admin"), route("", "/*", "public")});
    for (const char* path : {"/admin/x", "//admin/x", "/%61dmin/x", "/./admin/x", "/p/../admin/x",
                             "/p/%2e%2e/admin/x", "/admin//x", "/admin/./x"}) {
        const Outcome outcome = classify("", path);
        EXPECT_EQ(winner("", path), "admin") << path;
        EXPECT_EQ(outcome.path, "/admin/x") << path;
    }
    for (const char* path :
         {"/p/..%2fadmin/x", "/p/..;/admin/x", "/p/..\\admin/x", "/p/..%5cadmin/x"})
        EXPECT_EQ(classify("", path).verdict, Verdict::malformed) << path;
    EXPECT_EQ(winner("", "/admin%2Fx"), "public");
    EXPECT_EQ(winner("", "/ADMIN/x"), "public");
}

TEST_F(Classify, ParametersAreOfTheNormalForm) {
    compile({route("", "/u/:id/files/:path*", "f")});
    const Outcome outcome = classify("", "/u/%61%20b//files/x/%2e/y");
    ASSERT_EQ(outcome.verdict, Verdict::route);
    std::array<Param, kParamsMax> params;
    const Row& row = set_->table.rows[outcome.rank];
    ASSERT_EQ(params_of(set_->table.text(row.pattern), outcome.path, params), 2u);
    EXPECT_EQ(params[0].name, "id");
    EXPECT_EQ(params[0].value, "a%20b");
    EXPECT_EQ(params[1].name, "path");
    EXPECT_EQ(params[1].value, "x/y");
}

TEST_F(Classify, ABurstHasEachItsOwn) {
    compile({route("a.test", "/x%20y", "a"), route("", "/:id", "b"), route("", "~/e+", "e")});
    std::vector<Request> burst;
    std::vector<Outcome> outcomes(kBurstMax);
    for (std::uint32_t i = 0; i < kBurstMax; ++i)
        burst.push_back(i % 4 == 0   ? Request{"A.Test", "/%78 y", "", method::get, nullptr}
                        : i % 4 == 1 ? Request{"b", "//e", "", method::get, nullptr}
                        : i % 4 == 2 ? Request{"b", "/%", "", method::get, nullptr}
                                     : Request{"b", "/q", "", method::get, nullptr});
    classifier_.classify(set_->table, burst, outcomes);
    for (std::uint32_t i = 0; i < kBurstMax; ++i) {
        if (i % 4 == 2) {
            EXPECT_EQ(outcomes[i].verdict, Verdict::malformed);
            continue;
        }
        ASSERT_EQ(outcomes[i].verdict, Verdict::route);
        const std::uint32_t route = set_->table.rows[outcomes[i].rank].route;
        EXPECT_EQ(route, i % 4 == 0 ? 0u : i % 4 == 1 ? 2u : 1u);
        EXPECT_EQ(outcomes[i].path, i % 4 == 0 ? "/x%20y" : i % 4 == 1 ? "/e" : "/q");
        EXPECT_EQ(outcomes[i].host, i % 4 == 0 ? "a.test" : "b");
    }
}

TEST_F(Classify, NoRoutesAtAll) {
    compile({});
    EXPECT_EQ(classify("a", "/").verdict, Verdict::no_route);
}

TEST_F(Classify, LongPathsAreLookedAtNoDeeperThanRoutesAre) {
    compile({route("", "/a/*", "prefix"), route("", "/:x/:y", "two")});
    std::string path = "/a";
    for (int i = 0; i < 1000; ++i) path += "/b";
    EXPECT_EQ(winner("", path), "prefix");
    EXPECT_EQ(winner("", path.substr(0, 4)), "two");
}

}  // namespace
}  // namespace skerry::classify
