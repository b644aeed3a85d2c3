// skerryctl function …
#include "control/admin/base64url.hpp"
#include "tools/skerryctl/admin_client.hpp"
#include "tools/skerryctl/commands.hpp"
#include "tools/skerryctl/signing.hpp"

namespace skerry::ctl {
namespace {

using nlohmann::json;

constexpr std::size_t kShortDigest = 12;

std::string function_path(const std::string& name) {
    return "/v1/functions/" + percent_encoded(name);
}

const json& current_version(const json& function) {
    static const json kNone = json::object();
    const std::string current = field(function, "current");
    for (const auto& version : list_of(function, "versions"))
        if (field(version, "version") == current) return version;
    return kNone;
}

// What became of a version's workers, where there is something to tell.
void print_workers(const json& v) {
    const std::string shown = printable(field(v, "version").substr(0, kShortDigest));
    const json none = json::object();
    const json& cold = v.is_object() && v.contains("cold_start") ? v["cold_start"] : none;
    if (!field(cold, "starts").empty() && field(cold, "starts") != "0") {
        std::printf("\n%s: %s cold start(s); p50 / p99 in us:", shown.c_str(),
                    field(cold, "starts").c_str());
        for (const char* phase : {"queue", "namespaces", "mounts", "identity", "exec", "init",
                                  "total", "first_answer", "cold_answer"})
            if (cold.contains("phases") && cold["phases"].contains(phase))
                std::printf(" %s %s / %s", phase, field(cold["phases"][phase], "p50_us").c_str(),
                            field(cold["phases"][phase], "p99_us").c_str());
        for (const char* way : {"fresh", "copy", "standby", "standby_copy"})
            if (cold.contains("ways") && field(cold["ways"], way) != "0")
                std::printf("; %s: %s", way, field(cold["ways"], way).c_str());
        std::printf("\n");
    }
    if (!field(v, "crashed").empty() && field(v, "crashed") != "0")
        std::printf("%s: %s worker(s) crashed, %s of them out of memory; denied calls: %s\n",
                    shown.c_str(), field(v, "crashed").c_str(), field(v, "out_of_memory").c_str(),
                    printable(field(v, "denied")).c_str());
    if (!field(v, "cpu_limit").empty() && field(v, "cpu_limit") != "0")
        std::printf("%s: %s worker(s) ended for the CPU time of an invocation\n", shown.c_str(),
                    field(v, "cpu_limit").c_str());
    if (field(v, "last_error").empty()) return;
    if (field(v, "state") == "untrusted") {
        std::printf("%s: is not started: %s\n", shown.c_str(),
                    printable(field(v, "last_error")).c_str());
        return;
    }
    std::printf("%s: %s start(s) in a row failed, the next is tried in %s ms: %s\n", shown.c_str(),
                field(v, "failed_starts").c_str(), field(v, "next_try_ms").c_str(),
                printable(field(v, "last_error")).c_str());
    for (const auto& line : list_of(v, "last_log"))
        if (line.is_string()) std::printf("  %s\n", printable(line.get<std::string>()).c_str());
}

// The key's first digits; in brackets when it is none that is trusted there.
std::string signer(const json& v) {
    const std::string key = field(v, "signed_by").substr(0, kShortDigest);
    return key.empty() || field(v, "verified") == "true" ? key : "(" + key + ")";
}

void print_regions(const json& f) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& r : list_of(f, "region_states")) {
        std::string state = field(r, "state");
        if (state == "replicating")
            state += " " + field(r, "sent_bytes") + "/" + field(r, "bytes") + " bytes";
        rows.push_back({field(r, "region"), field(r, "version").substr(0, kShortDigest), state,
                        field(r, "error")});
    }
    if (rows.empty()) return;
    std::printf("\n");
    print_table({"REGION", "VERSION", "STATE", "WHY"}, rows);
}

void print_function(const json& f) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const char* key : {"name", "key", "current", "runtime", "handler", "environment", "place",
                            "retry", "regions", "aliases", "rate_per_s", "popular", "arrivals",
                            "throttled", "local", "forwarded"})
        pairs.emplace_back(key, field(f, key));
    if (f.is_object() && f.contains("limits") && f["limits"].is_object())
        for (const auto& limit : f["limits"].items())
            pairs.emplace_back(limit.key(), field(f["limits"], limit.key().c_str()));
    print_pairs(pairs);
    std::vector<std::vector<std::string>> rows;
    for (const auto& v : list_of(f, "versions"))
        rows.push_back({field(v, "version") == field(f, "current") ? "*" : "", field(v, "version"),
                        field(v, "state"), field(v, "workers"), field(v, "free_slots"),
                        field(v, "held_by"), signer(v)});
    std::printf("\n");
    if (f.is_object() && f.contains("row")) print_row(f["row"]);
    if (f.is_object() && f.contains("placement")) print_placement(f["placement"]);
    print_table({"", "VERSION", "STATE", "WORKERS", "FREE", "HELD BY", "SIGNED BY"}, rows);
    print_regions(f);
    for (const auto& v : list_of(f, "versions")) print_workers(v);
}

}  // namespace

int deploy(const Common& common, const DeployOptions& options) {
    Subject subject;
    if (auto failure = make_subject(options, subject)) return report(*failure, common.json);
    std::string signature;
    if (auto failure = signature_for(options, subject, signature))
        return report(*failure, common.json);
    std::string target = function_path(options.name) + "/versions";
    char separator = '?';
    for (const auto& [key, value] : options.parameters) {
        target += separator + key + "=" + percent_encoded(value);
        separator = '&';
    }
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) target += separator + std::string(key) + "=" + value;
        if (!value.empty()) separator = '&';
    };
    add("environment", admin::base64url(subject.environment));
    add("signature", signature);
    if (is_url(options.artifact)) {
        add("digest", percent_encoded(subject.digest));
        add("origin", percent_encoded(options.artifact));
    }
    const Answer answer = AdminClient(common.admin).post(target, subject.bytes);
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& done = std::get<json>(answer);
    if (common.json) {
        print_json(done);
        return kExitOk;
    }
    std::printf("%s is now %s\n", printable(field(done, "function")).c_str(),
                printable(field(done, "version")).c_str());
    for (const auto& region : list_of(done, "regions")) {
        const std::string error = field(region, "error");
        std::printf("  %s: %s\n", printable(field(region, "name")).c_str(),
                    error.empty() ? "has it" : printable("does not have it: " + error).c_str());
    }
    return kExitOk;
}

int list_fetches(const Common& common) {
    const Answer answer = AdminClient(common.admin).get("/v1/fetches");
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& all = std::get<json>(answer);
    if (common.json) {
        print_json(all);
        return kExitOk;
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& f : list_of(all, "fetches"))
        rows.push_back({field(f, "function"), field(f, "digest").substr(0, kShortDigest),
                        field(f, "state"), field(f, "received_bytes") + "/" + field(f, "bytes"),
                        field(f, "tries"), field(f, "origin"), field(f, "error")});
    print_table({"FUNCTION", "DIGEST", "STATE", "BYTES", "TRIES", "ORIGIN", "WHY"}, rows);
    return kExitOk;
}

int list_functions(const Common& common) {
    const Answer answer = AdminClient(common.admin).get("/v1/functions");
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& all = std::get<json>(answer);
    if (common.json) {
        print_json(all);
        return kExitOk;
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& f : list_of(all, "functions")) {
        const json& version = current_version(f);
        rows.push_back({field(f, "name"), field(f, "current").substr(0, kShortDigest),
                        field(f, "place"), field(f, "rate_per_s"), field(version, "workers"),
                        field(version, "free_slots"), field(f, "local"), field(f, "forwarded"),
                        field(version, "held_by")});
    }
    print_table(
        {"NAME", "CURRENT", "PLACE", "RATE/S", "WORKERS", "FREE", "LOCAL", "FORWARDED", "HELD BY"},
        rows);
    return kExitOk;
}

int describe_function(const Common& common, const std::string& name) {
    const Answer answer = AdminClient(common.admin).get(function_path(name));
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& found = std::get<json>(answer);
    if (common.json)
        print_json(found);
    else
        print_function(found);
    return kExitOk;
}

int delete_function(const Common& common, const std::string& name) {
    const Answer answer = AdminClient(common.admin).erase(function_path(name));
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& done = std::get<json>(answer);
    if (common.json) {
        print_json(done);
        return kExitOk;
    }
    std::printf("%s is deleted\n", printable(name).c_str());
    for (const auto& region : list_of(done, "regions")) {
        const std::string error = field(region, "error");
        std::printf("  %s: %s\n", printable(field(region, "name")).c_str(),
                    error.empty() ? "has forgotten it"
                                  : printable("will be asked again: " + error).c_str());
    }
    return kExitOk;
}

int alias(const Common& common, const std::string& name, const AliasOptions& options) {
    if (!options.gone && options.version.empty())
        return report({kExitUsage, "usage", "--version or --delete is needed", {}}, common.json);
    const std::string target =
        function_path(name) + "/aliases?alias=" + percent_encoded(options.alias);
    const AdminClient client(common.admin);
    const Answer answer =
        options.gone ? client.erase(target)
                     : client.post(target + "&version=" + percent_encoded(options.version), {});
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& done = std::get<json>(answer);
    if (common.json)
        print_json(done);
    else if (options.gone)
        std::printf("%s of %s stands for nothing any more\n", printable(options.alias).c_str(),
                    printable(name).c_str());
    else
        std::printf("%s of %s is %s\n", printable(options.alias).c_str(), printable(name).c_str(),
                    printable(field(done, "version")).c_str());
    return kExitOk;
}

}  // namespace skerry::ctl
