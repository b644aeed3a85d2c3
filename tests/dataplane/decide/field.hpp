// Regions for the tests of decide(): one record each, as people think of them, made into columns.
#pragma once

#include <vector>

#include "dataplane/decide/decide.hpp"

namespace skerry {

inline constexpr std::uint32_t kNowMs = 5000;

struct RegionView {
    std::int32_t rtt_us = 100;
    std::int32_t waiting_us = 0;
    std::int32_t expected_cold_us = 0;
    std::int32_t weight_permille = 1000;
    std::int32_t max_payload_bytes = 1360;
    bool fresh = true;
};

// A request that is (or is not) in the share of a region with that weight.
constexpr std::uint64_t share(std::uint64_t draw) {
    return draw << 40 | 1;  // not of the control group
}

struct Regions {
    explicit Regions(const std::vector<RegionView>& views) {
        columns.count = static_cast<std::uint32_t>(views.size());
        for (std::uint32_t r = 0; r < columns.count; ++r) {
            columns.id[r] = r;
            columns.rtt_us[r] = views[r].rtt_us;
            columns.wait_us[r] = views[r].waiting_us;
            columns.slow_permille[r] = 1000;
            columns.weight_permille[r] = views[r].weight_permille;
            columns.fresh_until_ms[r] = kNowMs + (views[r].fresh ? 1000 : 0);
            columns.max_payload_bytes[r] = views[r].max_payload_bytes;
            cold[r] = views[r].expected_cold_us;
        }
    }
    Field field() const { return {settings, columns, {.key = 1, .cold_us = cold.data()}, kNowMs}; }

    select::Settings settings;
    select::Candidates columns;
    select::Column<std::int32_t> cold{};
};

}  // namespace skerry
