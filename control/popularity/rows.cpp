#include "control/popularity/rows.hpp"

#include <algorithm>

namespace skerry::popularity {

std::vector<Change> reassign(std::span<const Holder> holders, std::span<const Asker> askers,
                             std::uint32_t free_rows, const Terms& terms) {
    std::vector<Asker> wanting;
    for (const Asker& asker : askers)
        if (asker.per_s > 0) wanting.push_back(asker);
    std::stable_sort(wanting.begin(), wanting.end(),
                     [](const Asker& a, const Asker& b) { return a.per_s > b.per_s; });
    std::vector<Holder> giving;
    for (const Holder& holder : holders)
        if (!holder.pinned && !holder.busy && holder.held_s >= terms.settled_s)
            giving.push_back(holder);
    std::stable_sort(giving.begin(), giving.end(),
                     [](const Holder& a, const Holder& b) { return a.per_s < b.per_s; });
    std::vector<Change> changes;
    std::size_t next = 0;
    for (const Asker& asker : wanting) {
        if (changes.size() == terms.changes) break;
        if (changes.size() < free_rows) {
            changes.push_back({asker.id, kFreeRow});
            continue;
        }
        if (next == giving.size()) break;
        const Holder& loser = giving[next];
        if (asker.per_s < loser.per_s * terms.factor + terms.more_per_s) break;
        changes.push_back({asker.id, loser.row});
        ++next;
    }
    return changes;
}

std::optional<std::uint32_t> cheapest(std::span<const Holder> holders) {
    const Holder* best = nullptr;
    for (const Holder& holder : holders) {
        if (holder.pinned) continue;
        if (best == nullptr || (best->busy && !holder.busy) ||
            (best->busy == holder.busy && holder.per_s < best->per_s))
            best = &holder;
    }
    return best == nullptr ? std::nullopt : std::optional(best->row);
}

}  // namespace skerry::popularity
