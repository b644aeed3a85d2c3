// Any bytes as the URL of an artifact: refused, or http or https without a user; and what is shown
// of it has neither query nor control characters.
#include <algorithm>
#include <cstdint>
#include <string>

#include "control/origin/fetch.hpp"
#include "control/origin/target.hpp"
#include "sandbox/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace skerry::origin;
    const std::string url(reinterpret_cast<const char*>(data), size);
    const std::string text = shown(url);
    SKERRY_CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; }));
    SKERRY_CHECK(text.find('?') == std::string::npos || url.find('?') > 200 ||
                 std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c >= 0x7f; }));
    const auto target = make_target(url, {});
    if (!target) return 0;
    SKERRY_CHECK(target->origin.starts_with(target->https ? "https://" : "http://"));
    SKERRY_CHECK(!target->any_address && url.size() <= kMaxUrlBytes);
    const auto listed = make_target(url, {target->origin});
    SKERRY_CHECK(listed && listed->any_address);
    SKERRY_CHECK(!make_target(url, {"https://builds.example:8443"}) ||
                 target->origin == "https://builds.example:8443");
    return 0;
}
