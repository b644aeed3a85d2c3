// Refusal: why HTTP did not take a request. One byte, an index into the table of refusals.def.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/reasons.hpp"

namespace skerry::http {

enum class Refusal : std::uint8_t {
    none,
#define REFUSAL(name, status, reason, text) name,
#include "dataplane/http/refusals.def"
#undef REFUSAL
    count
};
inline constexpr std::size_t kRefusalCount = static_cast<std::size_t>(Refusal::count);

struct RefusalInfo {
    std::string_view name;
    std::uint16_t status;  // HTTP's
    Reason reason;         // what it is counted as
    std::string_view text;
};
inline constexpr RefusalInfo kRefusals[] = {
    {"none", 200, Reason::http_answered, ""},
#define REFUSAL(name, status, reason, text) {#name, status, Reason::reason, text},
#include "dataplane/http/refusals.def"
#undef REFUSAL
};
static_assert(sizeof(kRefusals) / sizeof(kRefusals[0]) == kRefusalCount);

constexpr const RefusalInfo& info(Refusal refusal) {
    return kRefusals[static_cast<std::size_t>(refusal)];
}

}  // namespace skerry::http
