#include "control/config/tenants.hpp"

#include <algorithm>

#include "control/catalog/tenant_name.hpp"
#include "dataplane/capacity/tenants.hpp"

namespace skerry::config {
namespace {

constexpr std::int64_t kWeightMax = 10'000;
constexpr std::int64_t kCountMax = 1'000'000;
static_assert(kTenantsMax + 1 == kMaxTenants);

void read_tenant(const toml::table& table, std::size_t index, Config& config, Problems& problems) {
    Reader r(table, "tenant[" + std::to_string(index) + "].", problems);
    Tenant tenant;
    r.text("name", tenant.name, catalog::kTenantNameAllowed, catalog::is_tenant_name);
    r.require("name", catalog::kTenantNameAllowed);
    r.integer("weight", tenant.weight, 1, kWeightMax);
    r.integer("reserved", tenant.reserved, 0, kCountMax);
    r.integer("limit", tenant.limit, 0, kCountMax);
    if (tenant.limit != 0 && tenant.limit < tenant.reserved)
        r.problem("limit", std::to_string(tenant.limit),
                  "0, for none, or at least what is reserved: " + std::to_string(tenant.reserved));
    for (const Tenant& other : config.tenants)
        if (!tenant.name.empty() && other.name == tenant.name)
            r.problem("name", quoted(tenant.name) + " again", "a name for each tenant");
    tenant.line = line_of(table);
    r.finish();
    config.tenants.push_back(std::move(tenant));
}

// First, whether it has a table or not.
void add_default(std::vector<Tenant>& all) {
    const auto known = std::find_if(all.begin(), all.end(), [](const Tenant& tenant) {
        return tenant.name == catalog::kDefaultTenant;
    });
    if (known != all.end()) {
        std::rotate(all.begin(), known, known + 1);
        return;
    }
    Tenant others;
    others.name = catalog::kDefaultTenant;
    all.insert(all.begin(), std::move(others));
}

}  // namespace

void read_tenants(Reader& top, Config& config, Problems& problems) {
    std::size_t index = 0;
    top.list("tenant", kTenantsMax, "[[tenant]] tables", [&](const toml::node& node) {
        if (!node.is_table())
            problems.add(line_of(node), "tenant", describe(node), "[[tenant]] tables");
        else
            read_tenant(*node.as_table(), index++, config, problems);
    });
    auto& all = config.tenants;
    if (all.empty() && config.limits.concurrency == 0) return;
    add_default(all);
    std::uint64_t reserved = 0;
    for (const Tenant& tenant : all) reserved += tenant.reserved;
    if (reserved < config.permits()) return;
    for (const Tenant& tenant : all)
        if (tenant.reserved != 0)
            return problems.add(
                tenant.line, "tenant.reserved", std::to_string(reserved) + " for all tenants",
                "less than limits.concurrency (" + std::to_string(config.permits()) +
                    "; workers.max, if it is not said): one is for all");
}

}  // namespace skerry::config
