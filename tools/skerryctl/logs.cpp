// skerryctl logs
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "control/logs/record.hpp"
#include "tools/skerryctl/admin_client.hpp"
#include "tools/skerryctl/commands.hpp"

namespace skerry::ctl {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kLookAgain{300};

const json& records_of(const json& page) {
    static const json kNone = json::array();
    const auto found = page.is_object() ? page.find("records") : page.end();
    return found != page.end() && found->is_array() ? *found : kNone;
}

bool is_true(const json& page, const char* key) {
    return page.is_object() && page.contains(key) && page[key] == true;
}

void print_record(const json& record) {
    const std::string request = field(record, "request");
    std::printf("%s %s %s %s\n", printable(field(record, "time")).c_str(),
                printable(field(record, "worker")).c_str(),
                request.empty() ? "-" : printable(request).c_str(),
                logs::escaped(field(record, "text")).c_str());
}

}  // namespace

std::optional<std::string> since_text(const std::string& given, std::int64_t now_us) {
    if (logs::parse_time(given)) return given;
    if (given.size() < 2 || given.size() > 8) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : given.substr(0, given.size() - 1)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    std::int64_t seconds = 0;
    switch (given.back()) {
        case 's':
            seconds = value;
            break;
        case 'm':
            seconds = value * 60;
            break;
        case 'h':
            seconds = value * 3600;
            break;
        case 'd':
            seconds = value * 86400;
            break;
        default:
            return std::nullopt;
    }
    return logs::time_text(std::max<std::int64_t>(0, now_us - seconds * 1'000'000));
}

int logs(const Common& common, const LogsOptions& options) {
    std::string question;
    if (!options.since.empty()) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto since = since_text(
            options.since, std::chrono::duration_cast<std::chrono::microseconds>(now).count());
        if (!since)
            return report({kExitUsage,
                           "bad-value",
                           "--since: found \"" + options.since + "\"",
                           {"30s, 10m, 2h, 1d", "2026-01-31T12:00:00Z"}},
                          common.json);
        question += "&since=" + percent_encoded(*since);
    }
    if (!options.request.empty()) question += "&request=" + percent_encoded(options.request);
    const AdminClient client(common.admin);
    json all = {{"records", json::array()}, {"lost", false}};
    for (std::string after = "0.0";;) {
        const Answer answer = client.get("/v1/functions/" + percent_encoded(options.name) +
                                         "/logs?after=" + percent_encoded(after) + question);
        if (const auto* failure = std::get_if<Failure>(&answer))
            return report(*failure, common.json);
        const json& page = std::get<json>(answer);
        if (is_true(page, "lost") && !common.json)
            std::fprintf(stderr, "skerryctl: what came before is not kept any more\n");
        if (is_true(page, "lost")) all["lost"] = true;
        for (const json& record : records_of(page)) {
            if (!common.json)
                print_record(record);
            else if (options.follow)
                print_json(record);
            else
                all["records"].push_back(record);
        }
        // Whoever reads this may have gone.
        if (std::fflush(stdout) != 0) return kExitOk;
        after = field(page, "next");
        if (is_true(page, "more")) continue;
        if (!options.follow) break;
        std::this_thread::sleep_for(kLookAgain);
    }
    if (common.json) print_json(all);
    return kExitOk;
}

}  // namespace skerry::ctl
