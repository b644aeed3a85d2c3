#include "control/lambda_api/calls.hpp"
#include "dataplane/http/routes.hpp"

namespace skerry::lambda_api {

bool allowed(const Call& call, const catalog::Function& function) {
    const std::string& tenant = call.request.key->tenant();
    const std::string& its = function.limits.tenant;
    return call.request.key->allows(function.name) &&
           (tenant.empty() || tenant == (its.empty() ? catalog::kDefaultTenant : its));
}

bool allowed(const Call& call, const std::string& name) {
    if (call.request.key->tenant().empty()) return call.request.key->allows(name);
    const auto function = call.functions.find(name);
    return function ? allowed(call, *function) : call.request.key->allows(name);
}

Fault denied(const Call& call, const std::string& name) {
    return {403, "AccessDeniedException",
            "User is not authorized to manage " + arn_of(call.request.region, name) +
                ", as no pattern of the access key allows it, or its tenant does not"};
}

catalog::Function find_function(const Call& call) {
    auto function = call.functions.find(call.name);
    if (!function) throw not_found(arn_of(call.request.region, call.name, call.qualifier));
    return std::move(*function);
}

std::uint32_t number_of_text(const std::string& text) {
    if (text.empty() || text.size() > 9 || text[0] == '0' ||
        text.find_first_not_of("0123456789") != std::string::npos)
        return 0;
    return static_cast<std::uint32_t>(std::stoul(text));
}

Version resolve(const Call& call, const catalog::Function& function) {
    const std::string& qualifier = call.qualifier;
    Version version{function, function.current, 0, qualifier};
    if (qualifier.empty() || qualifier == kLatest) return version;
    if (const auto alias = function.aliases.find(qualifier); alias != function.aliases.end()) {
        version.digest = alias->second;
        const auto details = function.alias_details.find(qualifier);
        const bool latest = details != function.alias_details.end() && details->second.latest;
        const std::uint32_t named =
            details == function.alias_details.end() ? 0 : details->second.number;
        if (!latest) version.number = named != 0 ? named : function.number_of(version.digest);
        return version;
    }
    version.number = number_of_text(qualifier);
    version.digest = version.number != 0 ? function.version_numbered(version.number)
                                         : catalog::find_version(function, qualifier);
    if (version.digest.empty())
        throw not_found(arn_of(call.request.region, function.name, qualifier));
    if (version.number == 0) version.number = function.number_of(version.digest);
    return version;
}

nlohmann::json configuration(const Call& call, const Version& version) {
    const std::string archive = version.function.build_of(version.digest).archive;
    return configuration_json(version, call.functions.archive_size(archive), call.request.region);
}

std::string name_of(const std::string& text) {
    http::Names names;
    if (http::parse_names(text, {}, names) != http::Refusal::none || !names.qualifier.empty() ||
        !catalog::validate_name(std::string(names.function)))
        throw bad_field("FunctionName", "found " + shown(text) + ", allowed 1 to " +
                                            std::to_string(catalog::kMaxNameBytes) +
                                            " of a-z, A-Z, 0-9, - and _");
    return std::string(names.function);
}

catalog::Function done(const admin::ApiResult<catalog::Function>& result) {
    if (!result.ok) throw fault_of(result.error);
    return result.value;
}

void check_revision(const Body& body, const std::string& there) {
    const auto wanted = body.text("RevisionId", 64);
    if (wanted && *wanted != there) throw bad_revision();
}

}  // namespace skerry::lambda_api
