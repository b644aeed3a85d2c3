// How tenants share this server: what each of them wants, for the Sharer, and their part of the
// workers' places, for the pool.
#include <algorithm>

#include "control/controller/controller.hpp"

namespace skerry::control {

void Controller::share_permits(std::uint64_t now_us) {
    const auto count = static_cast<std::uint32_t>(config_.tenants.size());
    std::vector<std::uint32_t> wanting(count), free(count);
    if (count != 0)
        for (const auto& [name, deployed] : rowed_) {
            const std::uint32_t tenant = config_.tenant_number(catalog_.find(name)->limits.tenant);
            for (const auto& [digest, entry] : deployed->entries) {
                const std::uint32_t waits =
                    shared_.capacity->entries[entry].wanted.load(SK_RELAXED);
                // What waits for a worker to start has no use for a permit yet; unless it is the
                // permits of others that their workers stay busy by, and so in their places.
                const std::uint32_t slots = pool_.free_slots(entry);
                const std::uint32_t uses =
                    pool_.unplaced(entry) ? std::max(waits, 1u) : std::min(waits, slots);
                wanting[tenant] += uses;
                free[tenant] += slots - std::min(slots, uses);
            }
        }
    for (std::uint32_t t = 0; t < count; ++t)
        wanting[t] += std::min(shared_.tenants->line(t).away.load(SK_RELAXED), free[t]);
    sharer_.step(wanting, now_us);
    if (count != 0) share_places();
}

// By the same rule as permits: what one does not use is lent.
void Controller::share_places() {
    const auto count = static_cast<std::uint32_t>(config_.tenants.size());
    std::vector<tenants::Claimant> claimants(count);
    for (std::uint32_t t = 0; t < count; ++t)
        claimants[t] = {static_cast<double>(config_.tenants[t].weight),
                        static_cast<double>(pool_.workers_of(t))};
    for (const auto& [name, deployed] : rowed_)
        for (const auto& [digest, entry] : deployed->entries)
            if (pool_.unplaced(entry))
                claimants[config_.tenant_number(catalog_.find(name)->limits.tenant)].demand += 1;
    const std::vector<double> places = tenants::fair_shares(claimants, config_.workers.max);
    for (std::uint32_t t = 0; t < count; ++t)
        pool_.set_room(t,
                       {.places = static_cast<std::uint32_t>(places[t]), .full = sharer_.full(t)});
}

std::vector<admin::TenantView> Controller::tenants() {
    const std::lock_guard lock(mutex_);
    std::vector<admin::TenantView> views;
    for (std::uint32_t t = 0; t < config_.tenants.size(); ++t) {
        const config::Tenant& tenant = config_.tenants[t];
        const TenantLine& line = shared_.tenants->line(t);
        admin::TenantView view{
            .name = tenant.name,
            .weight = tenant.weight,
            .reserved = tenant.reserved,
            .limit = tenant.limit,
            .workers = pool_.workers_of(t),
            .in_flight = line.in_hand.count.load(SK_RELAXED),
            .executing = line.own.count.load(SK_RELAXED) + line.common.count.load(SK_RELAXED),
            .share = sharer_.share(t),
            .may_use = sharer_.may_use(t)};
        for (std::uint32_t core = 0; core < shared_.server.core_count; ++core) {
            const TenantCounters& counters = shared_.counters[core]->tenants[t];
            view.executed += counters.executed.get();
            view.over_limit += counters.over_limit.get();
            view.over_share += counters.over_share.get();
            view.spilled += counters.spilled.get();
        }
        for (const auto& [name, function] : catalog_.functions())
            view.functions += config_.tenant_number(function.limits.tenant) == t;
        views.push_back(std::move(view));
    }
    return views;
}

}  // namespace skerry::control
