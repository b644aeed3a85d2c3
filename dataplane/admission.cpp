// What lets a request in: the limits of its function and of its tenant, and a permit of its
// tenant's to execute here. Of all this a server without tenants has the first limit only.
#include "dataplane/loop.hpp"

namespace skerry {
namespace {

// Only read: who waits asks again each turn, and must not keep the lines from those who have work.
bool looks_full(const Shared& shared, std::uint32_t tenant) {
    const TenantLine& line = shared.tenants->line(tenant);
    if (line.own.count.load(SK_RELAXED) < shared.server.tenants[tenant].reserved) return false;
    return line.common.count.load(SK_RELAXED) >= line.cap.load(SK_RELAXED) ||
           shared.tenants->common() >= shared.server.common_permits;
}

}  // namespace

std::uint8_t Core::tenant_of(const Target& target) const {
    return static_cast<std::uint8_t>(context_.snapshot->tenant(target.function));
}

// Counted from here on, or refused; nothing is left counted of what is refused.
Core::Entry Core::enter(const Target& target, std::uint8_t tenant) {
    Shared& shared = context_.shared;
    const std::uint32_t reserved = context_.snapshot->reserved(target.function);
    Entry entry{.reserved = reserved != kUnreserved,
                .in_tenant = !shared.server.tenants.empty(),
                .tenant = tenant};
    if (entry.reserved && !shared.reservations->enter(target.function, reserved)) {
        entry.refusal = Reason::refused_reserved;
        return entry;
    }
    if (entry.in_tenant && !shared.tenants->admit(tenant, shared.server.tenants[tenant].limit)) {
        if (entry.reserved) shared.reservations->leave(target.function);
        context_.counters.tenants[tenant].over_limit.add();
        entry.refusal = Reason::refused_tenant_limit;
        return entry;
    }
    entry.let_in = true;
    return entry;
}

void Core::leave(const Target& target, const Entry& entry) {
    if (entry.reserved) context_.shared.reservations->leave(target.function);
    if (entry.in_tenant) context_.shared.tenants->done(entry.tenant);
}

// A free slot with its tenant's permit to use it.
Claim Core::claim_for(std::uint32_t entry, std::uint8_t tenant, bool& share_used) {
    const ServerInfo& server = context_.shared.server;
    if (!server.tenants.empty() && looks_full(context_.shared, tenant)) {
        share_used = context_.shared.capacity->entries[entry].free_slots.load(SK_RELAXED) != 0;
        return {};
    }
    Claim claim = dispatcher_.claim(entry);
    if (claim.channel == nullptr || server.tenants.empty()) return claim;
    claim.tenant = tenant;
    claim.permit = context_.shared.tenants->take(tenant, server.tenants[tenant].reserved,
                                                 server.common_permits);
    if (claim.permit != Permit::none) return claim;
    dispatcher_.release(entry, claim);
    share_used = true;
    return {};
}

void Core::give_back(std::uint32_t entry, const Claim& claim) {
    dispatcher_.release(entry, claim);
    if (claim.permit != Permit::none)
        context_.shared.tenants->give_back(claim.tenant, claim.permit);
}

bool Core::has_waiting_room(std::uint32_t entry, std::uint8_t tenant) const {
    if (!waiting_.has_room(entry)) return false;
    const auto& tenants = context_.shared.server.tenants;
    return tenants.empty() || waiting_.size_of(tenant) < tenants[tenant].queue_limit;
}

bool Core::may_forward(std::uint8_t tenant) const {
    if (!forwarder_.has_room()) return false;
    const auto& tenants = context_.shared.server.tenants;
    return tenants.empty() || context_.forwarded_of[tenant] < tenants[tenant].pending_limit;
}

// `share_used`: it would have been executed here, had its tenant got a permit. So the tenant wants
// one for as long as it is away.
void Core::note_forwarded(Invocation& invocation, bool share_used) {
    if (!invocation.in_tenant) return;
    if (!invocation.forward_counted) {
        invocation.forward_counted = true;
        ++context_.forwarded_of[invocation.tenant];
    }
    if (!share_used) return;
    context_.counters.tenants[invocation.tenant].spilled.add();
    if (invocation.away) return;
    invocation.away = true;
    context_.shared.tenants->away(invocation.tenant);
}

void Core::count_refusal(std::uint8_t tenant, Reason reason) {
    if (reason == Reason::refused_tenant_share) context_.counters.tenants[tenant].over_share.add();
}

}  // namespace skerry
