// Reason: why a packet or request left the packet path. One byte, an index into the counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skerry {

enum class ReplyStatus : std::uint8_t {
#define STATUS(name, code, retry, text) name = code,
#include "dataplane/wire/status.def"
#undef STATUS
    none = 255,  // nothing is sent
};

enum class Retry : std::uint8_t { done, unstarted, unknown };

enum class Reason : std::uint8_t {
#define REASON(name, status, text) name,
#include "dataplane/reasons.def"
#undef REASON
    count
};

inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Reason::count);

struct ReasonInfo {
    std::string_view name;
    ReplyStatus status;
    std::string_view text;
};

inline constexpr ReasonInfo kReasons[] = {
#define REASON(name, status, text) {#name, ReplyStatus::status, text},
#include "dataplane/reasons.def"
#undef REASON
};
static_assert(sizeof(kReasons) / sizeof(kReasons[0]) == kReasonCount);

constexpr const ReasonInfo& info(Reason reason) {
    return kReasons[static_cast<std::size_t>(reason)];
}

struct StatusInfo {
    std::string_view name;
    Retry retry;
    std::string_view text;
};

inline constexpr StatusInfo kStatuses[] = {
#define STATUS(name, code, retry, text) {#name, Retry::retry, text},
#include "dataplane/wire/status.def"
#undef STATUS
};
inline constexpr std::size_t kStatusCount = sizeof(kStatuses) / sizeof(kStatuses[0]);

// The codes are the indices: a status byte from the wire is looked up only after this check.
constexpr bool is_known_status(std::uint8_t code) {
    return code < kStatusCount;
}
constexpr const StatusInfo& info(ReplyStatus status) {
    return kStatuses[static_cast<std::size_t>(status)];
}
#define STATUS(id, code, retry_class, what) static_assert(info(ReplyStatus::id).name == #id);
#include "dataplane/wire/status.def"
#undef STATUS

}  // namespace skerry
