// [selection], and what [[region]] says for it: by which rule a region is chosen, and which of them
// may be. Internal to control/config, but for RegionSets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config/config.hpp"
#include "control/config/reader.hpp"

namespace skerry::config {

inline constexpr std::size_t kRulesMax = 256;
inline constexpr std::size_t kTagsMax = 16;  // of a region

void read_selection(Reader& top, Selection& selection, Problems& problems);
// tags and weight_percent of a [[region]].
void read_region_choice(Reader& r, const std::string& prefix, Region& region, Problems& problems);
// Tags are no region's name; rules name what there is.
void check_selection(const Config& config, Problems& problems);

}  // namespace skerry::config
