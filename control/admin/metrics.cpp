#include "control/admin/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace skerry::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

class Families {
  public:
    // A family stays open until the next one: add() adds to the last.
    void counter(const char* name, const char* help) { open(name, help, MetricType::Counter); }
    void gauge(const char* name, const char* help) { open(name, help, MetricType::Gauge); }

    void add(double value, const Labels& labels = {}) {
        ClientMetric metric;
        for (const auto& [name, text] : labels) metric.label.push_back({name, text});
        if (all_.back().type == MetricType::Counter)
            metric.counter.value = value;
        else
            metric.gauge.value = value;
        all_.back().metric.push_back(std::move(metric));
    }
    void add(std::uint64_t value, const Labels& labels = {}) {
        add(static_cast<double>(value), labels);
    }

    std::string text() const {
        std::ostringstream out;
        prometheus::TextSerializer().Serialize(out, all_);
        return out.str();
    }

  private:
    void open(const char* name, const char* help, MetricType type) {
        MetricFamily family;
        family.name = std::string("skerry_") + name;
        family.help = help;
        family.type = type;
        all_.push_back(std::move(family));
    }
    std::vector<MetricFamily> all_;
};

void add_workers(Families& f, const StatusView& status) {
    const placement::WorkerTotals& t = status.ended;
    f.counter("workers_started_total", "Workers ordered");
    f.add(t.started);
    f.counter("worker_ends_total", "Workers by the way they ended");
    f.add(t.crashed, {{"end", "crashed"}});
    f.add(t.hung, {{"end", "hung"}});
    f.add(t.cpu_limit, {{"end", "cpu_limit"}});
    f.add(t.malformed, {{"end", "malformed"}});
    f.add(t.idle_ended, {{"end", "idle"}});
    f.add(t.failed, {{"end", "start_failed"}});
    f.add(t.spent, {{"end", "spent"}});
    f.counter("worker_out_of_memory_total", "Of those that crashed, ended for their memory limit");
    f.add(t.out_of_memory);
    f.counter("log_bytes_total", "Read of what workers wrote");
    f.add(status.logs.bytes);
    f.counter("log_lines_total", "Kept of what workers wrote");
    f.add(status.logs.lines);
    f.counter("log_dropped_bytes_total", "Beyond what an invocation may log");
    f.add(status.logs.dropped_bytes);
    f.counter("log_dropped_lines_total", "Beyond what a function may log, or not writable");
    f.add(status.logs.dropped_lines);
}

void add_fleet(Families& f, const StatusView& status) {
    if (!status.fleet) return;
    const fleet::View& fleet = *status.fleet;
    f.gauge("store_fresh", "1 while etcd confirms that what is served is the newest there is");
    f.add(fleet.fresh ? 1.0 : 0.0);
    f.gauge("store_age_seconds", "Since etcd last confirmed it; -1: never");
    f.add(fleet.age_s);
    f.gauge("store_revision", "Of etcd, the newest that was heard of");
    f.add(fleet.revision);
    f.gauge("store_pending", "Functions that are not here yet as the fleet has them");
    f.add(std::uint64_t{fleet.pending.size()});
    f.gauge("fleet_members", "Servers of the fleet, this one among them");
    f.add(std::uint64_t{fleet.members.size()});
    f.counter("store_lists_total", "Times that everything was read anew, and watched from there");
    f.add(fleet.lists);
    f.counter("store_compactions_total", "Watches that were lost to a compaction");
    f.add(fleet.compactions);
    f.counter("store_taken_over_total", "Changes of other members that were taken over");
    f.add(fleet.taken_over);
    f.counter("store_conflicts_total", "Changes refused because another member was faster");
    f.add(fleet.conflicts);
}

void add_server(Families& f, Backend& backend) {
    const StatusView status = backend.status();
    f.gauge("info", "Always 1; the labels say which server this is");
    f.add(1.0, {{"name", status.name}, {"role", status.role}, {"version", status.version}});
    f.gauge("uptime_seconds", "Since this process started");
    f.add(status.uptime_s);
    f.gauge("draining", "1 while new requests are refused");
    f.add(status.draining ? 1.0 : 0.0);
    f.gauge("workers", "Worker processes");
    f.add(std::uint64_t{status.workers});
    f.gauge("workers_standing_by", "Worker processes that are for no function yet");
    for (const auto& [kind, count] : status.standbys)
        f.add(std::uint64_t{count}, {{"runtime", kind}});
    f.counter("worker_denied_calls_total",
              "Workers ended for a system call that their policy does not allow");
    for (const auto& [call, count] : status.denied_calls) f.add(count, {{"call", call}});
    f.gauge("functions", "Functions in the catalog");
    f.add(std::uint64_t{status.functions});
    f.gauge("publication_seconds", "What the last publication to the cores took to make");
    f.add(status.publication_s);
    f.gauge("plan_seconds", "What the last plan of rows and workers took, ten a second");
    f.add(status.plan_s);
    f.gauge("catalog_epoch", "Grows with each change of the catalog");
    f.add(backend.catalog_epoch());
    add_workers(f, status);
    add_fleet(f, status);
    f.gauge("tsc_hz", "Cycles a second of the counters in cycles");
    f.add(backend.tsc_hz());
}

void add_reasons(Families& f, const std::vector<CoreView>& cores) {
    f.counter("reason_total", "Packets and requests by the way they left the packet path");
    for (std::size_t r = 0; r < kReasonCount; ++r) {
        std::uint64_t sum = 0;
        for (const auto& core : cores)
            if (core.counters != nullptr) sum += core.counters->reasons[r].get();
        f.add(sum, {{"reason", std::string(kReasons[r].name)}});
    }
}

void add_rules(Families& f, const std::vector<RuleView>& rules) {
    f.counter("rule_matched_total", "Requests that an admission rule's pattern was found in");
    for (const RuleView& each : rules) f.add(each.matched, {{"rule", each.rule.name}});
    f.counter("rule_refused_total", "Requests that an admission rule has refused");
    for (const RuleView& each : rules) f.add(each.refused, {{"rule", each.rule.name}});
}

// At most 64 of them, by the configuration.
void add_tenants(Families& f, const std::vector<TenantView>& tenants) {
    const auto each = [&](auto&& value) {
        for (const TenantView& tenant : tenants) f.add(value(tenant), {{"tenant", tenant.name}});
    };
    f.gauge("tenant_in_flight", "Invocations in hand: waiting, executing, forwarded");
    each([](const TenantView& t) { return std::uint64_t{t.in_flight}; });
    f.gauge("tenant_executing", "Invocations that are executed here");
    each([](const TenantView& t) { return std::uint64_t{t.executing}; });
    f.gauge("tenant_share", "Of them it may have when all tenants want all they can get");
    each([](const TenantView& t) { return t.share; });
    f.gauge("tenant_may_use", "Of them it may have now");
    each([](const TenantView& t) { return std::uint64_t{t.may_use}; });
    f.gauge("tenant_workers", "Worker processes of its functions");
    each([](const TenantView& t) { return std::uint64_t{t.workers}; });
    f.counter("tenant_executed_total", "Executed here");
    each([](const TenantView& t) { return t.executed; });
    f.counter("tenant_refused_total", "Refused, over its limit or its share of a full server");
    for (const TenantView& t : tenants) {
        f.add(t.over_limit, {{"tenant", t.name}, {"why", "limit"}});
        f.add(t.over_share, {{"tenant", t.name}, {"why", "share"}});
    }
    f.counter("tenant_spilled_total", "Forwarded, over its share of a full server");
    each([](const TenantView& t) { return t.spilled; });
}

struct CoreCounter {
    const char* name;
    const char* help;
    Counter CoreCounters::*field;
};
struct CoreGauge {
    const char* name;
    const char* help;
    Gauge CoreCounters::*field;
};

void add_cores(Families& f, const std::vector<CoreView>& cores) {
    static constexpr CoreCounter kCounters[] = {
        {"turns_total", "Turns of the poll function", &CoreCounters::turns},
        {"sleeps_total", "Times a core blocked", &CoreCounters::sleeps},
        {"rx_packets_total", "Packets received", &CoreCounters::rx_packets},
        {"rx_bytes_total", "Bytes received", &CoreCounters::rx_bytes},
        {"rx_merged_total", "Packets received that a port had put together of TCP segments",
         &CoreCounters::rx_merged},
        {"tx_packets_total", "Packets sent", &CoreCounters::tx_packets},
        {"tx_bytes_total", "Bytes sent", &CoreCounters::tx_bytes},
        {"doorbells_total", "Wake-ups submitted to workers", &CoreCounters::doorbells},
        {"handed_ahead_total", "Waiting requests handed to a busy worker",
         &CoreCounters::handed_ahead},
        {"taken_back_total", "Requests taken back from a busy worker before they had begun",
         &CoreCounters::taken_back},
        {"tails_sent_total", "Replies with the tail of a log", &CoreCounters::tails_sent},
        {"tails_missed_total", "Replies without the tail that was asked for",
         &CoreCounters::tails_missed},
        {"retransmits_total", "Retransmissions of forwarded requests", &CoreCounters::retransmits},
        {"selection_controls_total", "Requests that went to the nearest region as a control group",
         &CoreCounters::controls},
        {"selection_reverts_total", "Functions reverted to the nearest region for a while",
         &CoreCounters::reverts},
        {"queued_no_region_total", "Requests that waited here because no region could have them",
         &CoreCounters::queued_no_region},
        {"fail_overs_total", "Requests that went to another region after one",
         &CoreCounters::fail_overs},
    };
    static constexpr CoreGauge kGauges[] = {
        {"in_flight", "Slots in use", &CoreCounters::in_flight},
        {"waiting", "Requests waiting for a slot", &CoreCounters::waiting},
        {"pending", "Requests that regions have", &CoreCounters::pending},
        {"trunks", "Trunks that are up", &CoreCounters::trunks},
        {"trunk_streams", "Requests that are on trunks", &CoreCounters::trunk_streams},
        {"connections", "TCP connections with trunks, without those in TIME-WAIT",
         &CoreCounters::connections},
        {"exchanges", "HTTP requests that are not answered yet", &CoreCounters::exchanges},
        {"payload_buffers", "Buffers for payloads of HTTP and trunks",
         &CoreCounters::payload_buffers},
        {"sources_forgotten", "Sources forgotten while they owed something, since the start",
         &CoreCounters::sources_forgotten},
        {"sources_sharing", "Times a source shared a bucket for want of a place, since the start",
         &CoreCounters::sources_sharing},
        {"packet_buffers", "Buffers that hold packets", &CoreCounters::packet_buffers},
    };
    const auto each = [&](auto&& value) {
        for (std::size_t c = 0; c < cores.size(); ++c)
            if (cores[c].counters != nullptr)
                f.add(value(*cores[c].counters), {{"core", std::to_string(c)}});
    };
    for (const auto& counter : kCounters) {
        f.counter(counter.name, counter.help);
        each([&](const CoreCounters& c) { return (c.*counter.field).get(); });
    }
    for (const auto& gauge : kGauges) {
        f.gauge(gauge.name, gauge.help);
        each([&](const CoreCounters& c) { return (c.*gauge.field).get(); });
    }
}

void add_stages(Families& f, const std::vector<CoreView>& cores) {
    const auto each = [&](Counter StageCounters::*field) {
        for (std::size_t c = 0; c < cores.size(); ++c)
            for (std::size_t s = 0; cores[c].counters != nullptr && s < kStageCount; ++s)
                f.add((cores[c].counters->stages[s].*field).get(),
                      {{"core", std::to_string(c)}, {"stage", std::string(kStageNames[s])}});
    };
    f.counter("stage_packets_total", "Packets a stage of the packet path has taken");
    each(&StageCounters::packets);
    f.counter("stage_cycles_total", "TSC cycles spent in a stage of the packet path");
    each(&StageCounters::cycles);
}

template <typename View, typename Value>
struct Column {
    const char* name;
    const char* help;
    Value View::*field;
};

void add_regions(Families& f, const std::vector<RegionView>& regions) {
    static constexpr Column<RegionView, std::uint32_t> kNow[] = {
        {"region_weight_permille", "Share of its traffic", &RegionView::weight_permille},
        {"region_rtt_us", "Smoothed round trip", &RegionView::rtt_us},
        {"region_rtt_variation_us", "Its variation", &RegionView::rtt_variation_us},
        {"region_in_flight", "As it reported", &RegionView::in_flight},
        {"region_waiting", "As it reported", &RegionView::waiting},
        {"region_free_slots", "As it reported", &RegionView::free_slots},
        {"region_slots", "Invocations it could execute at once, as it reported",
         &RegionView::slots},
        {"region_service_us", "An execution there of late, as it reported",
         &RegionView::service_us},
        {"region_slow_permille", "Of what executions usually take there, as it reported",
         &RegionView::slow_permille},
        {"region_load", "Requests there, as its last reply or probe said",
         &RegionView::in_flight_of_late},
        {"region_expected_wait_us", "For a slot there, by that", &RegionView::expected_wait_us},
        {"region_keep_ms", "How long an idle worker survives there, as it reported; 0: unknown",
         &RegionView::keep_ms},
        {"region_crowding_permille", "Of workers ended there for room, those that were missed",
         &RegionView::crowding_permille},
        {"region_catchment_permille", "Its part of what is asked for at all POPs",
         &RegionView::catchment_permille},
        {"region_ejected_for_ms", "At least, from now on; 0: it is not ejected",
         &RegionView::ejected_for_ms},
        {"region_panic", "1 when it is ejected and used nevertheless: too many are",
         &RegionView::in_panic},
        {"region_consecutive_failures", "Since its last answer", &RegionView::consecutive_failures},
        {"region_versions", "Versions it holds", &RegionView::versions},
    };
    static constexpr Column<RegionView, std::uint64_t> kEver[] = {
        {"region_probes_sent_total", "Health probes", &RegionView::probes_sent},
        {"region_probes_answered_total", "Health probes answered", &RegionView::probes_answered},
        {"region_digest_unasked_total", "Entries of its digests that nobody had asked for",
         &RegionView::digest_unasked},
        {"region_sent_total", "Requests forwarded", &RegionView::sent},
        {"region_answered_total", "Replies of any kind", &RegionView::answered},
        {"region_refused_total", "Replies that said: not started", &RegionView::refused},
        {"region_faulty_total", "Of these, for a reason of the region's own", &RegionView::faulty},
        {"region_ejections_total", "Ejected for probes or requests in vain, one after the other",
         &RegionView::ejections},
        {"region_ejections_rate_total", "Ejected for its success rate",
         &RegionView::ejections_rate},
        {"region_ejections_withheld_total", "Not ejected, because too many were",
         &RegionView::ejections_withheld},
        {"region_silent_total", "Attempts given up in silence", &RegionView::silent},
        {"region_cold_total", "Replies that needed a cold start", &RegionView::cold},
    };
    f.gauge("region_healthy", "1 when it may be chosen");
    for (const auto& r : regions) f.add(r.healthy ? 1.0 : 0.0, {{"region", r.name}});
    for (const auto& column : kNow) {
        f.gauge(column.name, column.help);
        for (const auto& r : regions) f.add(std::uint64_t{r.*column.field}, {{"region", r.name}});
    }
    for (const auto& column : kEver) {
        f.counter(column.name, column.help);
        for (const auto& r : regions) f.add(r.*column.field, {{"region", r.name}});
    }
}

void add_cold_start(Families& f, const std::string& function,
                    const placement::StartSummary& summary) {
    for (std::size_t i = 0; i < placement::kPhaseCount; ++i) {
        const std::string phase(placement::kPhaseNames[i]);
        const placement::PhaseSummary& times = summary.phases[i];
        f.add(std::uint64_t{times.p50_us},
              {{"function", function}, {"phase", phase}, {"quantile", "0.5"}});
        f.add(std::uint64_t{times.p99_us},
              {{"function", function}, {"phase", phase}, {"quantile", "0.99"}});
    }
}

// A name that no function can have.
constexpr const char* kOthers = "(others)";

void add_functions(Families& f, const CountedFunctions& counted) {
    const std::vector<FunctionView>& functions = counted.functions;
    const CountedFunctions::Others& others = counted.others;
    // There have been some.
    const bool shared = others.functions != 0 || others.arrivals != 0;
    f.gauge("functions_without_row", "Functions that are counted together, as \"(others)\"");
    f.add(std::uint64_t{others.functions});
    f.gauge("function_rows_free", "Rows that no function has");
    f.add(std::uint64_t{counted.rows_free});
    static constexpr std::uint64_t CountedFunctions::Others::*kOfOthers[] = {
        &CountedFunctions::Others::arrivals, &CountedFunctions::Others::throttled,
        &CountedFunctions::Others::local, &CountedFunctions::Others::forwarded};
    static constexpr Column<FunctionView, std::uint64_t> kEver[] = {
        {"function_arrivals_total", "Requests, retransmits left out", &FunctionView::arrivals},
        {"function_throttled_total", "Requests over the function's limit",
         &FunctionView::throttled},
        {"function_local_total", "Executed here", &FunctionView::local},
        {"function_forwarded_total", "Forwarded to a region", &FunctionView::forwarded},
    };
    for (std::size_t i = 0; i < std::size(kEver); ++i) {
        f.counter(kEver[i].name, kEver[i].help);
        for (const auto& v : functions) f.add(v.*kEver[i].field, {{"function", v.function.name}});
        if (shared) f.add(others.*kOfOthers[i], {{"function", kOthers}});
    }
    f.gauge("function_rate_per_second", "Decayed average of arrivals");
    for (const auto& v : functions) f.add(v.rate_per_s, {{"function", v.function.name}});
    if (shared) f.add(others.rate_per_s, {{"function", kOthers}});
    f.gauge("function_popular", "1 when it is kept warm here for its rate");
    for (const auto& v : functions) f.add(v.popular ? 1.0 : 0.0, {{"function", v.function.name}});
    f.gauge("function_failed_starts", "In a row, of the version that has most");
    for (const auto& v : functions) {
        std::uint64_t most = 0;
        for (const auto& version : v.versions)
            most = std::max<std::uint64_t>(most, version.failed_starts);
        f.add(most, {{"function", v.function.name}});
    }
    f.gauge("function_cold_start_us", "Of the current version's last 64 starts here, by phase");
    for (const auto& v : functions)
        for (const auto& version : v.versions)
            if (version.version == v.function.current && version.cold_start.starts != 0)
                add_cold_start(f, v.function.name, version.cold_start);
    f.counter("function_starts_total", "Workers of the current version that became ready here");
    for (const auto& v : functions)
        for (const auto& version : v.versions)
            if (version.version == v.function.current)
                for (std::size_t i = 0; i < placement::kWayNames.size(); ++i)
                    f.add(version.cold_start.ways[i],
                          {{"function", v.function.name},
                           {"way", std::string(placement::kWayNames[i])}});
    f.gauge("function_workers", "Workers of all its versions");
    for (const auto& v : functions) {
        std::uint64_t workers = 0;
        for (const auto& version : v.versions) workers += version.workers;
        f.add(workers, {{"function", v.function.name}});
    }
}

void add_events(Families& f, Backend& backend) {
    const auto found = backend.events();
    if (!found.ok) return;
    const events::View& queue = found.value.queue;
    const events::Counts& counts = queue.counts;
    f.gauge("events", "Event invocations that are kept");
    f.add(queue.records);
    f.gauge("events_bytes", "Of them, as they count for queue_mib");
    f.add(queue.bytes);
    f.gauge("events_running", "Of them, being executed");
    f.add(queue.running);
    f.gauge("events_oldest_timestamp_seconds",
            "When the oldest that waits was accepted; 0: none waits");
    f.add(static_cast<double>(queue.oldest_ms) / 1000);
    f.counter("events_accepted_total", "Event invocations taken into the queue");
    f.add(counts.accepted);
    f.counter("events_executed_total", "Executed without an error");
    f.add(counts.executed);
    f.counter("events_attempts_total", "Times that one was given to a core");
    f.add(counts.attempts);
    f.counter("events_failures_total", "Attempts that their function failed");
    f.add(counts.failures);
    f.counter("events_busy_total", "Attempts for which there was no room");
    f.add(counts.busy);
    f.counter("events_refused_total", "Event invocations that were not taken");
    f.add(counts.refused_full, {{"why", "full"}});
    f.add(counts.refused_store, {{"why", "store"}});
    f.counter("events_damaged_files_total",
              "Files of events that were damaged, and set aside with what they had");
    f.add(counts.damaged_files);
    f.counter("events_dropped_total", "Events that were given up");
    for (std::size_t i = 0; i < events::kDroppedCount; ++i)
        f.add(counts.dropped[i], {{"why", std::string(events::kDroppedNames[i])}});
}

}  // namespace

std::string metrics_text(Backend& backend) {
    Families families;
    const auto cores = backend.cores();
    add_server(families, backend);
    add_reasons(families, cores);
    add_rules(families, backend.rules());
    add_tenants(families, backend.tenants());
    add_cores(families, cores);
    add_stages(families, cores);
    add_regions(families, backend.regions());
    add_functions(families, backend.counted_functions());
    add_events(families, backend);
    return families.text();
}

}  // namespace skerry::admin
