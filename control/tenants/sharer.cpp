#include "control/tenants/sharer.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace skerry::tenants {

// Of common permits: its own come first.
double Sharer::demand(std::uint32_t tenant, std::uint32_t wanting) {
    const TenantLine& line = shared_.tenants->line(tenant);
    const double wanted = static_cast<double>(line.own.count.load(SK_RELAXED)) +
                          line.common.count.load(SK_RELAXED) + wanting -
                          shared_.server.tenants[tenant].reserved;
    Held& held = held_[tenant];
    held.now = std::clamp<double>(wanted, held.now, shared_.server.common_permits);
    return std::max(held.now, held.before);
}

void Sharer::step(std::span<const std::uint32_t> wanting, std::uint64_t now_us) {
    if (count() == 0) {
        next_us_ = ~std::uint64_t{0};
        return;
    }
    if (now_us - half_us_ >= kHold_us / 2) {
        half_us_ = now_us;
        for (Held& held : held_) held = {.now = 0, .before = held.now};
    }
    std::vector<Claimant> claimants;
    double all = 0;
    for (std::uint32_t t = 0; t < count(); ++t) {
        claimants.push_back({static_cast<double>(shared_.server.tenants[t].weight),
                             demand(t, t < wanting.size() ? wanting[t] : 0)});
        all += claimants.back().demand;
    }
    if (all > shared_.server.common_permits) {
        set_caps(claimants);
    } else {
        whole_.forget();
        for (std::uint32_t t = 0; t < count(); ++t)
            shared_.tenants->set_cap(t, shared_.server.common_permits);
    }
    next_us_ = now_us + (all > 0 ? kPeriod_us : kIdlePeriod_us);
}

void Sharer::set_caps(std::span<const Claimant> claimants) {
    const std::uint32_t total = shared_.server.common_permits;
    const std::vector<double> fair = fair_shares(claimants, total);
    const std::vector<std::uint32_t> whole = whole_.round(fair, total);
    double busy_weights = 0;
    for (const Claimant& each : claimants)
        if (each.demand > 0) busy_weights += each.weight;
    for (std::uint32_t t = 0; t < claimants.size(); ++t) {
        const Claimant& each = claimants[t];
        std::uint32_t cap = whole[t];
        if (fair[t] >= each.demand) {
            // It has all it wants. If that becomes more, it need not wait for this thread.
            const double weights = busy_weights + (each.demand > 0 ? 0 : each.weight);
            const double most = std::floor(total * each.weight / weights);
            cap = std::max({cap, static_cast<std::uint32_t>(most), 1u});
        }
        shared_.tenants->set_cap(t, cap);
    }
}

std::uint32_t Sharer::may_use(std::uint32_t tenant) const {
    const ServerInfo& server = shared_.server;
    return server.tenants[tenant].reserved +
           std::min(shared_.tenants->line(tenant).cap.load(SK_RELAXED), server.common_permits);
}

bool Sharer::full(std::uint32_t tenant) const {
    const TenantLine& line = shared_.tenants->line(tenant);
    return line.own.count.load(SK_RELAXED) + line.common.count.load(SK_RELAXED) >= may_use(tenant);
}

double Sharer::share(std::uint32_t tenant) const {
    const ServerInfo& server = shared_.server;
    double weights = 0;
    for (const TenantRules& each : server.tenants) weights += each.weight;
    return server.tenants[tenant].reserved +
           server.common_permits * server.tenants[tenant].weight / weights;
}

}  // namespace skerry::tenants
