// Any bytes as the catalog.json of earlier versions: damage that is named, or a state that is
// valid, whose functions are written and read again without a change.
#include <cstdint>
#include <string>
#include <string_view>

#include "control/catalog/catalog_file.hpp"
#include "sandbox/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace skerry;
    const auto state = catalog::parse(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!state) {
        SKERRY_CHECK(!state.error().text.empty());
        return 0;
    }
    for (const auto& [name, function] : state->functions) {
        SKERRY_CHECK(name == function.name);
        SKERRY_CHECK(static_cast<bool>(catalog::validate(function)));
        const std::string written = catalog::render(function);
        const auto again = catalog::parse_function(written);
        SKERRY_CHECK(static_cast<bool>(again));
        SKERRY_CHECK(catalog::render(*again) == written);
    }
    return 0;
}
