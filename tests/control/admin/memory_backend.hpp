// A Backend in memory: a small server's state that the tests can set.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "control/admin/backend.hpp"
#include "control/admin/query.hpp"
#include "control/catalog/artifacts.hpp"

namespace skerry::admin {

class MemoryBackend : public Backend {
  public:
    MemoryBackend() {
        RegionView north;
        north.name = "north";
        north.address = "10.0.0.7";
        north.healthy = true;
        north.rtt_us = 1500;
        regions_.push_back(north);
    }

    StatusView status() override {
        if (throws) throw std::runtime_error("a backend that throws");
        StatusView v;
        v.name = "pop-1";
        v.role = "pop";
        v.version = "0.1.0";
        v.boot_id = 0xfedcba9876543210ull;
        v.addresses = {"10.0.0.2", "\xff\xfe not UTF-8"};
        v.functions = static_cast<std::uint32_t>(functions_.size());
        v.draining = draining_;
        v.denied_calls = {{"ptrace", 3}, {"x32:getpid", 1}};
        return v;
    }
    Result<std::string> archive(const std::string& digest) override {
        if (digest != catalog::sha256_hex(artifact)) return Error{ENOENT, "it is not here"};
        return lies ? "something else" : artifact;
    }
    std::vector<FetchView> fetches() override { return {}; }
    CountedFunctions counted_functions() override {
        return {.functions = functions(), .others = others, .rows_free = 7};
    }
    CountedFunctions::Others others;
    std::vector<FunctionView> functions() override {
        const std::lock_guard lock(mutex_);
        std::vector<FunctionView> all;
        for (const auto& [name, view] : functions_) all.push_back(view);
        return all;
    }
    ApiResult<FunctionView> function(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        const auto at = functions_.find(name);
        if (at == functions_.end()) return ApiResult<FunctionView>::failure(unknown());
        return {at->second, true, {}};
    }
    std::vector<routes::Route> routes() override {
        const std::lock_guard lock(mutex_);
        return routes_;
    }
    ApiResult<RoutesOutcome> add_route(const routes::Route& route) override {
        const std::lock_guard lock(mutex_);
        routes_.push_back(route);
        return {RoutesOutcome{routes_, {}}, true, {}};
    }
    ApiResult<RoutesOutcome> delete_route(std::uint32_t number) override {
        const std::lock_guard lock(mutex_);
        if (number >= routes_.size())
            return ApiResult<RoutesOutcome>::failure({404, "no-such-route", "there is none", {}});
        routes_.erase(routes_.begin() + number);
        return {RoutesOutcome{routes_, {}}, true, {}};
    }
    ApiResult<RoutesOutcome> replace_routes(std::vector<routes::Route> all) override {
        const std::lock_guard lock(mutex_);
        routes_ = std::move(all);
        return {RoutesOutcome{routes_, {}}, true, {}};
    }
    ApiResult<RouteTestResult> test_route(const RouteTest& test) override {
        RouteTestResult result;
        result.host = test.host;
        result.path = test.path + "?" + test.query;
        return {std::move(result), true, {}};
    }
    std::vector<RuleView> rules() override {
        const std::lock_guard lock(mutex_);
        std::vector<RuleView> views;
        for (const rules::Declared& each : rules_) views.push_back({each, 7, 3});
        return views;
    }
    ApiResult<RulesOutcome> add_rule(const rules::Declared& rule) override {
        {
            const std::lock_guard lock(mutex_);
            rules_.push_back(rule);
        }
        return {RulesOutcome{rules(), {}}, true, {}};
    }
    ApiResult<RulesOutcome> delete_rule(const std::string& name) override {
        {
            const std::lock_guard lock(mutex_);
            if (std::erase_if(rules_, [&](const auto& each) { return each.name == name; }) == 0)
                return ApiResult<RulesOutcome>::failure({404, "no-such-rule", "there is none", {}});
        }
        return {RulesOutcome{rules(), {}}, true, {}};
    }
    ApiResult<RulesOutcome> replace_rules(std::vector<rules::Declared> all) override {
        {
            const std::lock_guard lock(mutex_);
            rules_ = std::move(all);
        }
        return {RulesOutcome{rules(), {}}, true, {}};
    }
    ApiResult<RuleTestResult> test_rules(const RuleTest& test) override {
        RuleTestResult result;
        result.path = test.request.path;
        result.verdict = test.body;
        return {std::move(result), true, {}};
    }
    std::vector<RegionView> regions() override { return regions_; }
    ApiResult<ExplainView> explain(const std::string& name) override {
        auto found = function(name);
        if (!found.ok) return ApiResult<ExplainView>::failure(found.error);
        ExplainView v;
        v.function = name;
        v.version = found.value.function.current;
        v.decision = decision;
        CandidateView c;
        c.region = "north";
        c.candidate = {Eligibility::too_far, 123};
        c.numbers.rtt_us = 1500;
        c.holds_version = true;
        v.candidates = {c};
        return {v, true, {}};
    }
    std::vector<CoreView> cores() override { return {CoreView{counters.get()}}; }
    std::uint64_t tsc_hz() override { return 2000000000; }
    std::uint64_t catalog_epoch() override { return epoch_; }
    std::uint64_t boot_id() override { return 0xfedcba9876543210ull; }

    HeldVersions held() override {
        const std::lock_guard lock(mutex_);
        HeldVersions all;
        all.boot_id = boot_id();
        all.catalog_epoch = epoch_;
        for (const auto& [name, view] : functions_) {
            const catalog::Function& f = view.function;
            for (const auto& version : f.versions) all.versions.push_back({name, version});
            all.functions.push_back({name, f.current,
                                     settings_id(f.limits, f.policy, f.build_of(f.current).runtime,
                                                 f.signature_of(f.current))});
        }
        return all;
    }

    ApiResult<DeployOutcome> deploy(const DeployRequest& request,
                                    std::string_view archive) override {
        while (slow) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        const std::lock_guard lock(mutex_);
        last_request = request;
        last_archive = archive;
        FunctionView& view = functions_[request.name];
        DeployOutcome outcome;
        outcome.function = request.name;
        outcome.version = catalog::version_of(catalog::sha256_hex(archive), request.runtime);
        outcome.previous = view.function.current;
        outcome.regions = {{"north", true, ""}, {"south", false, "silent"}};
        outcome.switched_at_unix_us = 1234567;
        view.function.name = request.name;
        view.function.limits = request.limits;
        view.function.policy = request.policy;
        view.function.current =
            view.function.set_build({catalog::sha256_hex(archive), request.runtime});
        if (!request.signature.empty())
            view.function.signatures[view.function.current] = request.signature;
        view.function.versions.push_back(outcome.version);
        ++epoch_;
        return {outcome, true, {}};
    }
    ApiResult<EraseOutcome> erase(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        if (functions_.erase(name) == 0) return ApiResult<EraseOutcome>::failure(unknown());
        return {{name, {{"north", true, ""}, {"south", false, "silent"}}}, true, {}};
    }
    ApiResult<AliasOutcome> alias(const std::string& name, const std::string& alias,
                                  const std::string& version) override {
        const std::lock_guard lock(mutex_);
        const auto at = functions_.find(name);
        if (at == functions_.end()) return ApiResult<AliasOutcome>::failure(unknown());
        auto& aliases = at->second.function.aliases;
        if (version.empty()) {
            aliases.erase(alias);
        } else {
            aliases[alias] = version;
        }
        return {{name, alias, version}, true, {}};
    }
    ApiResult<logs::Page> logs(const std::string& name, const logs::Question& question) override {
        if (!function(name).ok) return ApiResult<logs::Page>::failure(unknown());
        last_question = question;
        logs::Page page;
        page.next = {1, 99};
        if (question.after.file != 0) return {page, true, {}};
        page.records.push_back({.time_us = 1764020146123456,
                                .version = "0123456789ab",
                                .worker = 3,
                                .request = {1, 2},
                                .stream = logs::Stream::out,
                                .text = "said \x1b[31m\xff"});
        return {page, true, {}};
    }
    ApiResult<EventsView> events() override {
        EventsView v;
        v.queue.safety = "synced";
        v.queue.records = 3;
        v.queue.counts.accepted = 5;
        v.queue.counts.dropped[static_cast<std::size_t>(events::Dropped::too_old)] = 2;
        v.queue.functions = {{0x1234, 2, 1}, {0x5678, 0, 0}};
        v.names = {{0x1234, "resize"}};
        return {v, true, {}};
    }
    std::vector<TenantView> tenants() override {
        return {{.name = "default", .weight = 100, .functions = 1, .share = 2.5, .may_use = 10},
                {.name = "gold",
                 .weight = 300,
                 .reserved = 2,
                 .limit = 40,
                 .in_flight = 5,
                 .executing = 4,
                 .share = 9.5,
                 .may_use = 12,
                 .executed = 100,
                 .over_limit = 3,
                 .over_share = 7,
                 .spilled = 11}};
    }
    std::vector<AccessKeyView> access_keys() override {
        return {{.id = "AKIDONE", .active = true, .functions = {"*"}, .not_after_s = 0}};
    }
    ApiResult<std::vector<AccessKeyView>> reload_access_keys() override {
        return {access_keys(), true, {}};
    }
    std::uint64_t set_draining(bool draining) override {
        draining_ = draining;
        return 3;
    }

    bool throws = false;
    std::string artifact = "an artifact";
    bool lies = false;               // about it
    std::atomic<bool> slow = false;  // deploys don't end before it is false
    Decision decision{Verdict::refuse, 0, Reason::refused_no_region};
    DeployRequest last_request;
    std::string last_archive;
    logs::Question last_question;
    std::unique_ptr<CoreCounters> counters = std::make_unique<CoreCounters>();

  private:
    static ApiError unknown() {
        return {404, "no-such-function", "no function is called that", {}};
    }

    std::mutex mutex_;
    std::map<std::string, FunctionView> functions_;
    std::vector<routes::Route> routes_;
    std::vector<rules::Declared> rules_;
    std::vector<RegionView> regions_;
    std::uint64_t epoch_ = 7;
    std::atomic<bool> draining_{false};
};

}  // namespace skerry::admin
