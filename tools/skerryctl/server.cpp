// skerryctl status, region …, explain, stats, drain, events, key …
#include <cstdio>

#include "tools/skerryctl/admin_client.hpp"
#include "tools/skerryctl/commands.hpp"

namespace skerry::ctl {
namespace {

using nlohmann::json;
using Pairs = std::vector<std::pair<std::string, std::string>>;
using Rows = std::vector<std::vector<std::string>>;

const json kNothing = json::array();

const json& member(const json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && found != object.end() ? *found : kNothing;
}

// One call, and either its document (--json) or `print` of it.
template <typename Print>
int show(const Common& common, const Answer& answer, Print&& print) {
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& value = std::get<json>(answer);
    if (common.json)
        print_json(value);
    else
        print(value);
    return kExitOk;
}

void print_all(const json& object) {
    Pairs pairs;
    if (object.is_object())
        for (const auto& item : object.items())
            pairs.emplace_back(item.key(), field(object, item.key().c_str()));
    print_pairs(pairs);
}

// "idle, 3 s ago, others 0.2/s, told 0.1 s ago"
std::string warmth(const json& w) {
    const std::string told_s = field(w, "heard_s_ago");
    if (told_s.empty()) return "not told";
    const auto number = [&w](const char* key) {
        return w.is_object() && w.contains(key) && w[key].is_number() ? w[key].get<double>() : 0.0;
    };
    char text[160];
    std::string used;
    if (w.contains("idle_ms") && w["idle_ms"].is_number()) {
        std::snprintf(text, sizeof text, ", used %.1f s before", number("idle_ms") / 1000);
        used = text;
    }
    std::snprintf(text, sizeof text, ", others %.2f/s, told %.1f s ago", number("others_per_s"),
                  number("heard_s_ago"));
    return printable(field(w, "state")) + used + text;
}

void print_explained(const json& e) {
    const std::string region = field(e, "region");
    std::printf("%s: %s%s, because: %s\n", printable(field(e, "function")).c_str(),
                printable(field(e, "verdict")).c_str(),
                region.empty() ? "" : printable(" to " + region).c_str(),
                printable(field(e, "reason")).c_str());
    std::printf("policy: %s%s\n", printable(field(e, "policy")).c_str(),
                region.empty() ? "" : printable(", chosen: " + field(e, "chosen")).c_str());
    if (const std::string second = field(e, "hedge"); !second.empty())
        std::printf("if it takes longer than usual: %s, too\n", printable(second).c_str());
    const json& local = member(e, "local");
    std::printf("here: slot free: %s, may queue: %s, draining: %s\n",
                field(local, "slot_free").c_str(), field(local, "may_queue").c_str(),
                field(local, "draining").c_str());
    print_row(member(e, "row"));
    print_placement(member(e, "placement"));
    Rows rows;
    for (const auto& c : member(e, "candidates"))
        rows.push_back({field(c, "region"), field(c, "eligibility"), field(c, "cost_us"),
                        field(c, "rtt_us"), field(c, "waiting_us"), field(c, "expected_cold_us"),
                        field(c, "in_flight"), field(c, "slow_permille"),
                        field(c, "weight_permille"), field(c, "holds_version"),
                        warmth(member(c, "warmth"))});
    if (rows.empty()) return;
    std::printf("\n");
    print_table({"REGION", "ELIGIBILITY", "COST US", "RTT US", "WAITING US", "COLD US", "IN FLIGHT",
                 "SLOW", "WEIGHT", "HAS VERSION", "WARM THERE"},
                rows);
}

void print_stats(const json& s) {
    for (const auto& core : member(s, "cores")) {
        Pairs pairs;
        for (const char* key : {"core", "turns", "sleeps", "rx_packets", "tx_packets", "in_flight",
                                "waiting", "pending"})
            pairs.emplace_back(key, field(core, key));
        print_pairs(pairs);
        Rows rows;
        for (const auto& stage : member(core, "stages"))
            rows.push_back({field(stage, "name"), field(stage, "packets"), field(stage, "cycles"),
                            field(stage, "cycles_per_packet")});
        std::printf("\n");
        print_table({"STAGE", "PACKETS", "CYCLES", "CYCLES/PACKET"}, rows);
        std::printf("\n");
    }
    Rows rows;
    const json& reasons = member(s, "reasons");
    if (reasons.is_object())
        for (const auto& reason : reasons.items())
            if (field(reason.value(), "count") != "0")
                rows.push_back({reason.key(), field(reason.value(), "count"),
                                field(reason.value(), "status"), field(reason.value(), "text")});
    print_table({"REASON", "COUNT", "STATUS", "MEANING"}, rows);
}

// Of a member of a fleet: whether what it serves is what the fleet has, and if not, how old it is.
void add_store(const json& store, Pairs& pairs) {
    if (field(store, "kind") != "etcd") return;
    const bool fresh = field(store, "fresh") == "true";
    pairs.emplace_back(
        "store",
        "etcd, revision " + field(store, "revision") +
            (fresh ? ", fresh" : ", NOT fresh: confirmed " + field(store, "age_s") + " s ago"));
    if (const std::string why = field(store, "error"); !why.empty())
        pairs.emplace_back("store error", why);
    std::string members;
    for (const auto& each : member(store, "members"))
        members += (members.empty() ? "" : ", ") + field(each, "name");
    pairs.emplace_back("members", members);
    for (const auto& each : member(store, "pending"))
        pairs.emplace_back("pending", field(each, "function") + ": " + field(each, "why"));
}

}  // namespace

int status(const Common& common) {
    return show(common, AdminClient(common.admin).get("/v1/status"), [](const json& s) {
        Pairs pairs;
        for (const char* key : {"name", "role", "version", "uptime_s", "draining", "udp_port",
                                "addresses", "cores", "workers", "functions"})
            pairs.emplace_back(key, field(s, key));
        const json& regions = member(s, "regions");
        pairs.emplace_back("regions",
                           field(regions, "healthy") + " of " + field(regions, "all") + " healthy");
        add_store(member(s, "store"), pairs);
        for (const char* key : {"in_flight", "boot_id", "pid", "warden_pid"})
            pairs.emplace_back(key, field(s, key));
        print_pairs(pairs);
    });
}

int list_regions(const Common& common) {
    return show(common, AdminClient(common.admin).get("/v1/regions"), [](const json& all) {
        Rows rows;
        for (const auto& r : member(all, "regions"))
            rows.push_back({field(r, "name"), field(r, "address"), field(r, "healthy"),
                            field(r, "weight_permille"), field(r, "rtt_us"),
                            field(r, "rtt_variation_us"), field(r, "in_flight"),
                            field(r, "waiting"), field(r, "free_slots"), field(r, "sent"),
                            field(r, "answered"), field(r, "silent")});
        print_table({"NAME", "ADDRESS", "HEALTHY", "WEIGHT", "RTT US", "±", "IN FLIGHT", "WAITING",
                     "FREE", "SENT", "ANSWERED", "SILENT"},
                    rows);
    });
}

int describe_region(const Common& common, const std::string& name) {
    return show(common, AdminClient(common.admin).get("/v1/regions/" + percent_encoded(name)),
                print_all);
}

int explain(const Common& common, const std::string& name) {
    return show(common, AdminClient(common.admin).get("/v1/explain/" + percent_encoded(name)),
                print_explained);
}

int stats(const Common& common) {
    return show(common, AdminClient(common.admin).get("/v1/stats"), print_stats);
}

int drain(const Common& common, bool undo) {
    const AdminClient client(common.admin);
    return show(common, undo ? client.erase("/v1/drain") : client.post("/v1/drain", ""),
                [](const json& d) {
                    std::printf("%s; %s in flight\n",
                                field(d, "draining") == "yes" ? "draining: new requests are refused"
                                                              : "taking requests",
                                field(d, "in_flight").c_str());
                });
}

int show_events(const Common& common) {
    return show(common, AdminClient(common.admin).get("/v1/events"), [](const json& e) {
        Pairs pairs;
        for (const char* key : {"persist", "paused", "records", "records_max", "bytes", "bytes_max",
                                "running", "oldest_unix_ms", "accepted", "executed", "attempts",
                                "failures", "busy", "damaged_files", "last_error"})
            pairs.emplace_back(key, field(e, key));
        for (const char* what : {"refused", "dropped"})
            for (const auto& item : member(e, what).items())
                pairs.emplace_back(std::string(what) + " " + item.key(),
                                   field(member(e, what), item.key().c_str()));
        print_pairs(pairs);
        Rows rows;
        for (const auto& f : member(e, "functions"))
            rows.push_back(
                {field(f, "function"), field(f, "key"), field(f, "waiting"), field(f, "running")});
        if (rows.empty()) return;
        std::printf("\n");
        print_table({"FUNCTION", "KEY", "WAITING", "RUNNING"}, rows);
    });
}

int list_tenants(const Common& common) {
    return show(common, AdminClient(common.admin).get("/v1/tenants"), [](const json& all) {
        Rows rows;
        for (const auto& t : member(all, "tenants")) {
            const std::string limit = field(t, "limit");
            rows.push_back({field(t, "name"), field(t, "weight"), field(t, "reserved"),
                            limit == "0" ? "-" : limit, field(t, "functions"), field(t, "workers"),
                            field(t, "in_flight"), field(t, "executing"), field(t, "share"),
                            field(t, "may_use"), field(member(t, "refused"), "limit"),
                            field(member(t, "refused"), "share"), field(t, "spilled")});
        }
        print_table({"NAME", "WEIGHT", "RESERVED", "LIMIT", "FUNCTIONS", "WORKERS", "IN FLIGHT",
                     "EXECUTING", "SHARE", "MAY USE", "OVER LIMIT", "OVER SHARE", "SPILLED"},
                    rows);
    });
}

int list_keys(const Common& common, bool reload) {
    const AdminClient client(common.admin);
    return show(
        common, reload ? client.post("/v1/access-keys/reload", "") : client.get("/v1/access-keys"),
        [](const json& all) {
            Rows rows;
            for (const auto& k : member(all, "access_keys"))
                rows.push_back({field(k, "id"), field(k, "status"), field(k, "functions"),
                                field(k, "manage"), field(k, "tenant"),
                                field(k, "not_after_unix_s")});
            print_table({"ID", "STATUS", "FUNCTIONS", "MANAGES", "TENANT", "NOT AFTER (UNIX S)"},
                        rows);
        });
}

}  // namespace skerry::ctl
