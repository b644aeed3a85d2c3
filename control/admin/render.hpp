// The views of backend.hpp as the JSON of API.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/admin/backend.hpp"
#include "control/admin/servers.hpp"

namespace skerry::admin {

nlohmann::json to_json(const StatusView& view);
nlohmann::json fetches_json(const std::vector<FetchView>& fetches);
nlohmann::json to_json(const FunctionView& view);
nlohmann::json to_json(const RegionView& view);
nlohmann::json to_json(const ExplainView& view);
nlohmann::json to_json(const DeployOutcome& outcome);
nlohmann::json to_json(const EraseOutcome& outcome);
nlohmann::json to_json(const logs::Page& page);
nlohmann::json to_json(const AliasOutcome& outcome);
nlohmann::json to_json(const RoutesOutcome& outcome);
nlohmann::json to_json(const RouteTestResult& result);
nlohmann::json to_json(const RulesOutcome& outcome);
nlohmann::json to_json(const RuleTestResult& result);
nlohmann::json to_json(const EventsView& view);
nlohmann::json to_json(const ApiError& error);
nlohmann::json stats_json(const std::vector<CoreView>& cores, std::uint64_t tsc_hz);
nlohmann::json tenants_json(const std::vector<TenantView>& tenants);
nlohmann::json access_keys_json(const std::vector<AccessKeyView>& keys);
nlohmann::json versions_json(const HeldVersions& held);

// 64-bit ids are 16 hex digits in JSON: as numbers, most readers would round them.
std::string hex_id(std::uint64_t id);
// Text of any bytes becomes valid JSON.
std::string dump(const nlohmann::json& value);

}  // namespace skerry::admin
