// Any bytes as a schedule of requests: an answer, never a crash, and errors in their form.
#include <cstdint>
#include <string_view>

#include "sandbox/base/check.hpp"
#include "tools/load/options.hpp"
#include "tools/load/schedule.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace skerry::load;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto schedule = parse_schedule(text, "f");
    if (!schedule) {
        SKERRY_CHECK(schedule.error().text.rfind("f:", 0) == 0);
        return 0;
    }
    // What the generator relies on without looking again.
    SKERRY_CHECK(!schedule->requests.empty() && schedule->requests.size() <= kMostPlanned);
    SKERRY_CHECK(!schedule->functions.empty() && schedule->functions.size() <= kMostFunctions);
    std::uint64_t at_us = 0;
    for (const Planned& each : schedule->requests) {
        SKERRY_CHECK(each.at_us >= at_us && each.at_us <= kLatestUs);
        SKERRY_CHECK(each.function < schedule->functions.size());
        SKERRY_CHECK(each.payload.find('\n') == std::string::npos);
        SKERRY_CHECK(each.payload.size() <= schedule->longest_payload());
        at_us = each.at_us;
    }
    const std::size_t all = schedule->requests.size();
    SKERRY_CHECK(schedule->most_within(0) >= 1 && schedule->most_within(kLatestUs) == all);
    return 0;
}
