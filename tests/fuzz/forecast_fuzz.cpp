// Any bytes as forecasts.json: damage that is named, or forecasts that are numbers, that go on
// counting, and that are written and read again without a change.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/worth/forecast.hpp"
#include "sandbox/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using skerry::worth::Forecast;
    auto read = Forecast::decode(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!read) {
        SKERRY_CHECK(!read.error().text.empty());
        return 0;
    }
    SKERRY_CHECK(read->rows() <= Forecast::kMaxRows);
    const std::string written = read->encode();
    const auto again = Forecast::decode(written);
    SKERRY_CHECK(static_cast<bool>(again));
    SKERRY_CHECK(again->encode() == written);
    for (int hour = 0; hour < 200; ++hour) {
        const double unix_s = 1.7e9 + hour * 3600.0;
        read->note(7, 10, 900, unix_s);
        const double rate = read->rate_per_s(7, unix_s);
        SKERRY_CHECK(std::isfinite(rate) && rate >= 0);
        SKERRY_CHECK(read->due_per_s(7, unix_s) >= 0);
    }
    SKERRY_CHECK(static_cast<bool>(Forecast::decode(read->encode())));
    return 0;
}
