// The kinds of runtime that a function may name: what runs in its jail, and how skerryd speaks to
// it. One table, read by the catalog, the warden and the packet path alike.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace skerry::runtime {

enum class Kind : std::uint32_t {
    native = 0,    // `bootstrap` is linked with sandbox/sdk and speaks the channel
    provided = 1,  // `bootstrap` is any executable that speaks the Runtime API over HTTP
    python3 = 2,   // our bootstrap in Python imports the handler; Runtime API
    nodejs = 3,    // our bootstrap in JavaScript imports the handler; Runtime API
};

// As told in the catalog, by skerryctl, and as the name of the image's folder and of the policy of
// system calls.
inline constexpr std::array<std::string_view, 4> kKindNames = {"native", "provided", "python3",
                                                               "nodejs"};

constexpr std::string_view kind_name(Kind kind) {
    const auto index = static_cast<std::size_t>(kind);
    return index < kKindNames.size() ? kKindNames[index] : "unknown";
}

constexpr std::optional<Kind> kind_of(std::string_view name) {
    for (std::size_t i = 0; i < kKindNames.size(); ++i)
        if (kKindNames[i] == name) return static_cast<Kind>(i);
    return std::nullopt;
}

// Whether skerryd speaks to its workers by HTTP on the jail's loopback, and not by the channel.
constexpr bool speaks_runtime_api(Kind kind) {
    return kind != Kind::native;
}

// Whether the function names a handler ("file.function") instead of an executable of its own.
constexpr bool needs_handler(Kind kind) {
    return kind == Kind::python3 || kind == Kind::nodejs;
}

// Whether its workers can be started before it is known which function they are for: what runs
// before the function's own code is ours, and takes time (sandbox/runtime, "Standing by").
constexpr bool can_stand_by(Kind kind) {
    return kind == Kind::nodejs;
}

// Whether a worker can begin as a copy of one that has initialised (sandbox/template): its
// processes have one thread then. Node.js has threads of its own; of provided programs nothing is
// known.
constexpr bool can_be_copied(Kind kind) {
    return kind == Kind::native || kind == Kind::python3;
}

// Where a worker of a kind that speaks it finds the Runtime API, on its own loopback.
inline constexpr std::uint16_t kRuntimeApiPort = 9001;

}  // namespace skerry::runtime
