// What a version is, beside its archive: the kind of runtime, the handler, the environment. The
// three are part of the version's name, so a version never changes: other settings with the same
// archive are another version (docs/decisions/0012-what-a-version-is.md).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/runtime/kind.hpp"

namespace skerry::catalog {

inline constexpr std::size_t kMaxHandlerBytes = 127;
inline constexpr std::size_t kMaxEnvironmentBytes = 4096;  // names, values, "=" and ends

struct Runtime {
    runtime::Kind kind = runtime::Kind::native;
    std::string handler;  // "file.function", or empty: [A-Za-z0-9_./-], relative, without ".."
    // "NAME=value", each with a NUL behind it, sorted by name. As the warden takes it.
    std::string environment;
    bool operator==(const Runtime&) const = default;
};

using Variables = std::vector<std::pair<std::string, std::string>>;

// Variables are sorted. An error names the first that is wrong: a name that is not
// [A-Za-z_][A-Za-z0-9_]*, is reserved, or is there twice; a value that is not UTF-8 or has a NUL.
Result<std::string> pack_environment(Variables variables);
// Of an environment that is valid.
Variables variables_of(const std::string& environment);
// Kind, handler and environment fit together. EINVAL.
Status validate(const Runtime& runtime);

// 64 hex digits. The archive's digest itself for a native function without an environment, so that
// what was deployed before there were others keeps its name.
std::string version_of(const std::string& archive_digest, const Runtime& runtime);

// The files of an artifact of which one must be there for the runtime to start, in the order in
// which they are looked for.
std::vector<std::string> entry_files(const Runtime& runtime);
// Whether the unpacked folder has one of them. EINVAL: it has none; the text says which are looked
// for.
Status check_entry(const std::string& folder, const Runtime& runtime);

}  // namespace skerry::catalog
