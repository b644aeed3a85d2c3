// The *.policy files of this folder, as they were when this was built.
#pragma once

#include <optional>
#include <string_view>

namespace skerry::seccomp {

// By the file's name, "native.policy"; nullopt: there is none.
std::optional<std::string_view> policy_text(std::string_view name);

}  // namespace skerry::seccomp
