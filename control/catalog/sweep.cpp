#include "control/catalog/sweep.hpp"

namespace skerry::catalog {

std::size_t sweep_artifacts(const ArtifactStore& store, const std::set<std::string>& keep) {
    std::size_t removed = 0;
    for (const std::string& digest : store.list())
        if (keep.count(digest) == 0 && store.erase(digest)) ++removed;
    return removed;
}

}  // namespace skerry::catalog
