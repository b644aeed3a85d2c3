// Any bytes as a scenario: an answer, never a crash, and errors in their form.
#include <cstdint>
#include <string_view>

#include "sandbox/base/check.hpp"
#include "tools/sim/scenario.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace skerry::sim;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto scenario = parse_scenario(text, "f");
    if (!scenario) {
        SKERRY_CHECK(scenario.error().text.rfind("f:", 0) == 0);
        return 0;
    }
    // What the simulator relies on without looking again.
    SKERRY_CHECK(!scenario->name.empty() && scenario->name.find('/') == std::string::npos);
    SKERRY_CHECK(scenario->warm_up_s < scenario->seconds);
    SKERRY_CHECK(scenario->requests_per_s * scenario->seconds <= kMaxRequests);
    SKERRY_CHECK(scenario->pops.count >= 1 && scenario->pops.count <= kMaxPops);
    SKERRY_CHECK(scenario->regions.count >= 1 && scenario->regions.count <= kMaxSimRegions);
    SKERRY_CHECK(scenario->functions.count >= 1 && scenario->regions.slots >= 1);
    for (const Fault& fault : scenario->faults) {
        SKERRY_CHECK(fault.to_s > fault.from_s);
        for (const std::uint8_t r : fault.regions) SKERRY_CHECK(r < scenario->regions.count);
    }
    for (const Flash& flash : scenario->flashes)
        SKERRY_CHECK(flash.first + flash.functions <= scenario->functions.count);
    const auto& rows = scenario->network.rtt_ms;
    SKERRY_CHECK(rows.empty() || rows.size() == scenario->pops.count);
    for (const auto& row : rows) SKERRY_CHECK(row.size() == scenario->regions.count);
    if (scenario->workers.modelled)
        SKERRY_CHECK(scenario->regions.slots <= kMaxPoolWorkers &&
                     scenario->pops.workers <= kMaxPoolWorkers && scenario->faults.empty());
    return 0;
}
