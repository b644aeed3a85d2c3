#include "control/lambda_api/render.hpp"

#include <time.h>

#include <algorithm>

#include "control/base64/base64.hpp"
#include "control/catalog/artifacts.hpp"
#include "control/lambda_api/json_body.hpp"
#include "control/lambda_api/settings.hpp"

namespace skerry::lambda_api {
namespace {

using nlohmann::json;

constexpr const char* kAccount = "000000000000";  // there are none

std::string bytes_of_hex(const std::string& hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
    return bytes;
}

const catalog::Details& details_of(const catalog::Function& function, std::uint32_t number) {
    for (const catalog::Publication& each : function.published)
        if (each.number == number) return each.details;
    return function.details;
}

std::string version_text(const Version& version) {
    if (version.number != 0) return std::to_string(version.number);
    return version.digest == version.function.current ? kLatest : version.digest;
}

}  // namespace

std::string arn_of(const std::string& region, const std::string& name,
                   const std::string& qualifier) {
    return "arn:aws:lambda:" + region + ":" + kAccount + ":function:" + name +
           (qualifier.empty() ? "" : ":" + qualifier);
}

std::string revision_id(const std::string& name, std::uint64_t revision) {
    std::string id = catalog::sha256_hex(name + ":" + std::to_string(revision)).substr(0, 32);
    for (const std::size_t at : {20, 16, 12, 8}) id.insert(at, "-");
    return id;
}

std::string time_text(std::int64_t unix_ms) {
    const time_t seconds = unix_ms / 1000;
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[40], whole[64];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(whole, sizeof whole, "%s.%03d+0000", text, static_cast<int>(unix_ms % 1000));
    return whole;
}

json configuration_json(const Version& version, std::uint64_t code_bytes,
                        const std::string& region) {
    const catalog::Function& f = version.function;
    const catalog::Build build = f.build_of(version.digest);
    const catalog::Details& details = details_of(f, version.number);
    json environment = json::object();
    for (const auto& [name, value] : catalog::variables_of(build.runtime.environment))
        environment[name] = value;
    json all = {
        {"FunctionName", f.name},
        {"FunctionArn", arn_of(region, f.name, version.qualifier)},
        {"Runtime", label_of(details, build.runtime.kind)},
        {"Role", details.role},
        {"Handler", build.runtime.handler},
        {"CodeSize", code_bytes},
        {"CodeSha256", base64(bytes_of_hex(build.archive))},
        {"Description", details.description},
        {"Timeout", (f.limits.timeout_ms + 999) / 1000},
        {"MemorySize", f.limits.memory_mib},
        {"LastModified", time_text(details.modified_ms)},
        {"Version", version_text(version)},
        {"TracingConfig", {{"Mode", "PassThrough"}}},
        {"RevisionId", revision_id(f.name, details.revision)},
        {"State", "Active"},
        {"LastUpdateStatus", "Successful"},
        {"PackageType", "Zip"},
        {"Architectures", {"x86_64"}},
        {"EphemeralStorage", {{"Size", f.limits.tmp_mib}}},
    };
    if (!environment.empty()) all["Environment"] = {{"Variables", std::move(environment)}};
    return all;
}

json alias_json(const catalog::Function& f, const std::string& alias, const std::string& region) {
    const auto known = f.alias_details.find(alias);
    const catalog::AliasDetails details =
        known == f.alias_details.end() ? catalog::AliasDetails{} : known->second;
    const std::string& digest = f.aliases.at(alias);
    std::string version = kLatest;
    if (!details.latest) {
        // An alias that skerryctl made names a digest; it may have a number all the same.
        const std::uint32_t number = details.number != 0 ? details.number : f.number_of(digest);
        version = number != 0 ? std::to_string(number) : digest;
    }
    json all = {{"AliasArn", arn_of(region, f.name, alias)},
                {"Name", alias},
                {"FunctionVersion", version},
                {"Description", details.description},
                {"RevisionId", revision_id(f.name + ":" + alias, details.revision)}};
    if (!details.other.empty())
        all["RoutingConfig"] = {
            {"AdditionalVersionWeights",
             {{std::to_string(details.other_number),
               static_cast<double>(details.other_weight) / catalog::kWholeWeight}}}};
    return all;
}

}  // namespace skerry::lambda_api
