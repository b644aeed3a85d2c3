// Sets of regions, by what people call them: a region's name, or a tag that regions have. One bit a
// region, in the configuration's order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/config.hpp"

namespace skerry::config {

// 0: no region has that name or tag.
std::uint64_t regions_called(const std::vector<Region>& regions, std::string_view name_or_tag);
// Of all the names together.
std::uint64_t regions_called(const std::vector<Region>& regions,
                             const std::vector<std::string>& names_or_tags);

// Where the function must not go, whatever is held there: where its residency `confined` (names and
// tags; empty: none) or the operator's rules for it say so. Rules add up: of several that pin, only
// what all of them allow is left.
std::uint64_t barred_regions(const Config& config, std::string_view function,
                             const std::vector<std::string>& confined);

}  // namespace skerry::config
