// The calls themselves. Internal to control/lambda_api: api.cpp finds the one that is meant, and
// has seen that the key may make it.
#pragma once

#include <map>
#include <string>

#include "control/lambda_api/api.hpp"
#include "control/lambda_api/json_body.hpp"
#include "control/lambda_api/render.hpp"

namespace skerry::lambda_api {

struct Call {
    const Request& request;
    Functions& functions;
    Body body;
    std::map<std::string, std::string> query;
    std::string name, qualifier;  // of the path; may be empty
    std::string alias;            // the path's last part, of calls that have one
};

struct Reply {
    int status = 200;
    nlohmann::json body = nullptr;  // null: none
};

// function_calls.cpp
Reply create_function(const Call& call);
Reply get_function(const Call& call);
Reply get_configuration(const Call& call);
Reply update_configuration(const Call& call);
Reply update_code(const Call& call);
Reply delete_function(const Call& call);

// list_calls.cpp
Reply list_functions(const Call& call);
Reply list_versions(const Call& call);
// MaxItems and Marker.
std::size_t page_size(const Call& call);
std::string page_start(const Call& call);

// version_calls.cpp
Reply publish_version(const Call& call);
// A published version alone.
Reply delete_version(const Call& call);

// alias_calls.cpp
Reply create_alias(const Call& call);
Reply update_alias(const Call& call);
Reply get_alias(const Call& call);
Reply list_aliases(const Call& call);
Reply delete_alias(const Call& call);

// concurrency_calls.cpp
Reply put_concurrency(const Call& call);
Reply get_concurrency(const Call& call);
Reply delete_concurrency(const Call& call);

// What more than one of them needs; lookup.cpp. Each throws a Fault.
catalog::Function find_function(const Call& call);
// The version that the qualifier (empty: $LATEST) stands for.
Version resolve(const Call& call, const catalog::Function& function);
nlohmann::json configuration(const Call& call, const Version& version);
// "name" of a body that may have it as an ARN; without a qualifier.
std::string name_of(const std::string& text);
// By the key's patterns, and its tenant if it has one.
bool allowed(const Call& call, const std::string& name);
bool allowed(const Call& call, const catalog::Function& function);
Fault denied(const Call& call, const std::string& name);
catalog::Function done(const admin::ApiResult<catalog::Function>& result);
// RevisionId, if the body says one: against what there is.
void check_revision(const Body& body, const std::string& there);
// 1 …, without a sign or leading zeros; 0: it is no number.
std::uint32_t number_of_text(const std::string& text);

// An Edit of something that throws Faults.
template <typename Change>
Edit edit_of(Change change) {
    return [change](const catalog::Function* before,
                    catalog::Function& next) -> std::optional<admin::ApiError> {
        try {
            change(before, next);
            return std::nullopt;
        } catch (const Fault& fault) {
            return error_of(fault);
        }
    };
}

}  // namespace skerry::lambda_api
