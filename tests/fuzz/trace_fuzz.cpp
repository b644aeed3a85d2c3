// Any bytes as a public trace: an answer, never a crash.
#include <cstdint>
#include <string_view>

#include "sandbox/base/check.hpp"
#include "tools/sim/trace.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace skerry::sim;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    auto trace = read_azure_invocations(text, "f");
    if (trace) {
        SKERRY_CHECK(trace->minutes >= 1 && trace->minutes <= MinuteTrace::kMaxMinutes);
        SKERRY_CHECK(trace->counts.size() == trace->functions.size() * trace->minutes);
        (void)read_azure_durations(text, "f", *trace);
    } else {
        SKERRY_CHECK(trace.error().text.rfind("f:", 0) == 0);
    }
    MinuteTrace none;
    (void)read_azure_durations(text, "f", none);
    (void)read_cold_starts(text, "f");
    return 0;
}
