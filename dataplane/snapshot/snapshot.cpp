// Building snapshots: control thread only, hence free to allocate.
#include "dataplane/snapshot/snapshot.hpp"

#include <algorithm>
#include <bit>

#include "sandbox/base/check.hpp"

namespace skerry {

namespace {

// FNV-1a. The same region has the same id at every POP, so that all break ties alike.
std::uint32_t id_of(const RegionInfo& region) {
    std::uint32_t id = 0x811c9dc5u;
    for (const char c : region.name) id = (id ^ static_cast<unsigned char>(c)) * 0x01000193u;
    return id;
}

}  // namespace

void give_ids(std::vector<RegionInfo>& regions) {
    for (std::size_t r = 0; r < regions.size(); ++r) {
        regions[r].id = id_of(regions[r]);
        const auto taken = [&] {
            return std::any_of(regions.begin(), regions.begin() + static_cast<std::ptrdiff_t>(r),
                               [&](const RegionInfo& other) { return other.id == regions[r].id; });
        };
        while (taken()) ++regions[r].id;
    }
}

Snapshot::Snapshot(std::uint64_t generation, const std::vector<Target>& targets,
                   std::vector<RegionInfo> regions, bool draining, std::vector<TargetName> names,
                   SnapshotExtras extras)
    : generation_(generation),
      draining_(draining),
      regions_(std::move(regions)),
      extras_(std::move(extras)),
      names_(std::move(names)) {
    SKERRY_CHECK(regions_.size() <= kMaxRegions);
    give_ids(regions_);
    const std::size_t cells = std::bit_ceil(std::max<std::size_t>(8, targets.size() * 2));
    mask_ = cells - 1;
    cells_.resize(cells);
    for (const Target& target : targets) {
        SKERRY_CHECK(target.function_key != 0 && target.function < kFunctionRows &&
                     target.split <= extras_.splits.size());
        std::uint64_t i = hash(target.function_key, target.qualifier);
        std::uint32_t probes = 0;
        while (cells_[i & mask_].function_key != 0) {
            SKERRY_CHECK(cells_[i & mask_].function_key != target.function_key ||
                         cells_[i & mask_].qualifier != target.qualifier);
            ++i;
            ++probes;
        }
        cells_[i & mask_] = target;
        longest_probe_ = std::max(longest_probe_, probes);
    }
    if (!names_.empty()) add_names(targets);
}

}  // namespace skerry
