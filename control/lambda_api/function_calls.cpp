// Functions: made, changed, shown, deleted.
#include "control/lambda_api/calls.hpp"
#include "control/lambda_api/settings.hpp"

namespace skerry::lambda_api {
namespace {

using nlohmann::json;

// Between the look that a change was made from and the change itself.
void unchanged_since(const catalog::Function& seen, const catalog::Function* before,
                     const Call& call) {
    if (before == nullptr) throw not_found(arn_of(call.request.region, call.name));
    if (before->details.revision != seen.details.revision)
        throw conflict(
            "The operation cannot be performed at this time. An update is in progress "
            "for resource: " +
            arn_of(call.request.region, call.name));
}

// What would deploy the function as it is.
admin::DeployRequest request_of(const catalog::Function& function) {
    return {.name = function.name,
            .limits = function.limits,
            .policy = function.policy,
            .digest = {},
            .runtime = function.build_of(function.current).runtime};
}

json made(const Call& call, const catalog::Function& function, bool published) {
    Version version{function, function.current, 0, {}};
    if (published) {
        version.number = function.number_of(function.current);
        version.qualifier = std::to_string(version.number);
    }
    return configuration(call, version);
}

void only_latest(const Call& call) {
    if (!call.qualifier.empty() && call.qualifier != kLatest)
        throw bad_value(
            "This operation is permitted only on Lambda functions, not on versions or "
            "aliases of them");
}

}  // namespace

Reply create_function(const Call& call) {
    const Body& body = call.body;
    const std::string name = name_of(body.text("FunctionName", 256).value_or(""));
    if (!allowed(call, name)) throw denied(call, name);
    refuse_unknown_services(body);
    const auto code = body.object("Code");
    if (!code) throw bad_field("Code", "needed");
    refuse_unknown_services(*code);
    catalog::Details details;
    admin::DeployRequest request = new_function(name);
    if (!body.find("Runtime")) throw bad_field("Runtime", "needed");
    take_settings(body, request, details);
    const std::string& tenant = call.request.key->tenant();
    if (tenant != catalog::kDefaultTenant) request.limits.tenant = tenant;
    if (details.role.empty()) throw bad_field("Role", "needed");
    const bool publish = body.flag("Publish");
    const std::string zip = take_zip(*code);
    const Edit edit = edit_of([&](const catalog::Function* before, catalog::Function& next) {
        if (before != nullptr) throw conflict("Function already exist: " + name);
        next.details.runtime = details.runtime;
        next.details.role = details.role;
        next.details.description = details.description;
        if (publish) catalog::publish(next);
    });
    const catalog::Function function = done(call.functions.deploy(request, zip, edit));
    return {201, made(call, function, publish)};
}

Reply get_function(const Call& call) {
    const catalog::Function function = find_function(call);
    json answer = {{"Configuration", configuration(call, resolve(call, function))},
                   {"Code", {{"RepositoryType", "skerry"}}},
                   {"Tags", json::object()}};
    if (function.reserved)
        answer["Concurrency"] = {{"ReservedConcurrentExecutions", *function.reserved}};
    return {200, std::move(answer)};
}

Reply get_configuration(const Call& call) {
    const catalog::Function function = find_function(call);
    return {200, configuration(call, resolve(call, function))};
}

Reply update_code(const Call& call) {
    only_latest(call);
    refuse_unknown_services(call.body);
    const catalog::Function seen = find_function(call);
    const std::string zip = take_zip(call.body);
    const bool publish = call.body.flag("Publish");
    check_revision(call.body, revision_id(seen.name, seen.details.revision));
    if (call.body.flag("DryRun")) return {200, made(call, seen, false)};
    const Edit edit = edit_of([&](const catalog::Function* before, catalog::Function& next) {
        unchanged_since(seen, before, call);
        if (publish) catalog::publish(next);
    });
    const catalog::Function function = done(call.functions.deploy(request_of(seen), zip, edit));
    return {200, made(call, function, publish)};
}

Reply update_configuration(const Call& call) {
    only_latest(call);
    refuse_unknown_services(call.body);
    const catalog::Function seen = find_function(call);
    check_revision(call.body, revision_id(seen.name, seen.details.revision));
    admin::DeployRequest request = request_of(seen);
    catalog::Details details = seen.details;
    take_settings(call.body, request, details);
    const auto archive = call.functions.archive(seen.build_of(seen.current).archive);
    if (!archive) throw Fault{500, "ServiceException", archive.error().text};
    const Edit edit = edit_of([&](const catalog::Function* before, catalog::Function& next) {
        unchanged_since(seen, before, call);
        next.details.runtime = details.runtime;
        next.details.role = details.role;
        next.details.description = details.description;
    });
    const catalog::Function function = done(call.functions.deploy(request, *archive, edit));
    return {200, made(call, function, false)};
}

Reply delete_function(const Call& call) {
    if (call.qualifier == kLatest)
        throw bad_value("$LATEST version cannot be deleted without deleting the function.");
    if (!call.qualifier.empty()) return delete_version(call);
    const auto erased = call.functions.erase(call.name);
    if (erased.ok) return {204, nullptr};
    if (erased.error.code == "no-such-function")
        throw not_found(arn_of(call.request.region, call.name));
    throw fault_of(erased.error);
}

}  // namespace skerry::lambda_api
