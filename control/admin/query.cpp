#include "control/admin/query.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "control/admin/base64url.hpp"
#include "control/catalog/artifacts.hpp"
#include "control/catalog/policy_words.hpp"
#include "dataplane/limits/token_bucket.hpp"

namespace skerry::admin {
namespace {

using catalog::kPlaces;
using catalog::kRetries;

// Echoed in answers: short, and without what a terminal would act on.
std::string shown(std::string_view text) {
    std::string out = "\"";
    for (const char c : text.substr(0, 60)) out += c >= ' ' && c < 0x7f ? c : '?';
    return out + (text.size() > 60 ? "…\"" : "\"");
}

ApiError bad(std::string code, std::string message, std::vector<std::string> allowed = {}) {
    return {400, std::move(code), std::move(message), std::move(allowed)};
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

struct Number {
    std::string_view key;
    std::uint32_t catalog::Limits::*field;
    std::uint32_t least, most;
    bool newer = false;  // not rendered when it has its default
};
// The ranges of catalog.hpp; catalog::validate has the last word.
constexpr Number kNumbers[] = {
    {"memory_mib", &catalog::Limits::memory_mib, 16, 4096},
    {"timeout_ms", &catalog::Limits::timeout_ms, 1, 900000},
    {"concurrency", &catalog::Limits::concurrency, 1, 64},
    {"warm_min", &catalog::Limits::warm_min, 0, 64},
    {"warm_max", &catalog::Limits::warm_max, 1, 64},
    {"max_payload_bytes", &catalog::Limits::max_payload_bytes, 1, 6291456},
    {"cold_cost_ms", &catalog::Limits::cold_cost_ms, 0, 900000},
    {"cpu_percent", &catalog::Limits::cpu_percent, 0, 6400, true},
    {"cpu_weight", &catalog::Limits::cpu_weight, 1, 10000, true},
    {"latency_weight", &catalog::Limits::latency_weight, 1, 10000, true},
    {"cpu_ms", &catalog::Limits::cpu_ms, 0, 900000, true},
    {"max_per_s", &catalog::Limits::max_per_s, 0, limits::kRateMax, true},
    {"max_burst", &catalog::Limits::max_burst, 0, limits::kBurstMax, true},
    {"tmp_mib", &catalog::Limits::tmp_mib, 1, 1024, true},
    {"pids_max", &catalog::Limits::pids_max, 1, 1024, true},
    {"log_kib", &catalog::Limits::log_kib, 1, 1024, true},
};
constexpr std::string_view kFlags[] = {"false", "true"};

std::optional<ApiError> take_number(const Number& number, const std::string& value,
                                    catalog::Limits& limits) {
    std::uint32_t parsed = 0;
    const char* end = value.data() + value.size();
    const auto [at, error] = std::from_chars(value.data(), end, parsed);
    if (error != std::errc{} || at != end || parsed < number.least || parsed > number.most)
        return bad("bad-value", std::string(number.key) + ": found " + shown(value),
                   {std::to_string(number.least) + " to " + std::to_string(number.most)});
    limits.*number.field = parsed;
    return std::nullopt;
}

template <typename E, std::size_t N>
std::optional<ApiError> take_word(const char* key, const std::string& value,
                                  const std::string_view (&words)[N], E& out) {
    for (std::size_t i = 0; i < N; ++i) {
        if (value != words[i]) continue;
        out = static_cast<E>(i);
        return std::nullopt;
    }
    return bad("bad-value", std::string(key) + ": found " + shown(value),
               std::vector<std::string>(std::begin(words), std::end(words)));
}

std::optional<ApiError> take_regions(const std::string& value, std::vector<std::string>& regions) {
    regions.clear();
    if (value.empty()) return std::nullopt;  // all regions, as without the parameter
    std::set<std::string> seen;
    std::size_t at = 0;
    while (at <= value.size()) {
        const std::size_t end = std::min(value.find(',', at), value.size());
        const std::string name = value.substr(at, end - at);
        at = end + 1;
        const bool good =
            !name.empty() && name.size() <= 15 &&
            name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
        if (!good || !seen.insert(name).second || seen.size() > kMaxRegions)
            return bad("bad-value", "regions: found " + shown(name),
                       {"at most 64 different region names with commas between them"});
        regions.push_back(name);
    }
    return std::nullopt;
}

std::optional<ApiError> take_digest(const std::string& value, std::string& digest) {
    if (value.size() != 64 || value.find_first_not_of("0123456789abcdef") != std::string::npos)
        return bad("bad-value", "digest: found " + shown(value),
                   {"a SHA-256: 64 characters of 0-9 and a-f"});
    digest = value;
    return std::nullopt;
}

std::optional<ApiError> take_kind(const std::string& value, catalog::Runtime& runtime) {
    const auto kind = runtime::kind_of(value);
    if (!kind)
        return bad("bad-value", "runtime: found " + shown(value),
                   {runtime::kKindNames.begin(), runtime::kKindNames.end()});
    runtime.kind = *kind;
    return std::nullopt;
}

// In any order: it is stored sorted, so that the same variables are the same version.
std::optional<ApiError> take_environment(const std::string& value, catalog::Runtime& runtime) {
    const auto bytes = base64url_decoded(value);
    if (!bytes || (!bytes->empty() && bytes->back() != '\0'))
        return bad("bad-value", "environment: found " + shown(value),
                   {"base64url without padding, of NAME=value with a NUL behind each"});
    if (bytes->size() > catalog::kMaxEnvironmentBytes)
        return bad("bad-value",
                   "environment: found " + std::to_string(bytes->size()) + " bytes in all",
                   {"at most " + std::to_string(catalog::kMaxEnvironmentBytes)});
    auto packed = catalog::pack_environment(catalog::variables_of(*bytes));
    if (!packed) return bad("bad-value", packed.error().text);
    runtime.environment = std::move(*packed);
    return std::nullopt;
}

std::vector<std::string> parameter_names(Api api) {
    std::vector<std::string> names;
    for (const auto& number : kNumbers) names.emplace_back(number.key);
    for (const char* name : {"single_use", "templates", "egress", "tenant", "runtime", "handler",
                             "environment", "place", "retry", "regions", "digest", "signature"})
        names.emplace_back(name);
    if (api == Api::admin) names.emplace_back("origin");
    return names;
}

std::optional<ApiError> take(const std::string& key, const std::string& value, Api api,
                             DeployRequest& request) {
    for (const auto& number : kNumbers)
        if (key == number.key) return take_number(number, value, request.limits);
    if (key == "single_use")
        return take_word("single_use", value, kFlags, request.limits.single_use);
    if (key == "templates") return take_word("templates", value, kFlags, request.limits.templates);
    if (key == "egress") {
        request.limits.egress = value;  // judged with the other limits
        return std::nullopt;
    }
    if (key == "tenant") {  // the same
        request.limits.tenant = value == catalog::kDefaultTenant ? std::string() : value;
        return std::nullopt;
    }
    if (key == "runtime") return take_kind(value, request.runtime);
    if (key == "environment") return take_environment(value, request.runtime);
    if (key == "handler") {
        request.runtime.handler = value;  // judged with the kind
        return std::nullopt;
    }
    if (key == "place") return take_word("place", value, kPlaces, request.policy.place);
    if (key == "retry") return take_word("retry", value, kRetries, request.policy.retry);
    if (key == "regions") return take_regions(value, request.policy.regions);
    if (key == "signature") {
        if (!signing::parse(value))
            return bad("bad-value", "signature: found " + shown(value),
                       {"ed25519.KEY.SIGNATURE, as skerryctl artifact sign writes it"});
        request.signature = value;
        return std::nullopt;
    }
    if (key == "digest") return take_digest(value, request.digest);
    if (key == "origin" && api == Api::admin) {
        request.origin = value;  // judged when it is asked
        return std::nullopt;
    }
    return bad("unknown-parameter", "no parameter is called " + shown(key), parameter_names(api));
}

}  // namespace

ApiResult<Parameters> parse_parameters(std::string_view query) {
    using R = ApiResult<Parameters>;
    if (query.size() > kMaxQueryBytes)
        return R::failure(bad("query-too-long", "found " + std::to_string(query.size()) + " bytes",
                              {"at most " + std::to_string(kMaxQueryBytes)}));
    Parameters parameters;
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return R::failure(bad("bad-query", "found " + shown(part), {"name=value"}));
        const auto key = percent_decoded(part.substr(0, equals));
        const auto value = percent_decoded(part.substr(equals + 1));
        if (!key || !value)
            return R::failure(bad("bad-query", "found " + shown(part) + ", a broken % escape"));
        if (parameters.size() == kMaxParameters)
            return R::failure(bad("bad-query", "too many parameters",
                                  {"at most " + std::to_string(kMaxParameters)}));
        for (const auto& [known, unused] : parameters)
            if (known == *key)
                return R::failure(bad("bad-query", "the parameter " + shown(*key) + " twice",
                                      {"each parameter once"}));
        parameters.emplace_back(*key, *value);
    }
    return {std::move(parameters), true, {}};
}

ApiResult<DeployRequest> parse_deploy(const std::string& name, std::string_view query, Api api) {
    using R = ApiResult<DeployRequest>;
    if (!catalog::validate_name(name))
        return R::failure(bad("bad-name", "function name: found " + shown(name),
                              {"1 to 63 characters of a-z, A-Z, 0-9, - and _"}));
    auto parameters = parse_parameters(query);
    if (!parameters.ok) return R::failure(std::move(parameters.error));
    DeployRequest request;
    request.name = name;
    bool warm_max_given = false;
    for (const auto& [key, value] : parameters.value) {
        if (auto error = take(key, value, api, request)) return R::failure(std::move(*error));
        warm_max_given |= key == "warm_max";
    }
    catalog::Limits& limits = request.limits;
    if (!warm_max_given) limits.warm_max = std::max(limits.warm_max, limits.warm_min);
    const Status good[] = {catalog::validate(limits), catalog::validate(request.runtime),
                           catalog::validate(limits, request.runtime)};
    for (const Status& valid : good)
        if (!valid) return R::failure(bad("bad-value", valid.error().text));
    if ((api == Api::management || !request.origin.empty()) && request.digest.empty())
        return R::failure(bad("missing-parameter", "digest is missing",
                              {"a SHA-256: 64 characters of 0-9 and a-f"}));
    return {std::move(request), true, {}};
}

ApiResult<AliasRequest> parse_alias(std::string_view query, bool with_version) {
    using R = ApiResult<AliasRequest>;
    auto parameters = parse_parameters(query);
    if (!parameters.ok) return R::failure(std::move(parameters.error));
    AliasRequest request;
    for (auto& [key, value] : parameters.value) {
        if (key == "alias") {
            request.alias = value;
        } else if (key == "version" && with_version) {
            request.version = value;
        } else {
            return R::failure(bad("unknown-parameter", "found " + shown(key),
                                  with_version ? std::vector<std::string>{"alias", "version"}
                                               : std::vector<std::string>{"alias"}));
        }
    }
    if (Status valid = catalog::validate_alias(request.alias); !valid)
        return R::failure(bad("bad-value", valid.error().text));
    for (char& c : request.version) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool hex = request.version.find_first_not_of("0123456789abcdef") == std::string::npos &&
                     request.version.size() >= 16 && request.version.size() <= 64;
    if (with_version && !hex)
        return R::failure(bad("bad-value", "version: found " + shown(request.version),
                              {"16 to 64 hex digits of a version's digest"}));
    return {std::move(request), true, {}};
}

ApiResult<logs::Question> parse_logs(std::string_view query) {
    using R = ApiResult<logs::Question>;
    auto parameters = parse_parameters(query);
    if (!parameters.ok) return R::failure(std::move(parameters.error));
    logs::Question question;
    for (const auto& [key, value] : parameters.value) {
        std::string allowed;
        if (key == "since") {
            const auto time = logs::parse_time(value);
            question.since_us = time.value_or(0);
            if (!time) allowed = "a time as RFC 3339 has it: 2026-01-31T12:00:00Z";
        } else if (key == "after") {
            const auto cursor = logs::parse_cursor(value);
            question.after = cursor.value_or(logs::Cursor{});
            if (!cursor) allowed = "the `next` of an earlier answer";
        } else if (key == "request") {
            question.request = logs::parse_request_id(value);
            if (!question.request) allowed = "a request id: 32 hex digits, or a UUID";
        } else {
            return R::failure(bad("unknown-parameter", "no parameter is called " + shown(key),
                                  {"since", "after", "request"}));
        }
        if (!allowed.empty())
            return R::failure(bad("bad-value", key + ": found " + shown(value), {allowed}));
    }
    return {question, true, {}};
}

std::string render_deploy(const DeployRequest& request) {
    std::string query;
    const catalog::Limits defaults;
    for (const auto& number : kNumbers)
        if (!number.newer || request.limits.*number.field != defaults.*number.field)
            query +=
                std::string(number.key) + "=" + std::to_string(request.limits.*number.field) + "&";
    if (request.limits.single_use) query += "single_use=true&";
    if (!request.limits.templates) query += "templates=false&";
    if (!request.limits.egress.empty()) query += "egress=" + request.limits.egress + "&";
    if (!request.limits.tenant.empty()) query += "tenant=" + request.limits.tenant + "&";
    const catalog::Runtime& runtime = request.runtime;
    if (runtime.kind != runtime::Kind::native)
        query += "runtime=" + std::string(runtime::kind_name(runtime.kind)) + "&";
    // Needs no escapes: catalog::validate() lets none of the bytes through that would.
    if (!runtime.handler.empty()) query += "handler=" + runtime.handler + "&";
    if (!runtime.environment.empty())
        query += "environment=" + base64url(runtime.environment) + "&";
    query += "place=" + std::string(kPlaces[static_cast<std::size_t>(request.policy.place)]);
    query += "&retry=" + std::string(kRetries[static_cast<std::size_t>(request.policy.retry)]);
    if (!request.policy.regions.empty()) {
        query += "&regions=";
        for (std::size_t i = 0; i < request.policy.regions.size(); ++i)
            query += (i == 0 ? "" : ",") + request.policy.regions[i];
    }
    if (!request.digest.empty()) query += "&digest=" + request.digest;
    if (!request.signature.empty()) query += "&signature=" + request.signature;
    return query;
}

std::string settings_id(const catalog::Limits& limits, const catalog::Policy& policy,
                        const catalog::Runtime& runtime, const std::string& signature) {
    const DeployRequest settings{.name = {},
                                 .limits = limits,
                                 .policy = policy,
                                 .digest = {},
                                 .runtime = runtime,
                                 .signature = signature};
    return catalog::sha256_hex(render_deploy(settings)).substr(0, 16);
}

}  // namespace skerry::admin
