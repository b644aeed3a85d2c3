// What the admin and management servers need of the control thread. HTTP threads call these; the
// implementation (control/controller) takes the control lock, so every answer is one consistent
// state. No call here is ever made from a dataplane core.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/catalog/catalog.hpp"
#include "control/events/service.hpp"
#include "control/fleet/view.hpp"
#include "control/logs/collector.hpp"
#include "control/placement/start_phases.hpp"
#include "control/routes/route.hpp"
#include "control/rules/rule.hpp"
#include "control/worth/idle_times.hpp"
#include "control/worth/plan.hpp"
#include "dataplane/counters.hpp"
#include "dataplane/decide/decide.hpp"
#include "dataplane/load/region_loads.hpp"
#include "dataplane/snapshot/region_numbers.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::admin {

// What a region tells POPs of itself, and what they told it.
struct WarmthView {
    std::uint64_t keep_ms = 0;            // how long an idle worker survives at present
    std::uint32_t crowding_permille = 0;  // of those ended for room, the ones that were missed
    std::uint64_t ended_for_room = 0;     // workers, ever
    std::uint64_t pops = 0;               // heard of late
    double catchment_per_s = 0;           // asked for at those that this region is nearest to
    std::uint64_t pops_not_counted = 0;   // words of POPs, ever: too many of them
};

struct StatusView {
    std::string name, role, version;
    std::uint64_t boot_id = 0;
    double uptime_s = 0;
    bool draining = false;
    std::uint16_t udp_port = 0;
    std::vector<std::string> addresses;
    std::uint32_t cores = 0, workers = 0, functions = 0;
    std::map<std::string, std::uint32_t> standbys;  // by runtime
    std::uint32_t regions_healthy = 0, regions_all = 0;
    std::uint64_t in_flight = 0;
    // Workers ended for a system call that their policy does not allow, by the call's name.
    std::map<std::string, std::uint64_t> denied_calls;
    // What the control thread's last publication and its last plan have taken.
    double publication_s = 0, plan_s = 0;
    int pid = 0, warden_pid = 0;
    placement::WorkerTotals ended;
    logs::Collector::Totals logs;
    std::optional<fleet::View> fleet;  // of a member of one
    std::optional<WarmthView> warmth;  // of a region
};

struct VersionView {
    std::string version;
    std::vector<std::string> held_by;  // region names
    std::string signed_by;             // fingerprint of the key; empty: it is not signed
    bool verified = false;             // by a key that is trusted here, and well
    std::uint32_t workers = 0;
    std::uint32_t free_slots = 0;
    // Of its workers here: "ready", "starting", "backing off" (starts fail, and the next try is not
    // before next_try_ms), "untrusted" (it must not be executed here, see last_error), "idle"
    // (there are none, and none is needed); empty: it can't run here.
    std::string state;
    std::uint32_t failed_starts = 0;  // in a row
    std::uint64_t next_try_ms = 0;
    std::string last_error;             // of the last start, if it failed
    std::vector<std::string> last_log;  // of one version that backs off, when it alone is asked for
    std::uint64_t crashed = 0, out_of_memory = 0;  // workers that ended so
    std::uint64_t cpu_limit = 0;                   // ended for an invocation's CPU time
    std::map<std::string, std::uint64_t> denied;   // system call → workers ended for it
    placement::StartSummary cold_start;
};

// What a region has of the function.
struct RegionState {
    std::string region;
    std::string version;                      // that it is to have
    std::string state;                        // "pending", "replicating", "current", "failed"
    std::string error;                        // why it has failed, the last time
    std::uint64_t sent_bytes = 0, bytes = 0;  // of the archive, while it is replicated
};

// An archive that is fetched from its origin, or was.
struct FetchView {
    std::string function, origin, digest;  // the URL without its query
    std::string state;                     // "fetching", "fetched", "failed"
    std::string error;
    std::uint64_t received_bytes = 0, bytes = 0;  // 0: not known yet
    std::uint32_t tries = 0;
};

// What the last plan was told of a function's current version, and said of it (control/worth).
struct PlacementView {
    bool here = false;  // it may have workers here at all; else nothing below is told
    worth::Candidate asked;
    worth::Verdict verdict;
    worth::KeepAlive keep;
    double hour_per_s = 0;  // what this hour of the week has usually been; 0: unknown
    std::uint64_t memory_mib = 0, memory_max_mib = 0;  // of all workers; the budget, 0: none
    double cpus_max = 0;                               // the same; 0: none
};

// Whether the function is counted in a row of its own
// (docs/decisions/0037-rows-follow-popularity.md).
struct RowView {
    bool own = true;
    std::string why;
    double per_s = 0;        // how often it is asked for: counted, or as the sketch says
    double noise_per_s = 0;  // by how much that is usually off
};

struct FunctionView {
    catalog::Function function;
    std::vector<VersionView> versions;
    std::vector<RegionState> region_states;
    double rate_per_s = 0;
    bool popular = false;
    PlacementView placement;
    RowView row;
    // Since it has its row; without one: nothing is counted of it alone.
    std::uint64_t arrivals = 0, local = 0, forwarded = 0;
    std::uint64_t throttled = 0;  // refused, over limits.max_per_s
};

// Functions that are counted each for itself, and what is counted of all others together: of those
// without a row, and in rows that their functions have lost.
struct CountedFunctions {
    std::vector<FunctionView> functions;
    struct Others {
        std::uint32_t functions = 0;
        double rate_per_s = 0;
        std::uint64_t arrivals = 0, local = 0, forwarded = 0, throttled = 0;
    };
    Others others;
    std::uint32_t rows_free = 0;
};

struct RegionView {
    std::string name, address;
    bool healthy = false;
    std::uint32_t weight_permille = 0, rtt_us = 0, rtt_variation_us = 0;
    std::uint32_t in_flight = 0, waiting = 0, free_slots = 0, consecutive_failures = 0;
    // As its last reply or probe said.
    std::uint32_t in_flight_of_late = 0, expected_wait_us = 0;
    std::uint32_t slots = 0, service_us = 0, slow_permille = 1000;
    std::uint32_t ejected_for_ms = 0;  // from now on, at least
    std::uint32_t in_panic = 0;        // 1: ejected, and used nevertheless
    std::uint64_t ejections = 0, ejections_rate = 0, ejections_withheld = 0;
    std::uint64_t probes_sent = 0, probes_answered = 0;
    double last_heard_ms_ago = -1;  // -1: never
    std::uint32_t versions = 0;
    std::uint64_t sent = 0, answered = 0, refused = 0, faulty = 0, silent = 0, cold = 0;
    // What it says of warmth there, while it says it; 0: nothing of late.
    std::uint32_t keep_ms = 0, crowding_permille = 0, catchment_permille = 0;
    std::uint64_t digest_unasked = 0;  // entries of its digests that nobody had asked for
};

struct TenantView {
    std::string name;
    std::uint32_t weight = 0, reserved = 0, limit = 0;  // limit 0: none
    std::uint32_t functions = 0, workers = 0;
    std::uint32_t in_flight = 0, executing = 0;
    double share = 0;            // permits it has when all tenants want all they can get
    std::uint32_t may_use = 0;   // permits it may have now
    std::uint64_t executed = 0;  // here
    std::uint64_t over_limit = 0, over_share = 0;  // refused
    std::uint64_t spilled = 0;                     // forwarded, for want of a permit
};

struct CandidateView {
    std::string region;
    Candidate candidate;
    RegionNumbers numbers;
    RegionLoad load;
    std::uint32_t expected_cold_us = 0;
    bool holds_version = false;
    // As the region told last, by now.
    wire::Warmth warmth;
    double others_per_s = 0;       // what others send there
    double warmth_heard_s = -1.0;  // ago; -1: never
};

struct ExplainView {
    std::string function, version;
    std::string policy;
    Decision decision;
    LocalView local;
    PlacementView placement;
    RowView row;
    std::vector<CandidateView> candidates;
    std::optional<std::uint8_t> second;  // region that is asked, too, if the first takes long
};

struct CoreView {
    const CoreCounters* counters = nullptr;  // lives as long as the process
};

struct DeployRequest {
    std::string name;
    catalog::Limits limits;
    catalog::Policy policy;
    std::string digest;  // management API: what the bytes must hash to; empty: whatever they do
    catalog::Runtime runtime{};
    // Of the version, as signing::parse() takes it; empty: none, or the one that the version has.
    std::string signature{};
    std::string
        origin{};  // the URL that the archive is fetched from; empty: it comes with the call
};

struct RegionOutcome {
    std::string name;
    bool ok = false;
    std::string error;
};

struct DeployOutcome {
    std::string function, version, previous;
    std::vector<RegionOutcome> regions;
    std::int64_t switched_at_unix_us = 0;
};

struct EraseOutcome {
    std::string name;
    std::vector<RegionOutcome> regions;  // that held it; those that failed are asked again later
};

struct AliasOutcome {
    std::string function, alias, version;
};

// All routes as they are now, and what is to be said of the change.
struct RoutesOutcome {
    std::vector<routes::Route> routes;
    std::vector<std::string> said;
};

// A request that is not made.
struct RouteTest {
    std::uint16_t method = 0;  // one bit, as classify::method has them
    std::string host, path, query;
    std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
};
struct RouteTestLine {
    std::uint32_t route = 0;
    std::string text;  // the route
    bool won = false, matched = false;
    std::string why;
};
struct RouteTestResult {
    std::string verdict = "no route: 404";
    std::string host, path;  // normal forms
    std::vector<RouteTestLine> lines;
};

struct RuleView {
    rules::Declared rule;
    std::uint64_t matched = 0, refused = 0;  // requests, of all cores
};
// All rules as they are now, and what is to be said of the change.
struct RulesOutcome {
    std::vector<RuleView> rules;
    std::vector<std::string> said;
};
struct RuleTest {
    RouteTest request;
    std::string body;
};
struct RuleTestResult {
    std::string verdict = "passes";
    std::string path;  // normal form
    std::vector<rules::Declared> matched;
};

// What a server has, as its peers compare it with what it should have.
struct HeldVersion {
    std::string function;
    std::string version;  // digest
    auto operator<=>(const HeldVersion&) const = default;
};
struct HeldFunction {
    std::string function;
    std::string current;   // digest
    std::string settings;  // settings_id() of its limits, policy and runtime
};
struct HeldVersions {
    std::uint64_t boot_id = 0;
    std::uint64_t catalog_epoch = 0;
    std::vector<HeldVersion> versions;    // whose artifacts are there
    std::vector<HeldFunction> functions;  // empty if the server is too old to tell
};

// An access key, without its secret.
struct AccessKeyView {
    std::string id;
    bool active = true;
    std::vector<std::string> functions;
    std::uint64_t not_after_s = 0;  // Unix time; 0: for ever
    bool manage = false;
    std::string tenant = {};
};

struct EventsView {
    events::View queue;
    std::map<std::uint64_t, std::string> names;  // of functions, by their keys
};

// A failure that HTTP can express: code is a stable word ("no-such-function"), status the HTTP one.
struct ApiError {
    int http_status = 500;
    std::string code;
    std::string message;
    std::vector<std::string> allowed;
};

template <typename T>
struct [[nodiscard]] ApiResult {
    T value{};
    bool ok = true;
    ApiError error;
    static ApiResult failure(ApiError e) { return {T{}, false, std::move(e)}; }
};

class Backend {
  public:
    virtual ~Backend() = default;
    virtual StatusView status() = 0;
    virtual std::vector<FunctionView> functions() = 0;
    virtual CountedFunctions counted_functions() = 0;
    virtual ApiResult<FunctionView> function(const std::string& name) = 0;
    virtual std::vector<RegionView> regions() = 0;
    virtual ApiResult<ExplainView> explain(const std::string& name) = 0;
    virtual std::vector<CoreView> cores() = 0;
    virtual std::uint64_t tsc_hz() = 0;
    virtual std::uint64_t catalog_epoch() = 0;
    virtual std::uint64_t boot_id() = 0;
    virtual HeldVersions held() = 0;
    // The bytes of an artifact. Any error: it is not here.
    virtual Result<std::string> archive(const std::string& digest) = 0;

    // Blocks until the version is installed, replicated, warm and current, or until that failed.
    virtual ApiResult<DeployOutcome> deploy(const DeployRequest& request,
                                            std::string_view archive) = 0;
    // Those under way, and the last ones that have ended.
    virtual std::vector<FetchView> fetches() = 0;
    virtual ApiResult<EraseOutcome> erase(const std::string& name) = 0;
    // Points the alias at the version (16 to 64 hex digits), or, with none, takes it away. Blocks
    // until every core has seen it. The digest it stands for now, or stood for.
    virtual ApiResult<AliasOutcome> alias(const std::string& name, const std::string& alias,
                                          const std::string& version) = 0;
    // What the function wrote; also of one whose first deploy has failed.
    virtual ApiResult<logs::Page> logs(const std::string& name, const logs::Question& question) = 0;
    // Routes of HTTP requests. The changes block until every core has seen them; a new route is the
    // last one, and those behind a deleted one move up.
    virtual std::vector<routes::Route> routes() = 0;
    virtual ApiResult<RoutesOutcome> add_route(const routes::Route& route) = 0;
    virtual ApiResult<RoutesOutcome> delete_route(std::uint32_t number) = 0;
    // All of them by others: no request meets some of these and some of those.
    virtual ApiResult<RoutesOutcome> replace_routes(std::vector<routes::Route> all) = 0;
    virtual ApiResult<RouteTestResult> test_route(const RouteTest& test) = 0;
    // Admission rules; the same. A rule is deleted by its name.
    virtual std::vector<RuleView> rules() = 0;
    virtual ApiResult<RulesOutcome> add_rule(const rules::Declared& rule) = 0;
    virtual ApiResult<RulesOutcome> delete_rule(const std::string& name) = 0;
    virtual ApiResult<RulesOutcome> replace_rules(std::vector<rules::Declared> all) = 0;
    virtual ApiResult<RuleTestResult> test_rules(const RuleTest& test) = 0;
    // None: invocations are not counted by tenants.
    virtual std::vector<TenantView> tenants() = 0;
    // Returns the number of invocations still in flight.
    virtual std::uint64_t set_draining(bool draining) = 0;
    // An error where there is no HTTP.
    virtual ApiResult<EventsView> events() = 0;
    virtual std::vector<AccessKeyView> access_keys() = 0;
    // Reads them again. Blocks until every core has the new ones; on an error the old ones stay.
    virtual ApiResult<std::vector<AccessKeyView>> reload_access_keys() = 0;
};

}  // namespace skerry::admin
