// What further workers of a function version are copied from: a snapshot of the memory of one that
// was run to the end of its initialisation, in a jail like any other, and then ended
// (sandbox/template). Copies share these bytes and nothing else.
#pragma once

#include <cstdint>
#include <string>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "sandbox/runtime/kind.hpp"

namespace skerry::placement {

// All of them together; while they have more, no further one is made.
inline constexpr std::uint64_t kTemplateBytesMax = std::uint64_t{1} << 30;
// Copies in a row that did not become ready: then the version's workers start afresh again.
inline constexpr std::uint32_t kCopiesFailedMax = 3;

struct Template {
    enum class State : std::uint8_t { none, making, ready, refused };
    State state = State::none;
    UniqueFd memfd;           // making: to be written; ready: sealed, and opened to be read
    std::uint64_t bytes = 0;  // of memory that it holds
    std::uint32_t copies_failed = 0;
    std::string why;  // refused
};

// Whether workers of the kind can be copied: they have one thread, and nothing open, when they have
// initialised. Node.js has threads of its own by then.
constexpr bool has_templates(runtime::Kind kind) {
    return runtime::can_be_copied(kind);
}

// An empty memfd for a template to write itself into.
Result<UniqueFd> new_snapshot();
// Nobody can change it any more; opened again, read-only, and how much memory it holds.
Status seal_snapshot(Template& snapshot);
// What the exit code of a template says.
std::string refusal_text(int exit_code, int signal);

}  // namespace skerry::placement
