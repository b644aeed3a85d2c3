// Admission rules: kept in a file of the state, compiled on the thread that changes them (it may
// take seconds), published with the next snapshot. Known to this server alone.
#include <array>
#include <utility>

#include "control/catalog/files.hpp"
#include "control/controller/compile_call.hpp"
#include "control/controller/controller.hpp"
#include "control/rules/json.hpp"
#include "dataplane/classify/normal.hpp"
#include "dataplane/rules/screen.hpp"

namespace skerry::control {
namespace {

using admin::ApiError;
using admin::ApiResult;
using admin::RulesOutcome;
using admin::RuleTestResult;
using admin::RuleView;

constexpr std::chrono::seconds kGraceTimeout{10};
constexpr std::size_t kUnusedDatabases = 16;
// Sets that were replaced, and that some body is judged by. Bodies have time limits: it is not for
// long.
constexpr std::size_t kOldSetsMax = 4;
// Of a core's time for one request, by all rules together: more is said.
constexpr std::uint64_t kHeavy_ns = 50'000;

ApiResult<RulesOutcome> failure(ApiError error) {
    return ApiResult<RulesOutcome>::failure(std::move(error));
}

ApiError refused(const std::vector<rules::Problem>& problems) {
    ApiError error{400, "bad-rule", {}, {}};
    for (const rules::Problem& each : problems)
        error.message += (error.message.empty() ? "" : "; ") + rules::to_text(each);
    return error;
}

std::vector<RuleView> views_of(const rules::RuleSet* set) {
    std::vector<RuleView> views;
    for (std::size_t i = 0; set != nullptr && i < set->declared.size(); ++i)
        views.push_back({set->declared[i], set->matched(i), set->refused(i)});
    return views;
}

std::vector<rules::Declared> declared_of(const rules::RuleSet* set) {
    return set == nullptr ? std::vector<rules::Declared>{} : set->declared;
}

}  // namespace

std::string Controller::rules_file() const {
    return config_.state_dir + "/rules.json";
}

std::shared_ptr<const rules::RuleSet> Controller::rule_set() {
    const std::lock_guard lock(mutex_);
    return rule_set_;
}

std::shared_ptr<const rules::Set> Controller::published_rules() const {
    if (rule_set_ == nullptr) return {};
    return {rule_set_, &rule_set_->set};
}

// With rules_turn_, or before there is anybody else. Of no rules: none.
Result<std::shared_ptr<const rules::RuleSet>> Controller::compile_rules(
    std::vector<rules::Declared> all, std::vector<rules::Problem>& problems) {
    if (all.empty()) return std::shared_ptr<const rules::RuleSet>();
    routes::Cache cache{config_.state_dir + "/rule-databases"};
    const rules::Shape shape{shared_.server.core_count, config_.rules.body_bytes,
                             config_.rules.streams};
    rules::Compiled compiled = rules::compile(std::move(all), shape, rule_set_.get(), cache);
    problems = std::move(compiled.problems);
    if (compiled.set == nullptr) return Error{EINVAL, rules::to_text(problems.at(0))};
    routes::sweep(cache, kUnusedDatabases);
    return compiled.set;
}

// At start, before cores run. A file that can't be understood is not overwritten: skerryd says so
// and stops, as it would let in what the rules keep out.
Status Controller::open_rules() {
    catalog::remove_temporaries(rules_file());
    const Result<std::string> text = catalog::read_file(rules_file(), rules::kFileBytesMax);
    if (!text) return text.error().code == ENOENT ? ok() : Status(text.error());
    Result<std::vector<rules::Declared>> all = rules::parse_file(*text);
    if (!all) return Error{EINVAL, rules_file() + ": " + all.error().text};
    std::vector<rules::Problem> problems;
    auto set = compile_rules(std::move(*all), problems);
    if (!set) return Error{EINVAL, rules_file() + ": " + set.error().text};
    rule_set_ = std::move(*set);
    return ok();
}

// Those that no core and no body has any more.
void Controller::forget_old_rules() {
    std::erase_if(old_rules_, [&](const OldRules& old) {
        return reclaimer_.passed(old.publication) && !old.set->set.in_use();
    });
}

// With rules_turn_, and without the lock.
ApiResult<RulesOutcome> Controller::change_rules(std::vector<rules::Declared> all) {
    {
        const std::lock_guard lock(mutex_);
        forget_old_rules();
        if (old_rules_.size() >= kOldSetsMax)
            return failure(
                {409,
                 "busy",
                 "bodies that began before earlier changes are still coming in; try again",
                 {}});
    }
    std::vector<std::string> said;
    std::vector<rules::Problem> problems = rules::check(all);
    if (problems.empty()) problems = rules::judge(all, declared_of(rule_set().get()), said);
    if (!problems.empty()) return failure(refused(problems));
    auto set = compile_rules(all, problems);
    if (!set) return failure(refused(problems));
    if (*set != nullptr) {
        const std::uint64_t ns = rules::measure(**set);
        if (ns > kHeavy_ns)
            said.push_back("all rules together take " + std::to_string(ns / 1000) +
                           " us for a request with a body of " +
                           std::to_string(config_.rules.body_bytes) + " bytes");
    }
    if (const Status stored = catalog::replace_file(rules_file(), rules::file_text(all)); !stored)
        return failure({507, "state", stored.error().text, {}});
    Lock lock(mutex_);
    const std::shared_ptr<const rules::RuleSet> old = std::exchange(rule_set_, std::move(*set));
    const std::uint64_t publication = publish();
    if (old != nullptr) old_rules_.push_back({old, publication});
    nudge();
    if (!changed_.wait_for(lock, kGraceTimeout,
                           [&] { return reclaimer_.passed(publication) || stopping_; }))
        return failure({504, "cores-stuck", "a core did not take the new snapshot in time", {}});
    return {RulesOutcome{views_of(rule_set_.get()), std::move(said)}, true, {}};
}

std::vector<RuleView> Controller::rules() {
    return views_of(rule_set().get());
}

ApiResult<RulesOutcome> Controller::add_rule(const rules::Declared& rule) {
    const CompileCall call(rule_calls_);
    if (!call) return failure(CompileCall::busy("rules"));
    const std::lock_guard turn(rules_turn_);
    std::vector<rules::Declared> all = declared_of(rule_set().get());
    all.push_back(rule);
    return change_rules(std::move(all));
}

ApiResult<RulesOutcome> Controller::replace_rules(std::vector<rules::Declared> all) {
    const CompileCall call(rule_calls_);
    if (!call) return failure(CompileCall::busy("rules"));
    const std::lock_guard turn(rules_turn_);
    return change_rules(std::move(all));
}

ApiResult<RulesOutcome> Controller::delete_rule(const std::string& name) {
    const CompileCall call(rule_calls_);
    if (!call) return failure(CompileCall::busy("rules"));
    const std::lock_guard turn(rules_turn_);
    std::vector<rules::Declared> all = declared_of(rule_set().get());
    if (std::erase_if(all, [&](const rules::Declared& each) { return each.name == name; }) == 0)
        return failure({404, "no-such-rule", "no rule is called " + name, {}});
    return change_rules(std::move(all));
}

// By the set that cores use, with the scratch, the stream and the buckets that are the control
// side's: one at a time.
ApiResult<RuleTestResult> Controller::test_rules(const admin::RuleTest& test) {
    const CompileCall call(rule_calls_);
    if (!call) return ApiResult<RuleTestResult>::failure(CompileCall::busy("rules"));
    const std::lock_guard turn(rules_turn_);
    const std::shared_ptr<const rules::RuleSet> all = rule_set();
    RuleTestResult result;
    std::array<char, classify::kPathBytesMax> buffer;
    std::string_view path;
    const classify::Fault fault = classify::normalise_path(test.request.path, buffer, path);
    if (fault != classify::Fault::none) {
        result.verdict = "refused: " + std::string(classify::text_of(fault));
        return {std::move(result), true, {}};
    }
    result.path = path;
    if (all == nullptr) return {std::move(result), true, {}};
    rules::Screen screen(all->control_core, 1);
    screen.begin_turn(&all->set, monotonic_us());
    std::vector<rules::Field> fields;
    if (!test.request.host.empty()) fields.push_back({"host", test.request.host});
    for (const auto& [name, value] : test.request.fields) fields.push_back({name, value});
    const auto note = [&] {
        for (std::uint32_t i = 0; i < all->declared.size(); ++i)
            if (screen.matched(i)) result.matched.push_back(all->declared[i]);
    };
    rules::Verdict verdict = screen.judge_head({path, test.request.query, fields, {}});
    note();
    if (verdict.kind == rules::Verdict::Kind::pass && !test.body.empty() && screen.begin_body(0)) {
        bool done = false;
        verdict = screen.judge_body(0, test.body, true, {}, done);
        note();
    }
    if (verdict.kind != rules::Verdict::Kind::pass)
        result.verdict = std::to_string(verdict.status) + " by " + all->declared[verdict.rule].name;
    return {std::move(result), true, {}};
}

}  // namespace skerry::control
