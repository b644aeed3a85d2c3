// Routes: kept in a file of the state, compiled on the thread that changes them (it may take
// seconds), published with the next snapshot. Known to this server alone.
#include <spdlog/spdlog.h>

#include <set>

#include "control/catalog/files.hpp"
#include "control/controller/compile_call.hpp"
#include "control/controller/controller.hpp"
#include "control/routes/explain.hpp"
#include "control/routes/json.hpp"
#include "control/routes/judge.hpp"
#include "control/routes/trial.hpp"
#include "dataplane/classify/published.hpp"

namespace skerry::control {
namespace {

using admin::ApiError;
using admin::ApiResult;
using admin::RoutesOutcome;
using admin::RouteTest;

constexpr std::chrono::seconds kGraceTimeout{10};
constexpr std::size_t kUnusedDatabases = 64;

struct PublishedSet final : classify::Published {
    std::shared_ptr<const routes::RouteSet> set;
};

ApiError refused(const std::vector<routes::Problem>& problems) {
    ApiError error{400, "bad-route", {}, {}};
    for (const routes::Problem& each : problems)
        error.message += (error.message.empty() ? "" : "; ") + routes::to_text(each);
    return error;
}

// The expression of a route's part, or nothing.
std::string_view expression_of(const std::string& part) {
    return part.starts_with('~') ? std::string_view(part).substr(1) : std::string_view{};
}

struct NewExpression {
    std::string_view text;
    std::uint32_t route;
    const char* where;
};

// Those that are not among the expressions of `before`, each once.
std::vector<NewExpression> new_expressions(const std::vector<routes::Route>& all,
                                           const std::vector<routes::Route>& before) {
    std::set<std::string_view> known;
    for (const routes::Route& each : before) {
        known.insert(expression_of(each.path));
        known.insert(expression_of(each.host));
    }
    std::vector<NewExpression> found;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto parts = {std::pair{"path", &all[i].path}, {"host", &all[i].host}};
        for (const auto& [where, text] : parts) {
            const std::string_view expression = expression_of(*text);
            if (!expression.empty() && known.insert(expression).second)
                found.push_back({expression, static_cast<std::uint32_t>(i), where});
        }
    }
    return found;
}

// What new expressions cost, measured, if they compile in time. False: `error` says which of them
// may not be; `said` is what to think of.
bool judge(const std::vector<routes::Route>& all, const std::vector<routes::Route>& before,
           std::vector<std::string>& said, ApiError& error) {
    const std::vector<NewExpression> found = new_expressions(all, before);
    std::vector<std::string_view> texts;
    for (const NewExpression& each : found) texts.push_back(each.text);
    const auto trials =
        routes::try_expressions(routes::trial_program(), texts, routes::Form::whole);
    for (std::size_t i = 0; i < found.size(); ++i) {
        routes::Verdict verdict{routes::Judgement::refused, {}, routes::to_text(trials[i]), -1};
        if (trials[i] == routes::Trial::done) verdict = routes::judge(found[i].text);
        const std::int32_t at = verdict.at < 0 ? -1 : verdict.at + 1;
        const routes::Problem problem{found[i].route, found[i].where, at, verdict.text};
        if (verdict.judgement == routes::Judgement::refused) {
            error = refused({problem});
            return false;
        }
        if (!verdict.text.empty()) said.push_back(routes::to_text(problem));
    }
    return true;
}

}  // namespace

std::string Controller::routes_file() const {
    return config_.state_dir + "/routes.json";
}

Result<std::shared_ptr<const routes::RouteSet>> Controller::compile_routes(
    std::vector<routes::Route> all, std::vector<routes::Problem>& problems) const {
    routes::Cache cache{config_.state_dir + "/route-databases"};
    routes::Compiled compiled = routes::compile(std::move(all), shared_.server.core_count, cache);
    problems = std::move(compiled.problems);
    if (compiled.set == nullptr) return Error{EINVAL, routes::to_text(problems.at(0))};
    routes::sweep(cache, kUnusedDatabases);
    return compiled.set;
}

// At start, before cores run. A file that can't be understood is not overwritten: skerryd says so
// and stops.
Status Controller::open_routes() {
    catalog::remove_temporaries(routes_file());
    const Result<std::string> text = catalog::read_file(routes_file(), routes::kFileBytesMax);
    if (!text) return text.error().code == ENOENT ? ok() : Status(text.error());
    Result<std::vector<routes::Route>> all = routes::parse_file(*text);
    if (!all) return Error{EINVAL, routes_file() + ": " + all.error().text};
    std::vector<routes::Problem> problems;
    auto set = compile_routes(std::move(*all), problems);
    if (!set) return Error{EINVAL, routes_file() + ": " + set.error().text};
    take_routes(std::move(*set));
    return ok();
}

void Controller::take_routes(std::shared_ptr<const routes::RouteSet> set) {
    auto published = std::make_shared<PublishedSet>();
    published->table = &set->table;
    for (const routes::Route& each : set->routes)
        published->callees.push_back(
            {each.function, each.qualifier, each.auth == routes::Auth::none});
    published->set = set;
    route_set_ = std::move(set);
    published_routes_ = route_set_->routes.empty() ? nullptr : std::move(published);
}

// With routes_turn_, and without the lock.
ApiResult<RoutesOutcome> Controller::change_routes(std::vector<routes::Route> all,
                                                   std::vector<std::string> said) {
    std::vector<routes::Problem> problems;
    auto set = compile_routes(all, problems);
    if (!set) return ApiResult<RoutesOutcome>::failure(refused(problems));
    if (const Status stored = catalog::replace_file(routes_file(), routes::file_text(all)); !stored)
        return ApiResult<RoutesOutcome>::failure({507, "state", stored.error().text, {}});
    for (const routes::Problem& each : (*set)->warnings) said.push_back(routes::to_text(each));
    Lock lock(mutex_);
    take_routes(std::move(*set));
    const std::uint64_t publication = publish();
    nudge();
    if (!changed_.wait_for(lock, kGraceTimeout,
                           [&] { return reclaimer_.passed(publication) || stopping_; }))
        return ApiResult<RoutesOutcome>::failure(
            {504, "cores-stuck", "a core did not take the new snapshot in time", {}});
    return {RoutesOutcome{std::move(all), std::move(said)}, true, {}};
}

std::vector<routes::Route> Controller::routes() {
    const std::lock_guard lock(mutex_);
    return route_set_ == nullptr ? std::vector<routes::Route>{} : route_set_->routes;
}

// With routes_turn_.
ApiResult<RoutesOutcome> Controller::take_over(std::vector<routes::Route> all) {
    {
        const std::lock_guard lock(mutex_);
        for (const routes::Route& each : all)
            if (catalog_.functions().count(each.function) == 0)
                return ApiResult<RoutesOutcome>::failure(
                    {404, "no-such-function", "no function is called " + each.function, {}});
    }
    std::vector<std::string> said;
    ApiError error;
    if (!judge(all, routes(), said, error)) return ApiResult<RoutesOutcome>::failure(error);
    return change_routes(std::move(all), std::move(said));
}

ApiResult<RoutesOutcome> Controller::add_route(const routes::Route& route) {
    const CompileCall call(route_calls_);
    if (!call) return ApiResult<RoutesOutcome>::failure(CompileCall::busy("routes"));
    const std::lock_guard turn(routes_turn_);
    std::vector<routes::Route> all = routes();
    all.push_back(route);
    return take_over(std::move(all));
}

ApiResult<RoutesOutcome> Controller::replace_routes(std::vector<routes::Route> all) {
    const CompileCall call(route_calls_);
    if (!call) return ApiResult<RoutesOutcome>::failure(CompileCall::busy("routes"));
    const std::lock_guard turn(routes_turn_);
    return take_over(std::move(all));
}

ApiResult<RoutesOutcome> Controller::delete_route(std::uint32_t number) {
    const CompileCall call(route_calls_);
    if (!call) return ApiResult<RoutesOutcome>::failure(CompileCall::busy("routes"));
    const std::lock_guard turn(routes_turn_);
    std::vector<routes::Route> all = routes();
    if (number >= all.size())
        return ApiResult<RoutesOutcome>::failure(
            {404, "no-such-route", "there are " + std::to_string(all.size()) + " routes", {}});
    all.erase(all.begin() + number);
    return change_routes(std::move(all), {});
}

// Through the table that cores use, with the scratch that is the control side's: one at a time.
ApiResult<admin::RouteTestResult> Controller::test_route(const RouteTest& test) {
    const CompileCall call(route_calls_);
    if (!call) return ApiResult<admin::RouteTestResult>::failure(CompileCall::busy("routes"));
    const std::lock_guard turn(routes_turn_);
    std::shared_ptr<const routes::RouteSet> set;
    {
        const std::lock_guard lock(mutex_);
        set = route_set_;
    }
    if (set == nullptr) return {admin::RouteTestResult{}, true, {}};
    struct Fields final : classify::Fields {
        const RouteTest& test;
        explicit Fields(const RouteTest& given) : test(given) {}
        bool next(std::string_view lower_name, std::uint32_t& at,
                  std::string_view& value) const override {
            while (at < test.fields.size()) {
                const auto& [name, has] = test.fields[at++];
                if (name != lower_name) continue;
                value = has;
                return true;
            }
            return false;
        }
    } fields(test);
    const routes::Explanation why =
        routes::explain(*set, {test.host, test.path, test.query, test.method, &fields});
    admin::RouteTestResult result;
    result.host = why.host;
    result.path = why.path;
    switch (why.outcome.verdict) {
        case classify::Verdict::route:
            result.verdict = "route";
            break;
        case classify::Verdict::no_route:
            result.verdict = "no route: 404";
            break;
        case classify::Verdict::wrong_method:
            result.verdict = "other methods only: 405";
            break;
        case classify::Verdict::malformed:
            result.verdict = "refused: " + std::string(classify::text_of(why.outcome.fault));
            break;
    }
    for (const routes::Reasoning& each : why.lines)
        result.lines.push_back({each.route, routes::to_text(set->routes[each.route]), each.won,
                                each.matched, each.text});
    return {std::move(result), true, {}};
}

}  // namespace skerry::control
