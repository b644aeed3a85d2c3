// The query of a deploy call, both ways. Pure functions: tests/fuzz/artifact_query_fuzz.cpp feeds
// the reader with anything.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/admin/backend.hpp"

namespace skerry::admin {

// With the largest environment, and below the 8 KiB that httplib takes as a request line.
inline constexpr std::size_t kMaxQueryBytes = 7680;
inline constexpr std::size_t kMaxParameters = 32;

using Parameters = std::vector<std::pair<std::string, std::string>>;

// "a=1&b=x%2Cy", without the "?". Each parameter once. Errors are 400 with a code.
ApiResult<Parameters> parse_parameters(std::string_view query);

struct AliasRequest {
    std::string alias;
    std::string version;  // lower-case hex digits; empty: none was given
};
// `alias`, and, `with_version`, `version` too.
ApiResult<AliasRequest> parse_alias(std::string_view query, bool with_version);

// `since` (RFC 3339), `after` (the `next` of an earlier answer), `request`; all may be left out.
ApiResult<logs::Question> parse_logs(std::string_view query);

// fleet: what a POP serves of the management API, for the members of its fleet.
enum class Api { admin, management, fleet };

// What is not given has its default. `digest` is a parameter of the management API alone, and must
// be given there.
ApiResult<DeployRequest> parse_deploy(const std::string& name, std::string_view query, Api api);
// The query from which parse_deploy(…, Api::management) makes this request again. Settings that
// came later than the others are left out where they have their defaults: a server that does not
// know them takes the rest.
std::string render_deploy(const DeployRequest& request);
// Differs when limits, policy, runtime or the signature do: 16 hex digits, the same on every server
// whose deploys have the same parameters.
std::string settings_id(const catalog::Limits& limits, const catalog::Policy& policy,
                        const catalog::Runtime& runtime, const std::string& signature = {});

}  // namespace skerry::admin
