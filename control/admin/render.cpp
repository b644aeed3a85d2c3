#include "control/admin/render.hpp"

#include <algorithm>
#include <cmath>

#include "control/catalog/limits_json.hpp"
#include "control/catalog/policy_words.hpp"
#include "control/routes/json.hpp"
#include "control/rules/json.hpp"

namespace skerry::admin {
namespace {

using nlohmann::json;

constexpr const char* kVerdicts[] = {"local", "forward", "queue", "refuse"};
constexpr const char* kWarmStates[] = {"unknown", "cold", "busy", "idle"};
constexpr const char* kEligibilities[] = {"eligible",  "tried",     "no_version",
                                          "barred",    "not_fresh", "ejected",
                                          "returning", "too_far",   "too_large"};

template <typename E, typename Word, std::size_t N>
std::string_view word(E value, const Word (&words)[N]) {
    const auto index = static_cast<std::size_t>(value);
    return index < N ? std::string_view(words[index]) : "unknown";
}

// JSON has no infinities.
double finite(double value) {
    return std::isfinite(value) ? value : 0;
}

const char* why(const Decision& decision) {
    switch (decision.verdict) {
        case Verdict::local:
            return "slot_free";
        case Verdict::forward:
            return "cheapest_region";
        case Verdict::queue:
            return "no_slot_free";
        case Verdict::refuse:
            break;
    }
    return decision.reason < Reason::count ? info(decision.reason).name.data() : "unknown";
}

json cold_start_json(const placement::StartSummary& summary) {
    json phases = json::object();
    for (std::size_t i = 0; i < placement::kPhaseCount; ++i)
        phases[std::string(placement::kPhaseNames[i])] = {{"p50_us", summary.phases[i].p50_us},
                                                          {"p99_us", summary.phases[i].p99_us}};
    json ways;
    for (std::size_t i = 0; i < placement::kWayNames.size(); ++i)
        ways[std::string(placement::kWayNames[i])] = summary.ways[i];
    return {{"starts", summary.starts}, {"ways", std::move(ways)}, {"phases", std::move(phases)}};
}

json environment_json(const catalog::Runtime& runtime) {
    json all = json::object();
    for (const auto& [name, value] : catalog::variables_of(runtime.environment)) all[name] = value;
    return all;
}

json published_json(const catalog::Function& function) {
    json all = json::array();
    for (const auto& each : function.published)
        all.push_back({{"number", each.number}, {"version", each.version}});
    return all;
}

// Aliases that share their requests: what goes to another version than the alias's own.
json splits_json(const catalog::Function& function) {
    json all = json::object();
    for (const auto& [alias, details] : function.alias_details)
        if (!details.other.empty())
            all[alias] = {
                {"version", details.other},
                {"number", details.other_number},
                {"part", static_cast<double>(details.other_weight) / catalog::kWholeWeight}};
    return all;
}

json regions_json(const std::vector<RegionOutcome>& outcomes) {
    json regions = json::array();
    for (const auto& region : outcomes) {
        json one = {{"name", region.name}, {"ok", region.ok}};
        if (!region.error.empty()) one["error"] = region.error;
        regions.push_back(std::move(one));
    }
    return regions;
}

json row_json(const RowView& v) {
    return {{"own", v.own},
            {"why", v.why},
            {"per_s", finite(v.per_s)},
            {"noise_per_s", finite(v.noise_per_s)}};
}

json placement_json(const PlacementView& v) {
    if (!v.here) return {{"workers", 0}, {"why", worth::text(worth::Why::not_here)}};
    return {{"workers", v.verdict.workers},
            {"why", worth::text(v.verdict.why)},
            {"value_us_per_s", finite(v.verdict.value)},
            {"next_value_us_per_s", finite(v.verdict.next_value)},
            {"rate_per_s", finite(v.asked.rate_per_s)},
            {"steady_per_s", finite(v.asked.steady_per_s)},
            {"forecast_per_s", finite(v.asked.forecast_per_s)},
            {"hour_per_s", finite(v.hour_per_s)},
            {"saved_us", finite(v.asked.saved_us)},
            {"run_us", finite(v.asked.run_us)},
            {"start_us", finite(v.asked.start_us)},
            {"keep_ms", v.keep.keep_us / 1000},
            {"due_after_ms", v.keep.from_us / 1000},
            {"memory_mib", v.memory_mib},
            {"memory_max_mib", v.memory_max_mib},
            {"cpus_max", finite(v.cpus_max)}};
}

}  // namespace

std::string hex_id(std::uint64_t id) {
    std::string hex(16, '0');
    for (int digit = 15; digit >= 0; --digit, id >>= 4)
        hex[static_cast<std::size_t>(digit)] = "0123456789abcdef"[id & 15];
    return hex;
}

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

namespace {

json fleet_json(const fleet::View& v) {
    json members = json::array(), pending = json::array();
    for (const fleet::Member& each : v.members)
        members.push_back({{"name", each.name},
                           {"management", each.management},
                           {"boot_id", each.boot_id},
                           {"version", each.version}});
    for (const auto& [name, why] : v.pending) pending.push_back({{"function", name}, {"why", why}});
    return {{"kind", "etcd"},
            {"joined", v.joined},
            {"fresh", v.fresh},
            {"age_s", finite(v.age_s)},
            {"revision", v.revision},
            {"lists", v.lists},
            {"compactions", v.compactions},
            {"taken_over", v.taken_over},
            {"conflicts", v.conflicts},
            {"error", v.error},
            {"members", std::move(members)},
            {"pending", std::move(pending)}};
}

}  // namespace

json to_json(const StatusView& v) {
    json store = v.fleet ? fleet_json(*v.fleet) : json{{"kind", "embedded"}};
    json out = {{"name", v.name},
                {"role", v.role},
                {"version", v.version},
                {"boot_id", hex_id(v.boot_id)},
                {"uptime_s", finite(v.uptime_s)},
                {"draining", v.draining},
                {"udp_port", v.udp_port},
                {"addresses", v.addresses},
                {"cores", v.cores},
                {"workers", v.workers},
                {"standbys", v.standbys},
                {"functions", v.functions},
                {"regions", {{"healthy", v.regions_healthy}, {"all", v.regions_all}}},
                {"in_flight", v.in_flight},
                {"store", std::move(store)},
                {"pid", v.pid},
                {"warden_pid", v.warden_pid}};
    if (v.warmth)
        out["warmth"] = {{"keep_ms", v.warmth->keep_ms},
                         {"crowding_permille", v.warmth->crowding_permille},
                         {"ended_for_room", v.warmth->ended_for_room},
                         {"pops", v.warmth->pops},
                         {"catchment_per_s", finite(v.warmth->catchment_per_s)},
                         {"pops_not_counted", v.warmth->pops_not_counted}};
    return out;
}

json to_json(const FunctionView& v) {
    json versions = json::array();
    for (const auto& version : v.versions) {
        const catalog::Build build = v.function.build_of(version.version);
        versions.push_back({{"version", version.version},
                            {"archive", build.archive},
                            {"runtime", runtime::kind_name(build.runtime.kind)},
                            {"handler", build.runtime.handler},
                            {"environment", environment_json(build.runtime)},
                            {"held_by", version.held_by},
                            {"signed_by", version.signed_by},
                            {"verified", version.verified},
                            {"workers", version.workers},
                            {"free_slots", version.free_slots},
                            {"state", version.state},
                            {"failed_starts", version.failed_starts},
                            {"next_try_ms", version.next_try_ms},
                            {"last_error", version.last_error},
                            {"last_log", version.last_log},
                            {"crashed", version.crashed},
                            {"out_of_memory", version.out_of_memory},
                            {"cpu_limit", version.cpu_limit},
                            {"denied", version.denied},
                            {"cold_start", cold_start_json(version.cold_start)}});
    }
    json region_states = json::array();
    for (const RegionState& each : v.region_states)
        region_states.push_back({{"region", each.region},
                                 {"version", each.version},
                                 {"state", each.state},
                                 {"error", each.error},
                                 {"sent_bytes", each.sent_bytes},
                                 {"bytes", each.bytes}});
    json limits = catalog::limits_json(v.function.limits);
    if (v.function.limits.tenant.empty()) limits["tenant"] = catalog::kDefaultTenant;
    const catalog::Runtime runtime = v.function.build_of(v.function.current).runtime;
    return {{"name", v.function.name},
            {"key", hex_id(catalog::function_key(v.function.name))},
            {"current", v.function.current},
            {"versions", std::move(versions)},
            {"limits", std::move(limits)},
            {"region_states", std::move(region_states)},
            {"runtime", runtime::kind_name(runtime.kind)},
            {"handler", runtime.handler},
            {"environment", environment_json(runtime)},
            {"place", word(v.function.policy.place, catalog::kPlaces)},
            {"retry", word(v.function.policy.retry, catalog::kRetries)},
            {"regions", v.function.policy.regions},
            {"aliases", v.function.aliases},
            {"splits", splits_json(v.function)},
            {"published", published_json(v.function)},
            {"reserved", v.function.reserved ? json(*v.function.reserved) : json(nullptr)},
            {"rate_per_s", finite(v.rate_per_s)},
            {"popular", v.popular},
            {"placement", placement_json(v.placement)},
            {"row", row_json(v.row)},
            {"arrivals", v.arrivals},
            {"throttled", v.throttled},
            {"local", v.local},
            {"forwarded", v.forwarded}};
}

json to_json(const RegionView& v) {
    return {{"name", v.name},
            {"address", v.address},
            {"healthy", v.healthy},
            {"weight_permille", v.weight_permille},
            {"rtt_us", v.rtt_us},
            {"rtt_variation_us", v.rtt_variation_us},
            {"in_flight", v.in_flight},
            {"waiting", v.waiting},
            {"free_slots", v.free_slots},
            {"slots", v.slots},
            {"service_us", v.service_us},
            {"slow_permille", v.slow_permille},
            {"in_flight_of_late", v.in_flight_of_late},
            {"expected_wait_us", v.expected_wait_us},
            {"ejections", v.ejections},
            {"ejections_rate", v.ejections_rate},
            {"ejections_withheld", v.ejections_withheld},
            {"ejected_for_ms", v.ejected_for_ms},
            {"in_panic", v.in_panic != 0},
            {"probes_sent", v.probes_sent},
            {"probes_answered", v.probes_answered},
            {"consecutive_failures", v.consecutive_failures},
            {"last_heard_ms_ago", finite(v.last_heard_ms_ago)},
            {"keep_ms", v.keep_ms},
            {"crowding_permille", v.crowding_permille},
            {"catchment_permille", v.catchment_permille},
            {"digest_unasked", v.digest_unasked},
            {"versions", v.versions},
            {"sent", v.sent},
            {"answered", v.answered},
            {"refused", v.refused},
            {"faulty", v.faulty},
            {"silent", v.silent},
            {"cold", v.cold}};
}

json warmth_json(const CandidateView& c) {
    const bool used =
        c.warmth.state != wire::WarmState::unknown && c.warmth.idle_ms != wire::kIdleMsMax;
    return {{"state", word(c.warmth.state, kWarmStates)},
            {"idle_ms", used ? json(c.warmth.idle_ms) : json(nullptr)},
            {"others_per_s", finite(c.others_per_s)},
            {"heard_s_ago", c.warmth_heard_s < 0 ? json(nullptr) : json(finite(c.warmth_heard_s))}};
}

json to_json(const ExplainView& v) {
    json candidates = json::array();
    for (const auto& c : v.candidates)
        candidates.push_back({{"region", c.region},
                              {"eligibility", word(c.candidate.eligibility, kEligibilities)},
                              {"cost_us", c.candidate.cost},
                              {"rtt_us", c.numbers.rtt_us},
                              {"rtt_variation_us", c.numbers.rtt_variation_us},
                              {"waiting_us", c.load.wait_us},
                              {"expected_cold_us", c.expected_cold_us},
                              {"in_flight", c.load.in_flight},
                              {"slow_permille", c.numbers.slow_permille},
                              {"weight_permille", c.numbers.weight_permille},
                              {"warmth", warmth_json(c)},
                              {"holds_version", c.holds_version}});
    json out = {{"function", v.function},
                {"version", v.version},
                {"policy", v.policy},
                {"verdict", word(v.decision.verdict, kVerdicts)},
                {"reason", why(v.decision)},
                {"local",
                 {{"slot_free", v.local.slot_free},
                  {"share_used", v.local.share_used},
                  {"may_queue", v.local.may_queue},
                  {"is_pop", v.local.is_pop},
                  {"draining", v.local.draining}}},
                {"placement", placement_json(v.placement)},
                {"row", row_json(v.row)},
                {"candidates", std::move(candidates)}};
    if (v.decision.verdict == Verdict::forward && v.decision.region < v.candidates.size())
        out["region"] = v.candidates[v.decision.region].region;
    if (v.decision.verdict == Verdict::forward)
        out["chosen"] = kWhyNames[static_cast<std::size_t>(v.decision.selection.why)];
    if (v.second && *v.second < v.candidates.size()) out["hedge"] = v.candidates[*v.second].region;
    return out;
}

json to_json(const DeployOutcome& outcome) {
    json out = {{"function", outcome.function},
                {"version", outcome.version},
                {"regions", regions_json(outcome.regions)},
                {"switched_at_unix_us", outcome.switched_at_unix_us}};
    if (!outcome.previous.empty()) out["previous"] = outcome.previous;
    return out;
}

json to_json(const EraseOutcome& outcome) {
    return {{"deleted", outcome.name}, {"regions", regions_json(outcome.regions)}};
}

json to_json(const logs::Page& page) {
    json records = json::array();
    for (const logs::Record& record : page.records)
        records.push_back(
            {{"time", logs::time_text(record.time_us)},
             {"version", record.version},
             {"worker", record.worker},
             {"request", record.request.none() ? json() : json(logs::hex_text(record.request))},
             {"stream", record.stream == logs::Stream::out ? "out" : "platform"},
             {"text", record.text}});
    return {{"records", std::move(records)},
            {"next", logs::cursor_text(page.next)},
            {"more", page.more},
            {"lost", page.lost}};
}

json to_json(const AliasOutcome& outcome) {
    return {{"function", outcome.function}, {"alias", outcome.alias}, {"version", outcome.version}};
}

json to_json(const EventsView& view) {
    const events::View& queue = view.queue;
    const events::Counts& counts = queue.counts;
    json dropped = json::object();
    for (std::size_t i = 0; i < events::kDroppedCount; ++i)
        dropped[std::string(events::kDroppedNames[i])] = counts.dropped[i];
    json functions = json::array();
    for (const auto& each : queue.functions) {
        const auto name = view.names.find(each.key);
        functions.push_back(
            {{"function", name == view.names.end() ? json(nullptr) : json(name->second)},
             {"key", hex_id(each.key)},
             {"waiting", each.waiting},
             {"running", each.running}});
    }
    return {{"persist", queue.safety},
            {"paused", queue.paused},
            {"records", queue.records},
            {"records_max", queue.records_max},
            {"bytes", queue.bytes},
            {"bytes_max", queue.bytes_max},
            {"running", queue.running},
            {"oldest_unix_ms", queue.oldest_ms},
            {"accepted", counts.accepted},
            {"executed", counts.executed},
            {"attempts", counts.attempts},
            {"failures", counts.failures},
            {"busy", counts.busy},
            {"refused", {{"full", counts.refused_full}, {"store", counts.refused_store}}},
            {"dropped", std::move(dropped)},
            {"damaged_files", counts.damaged_files},
            {"last_error", queue.last_error},
            {"functions", std::move(functions)}};
}

json tenants_json(const std::vector<TenantView>& tenants) {
    json list = json::array();
    for (const TenantView& t : tenants)
        list.push_back({{"name", t.name},
                        {"weight", t.weight},
                        {"reserved", t.reserved},
                        {"limit", t.limit},
                        {"functions", t.functions},
                        {"workers", t.workers},
                        {"in_flight", t.in_flight},
                        {"executing", t.executing},
                        {"share", finite(t.share)},
                        {"may_use", t.may_use},
                        {"executed", t.executed},
                        {"refused", {{"limit", t.over_limit}, {"share", t.over_share}}},
                        {"spilled", t.spilled}});
    return {{"tenants", std::move(list)}};
}

json access_keys_json(const std::vector<AccessKeyView>& keys) {
    json list = json::array();
    for (const AccessKeyView& key : keys) {
        json one = {{"id", key.id},
                    {"status", key.active ? "active" : "retired"},
                    {"functions", key.functions},
                    {"manage", key.manage}};
        if (key.not_after_s != 0) one["not_after_unix_s"] = key.not_after_s;
        if (!key.tenant.empty()) one["tenant"] = key.tenant;
        list.push_back(std::move(one));
    }
    return {{"access_keys", std::move(list)}};
}

json to_json(const RoutesOutcome& outcome) {
    json list = json::array();
    for (const routes::Route& each : outcome.routes) list.push_back(routes::to_json(each));
    return {{"routes", std::move(list)}, {"said", outcome.said}};
}

json to_json(const RouteTestResult& result) {
    json lines = json::array();
    for (const RouteTestLine& each : result.lines)
        lines.push_back({{"number", each.route},
                         {"route", each.text},
                         {"won", each.won},
                         {"matched", each.matched},
                         {"why", each.why}});
    return {{"verdict", result.verdict},
            {"host", result.host},
            {"path", result.path},
            {"routes", std::move(lines)}};
}

json to_json(const RulesOutcome& outcome) {
    json list = json::array();
    for (const RuleView& each : outcome.rules) {
        json one = rules::to_json(each.rule);
        one["matched"] = each.matched;
        one["refused"] = each.refused;
        list.push_back(std::move(one));
    }
    return {{"rules", std::move(list)}, {"said", outcome.said}};
}

json to_json(const RuleTestResult& result) {
    json list = json::array();
    for (const rules::Declared& each : result.matched) list.push_back(rules::to_json(each));
    return {{"verdict", result.verdict}, {"path", result.path}, {"matched", std::move(list)}};
}

json to_json(const ApiError& error) {
    json inner = {{"code", error.code}, {"message", error.message}};
    if (!error.allowed.empty()) inner["allowed"] = error.allowed;
    return {{"error", std::move(inner)}};
}

json versions_json(const HeldVersions& held) {
    json versions = json::array();
    for (const auto& v : held.versions)
        versions.push_back({{"function", v.function}, {"version", v.version}});
    json functions = json::array();
    for (const auto& f : held.functions)
        functions.push_back(
            {{"function", f.function}, {"current", f.current}, {"settings", f.settings}});
    return {{"boot_id", hex_id(held.boot_id)},
            {"catalog_epoch", held.catalog_epoch},
            {"versions", std::move(versions)},
            {"functions", std::move(functions)}};
}

}  // namespace skerry::admin
