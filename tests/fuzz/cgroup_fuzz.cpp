// Any text as /proc/self/mountinfo and /proc/self/cgroup (a zero between them):
// something is found, or nothing. The kernel writes these files, but the names of groups and the
// places of mounts in them are other people's.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/base/check.hpp"
#include "sandbox/cgroup/hierarchy.hpp"

using namespace skerry;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const auto middle = std::min(all.find('\0'), all.size());
    const std::string_view own = middle < all.size() ? all.substr(middle + 1) : std::string_view();
    const cgroup::Hierarchy found = cgroup::discover(all.substr(0, middle), own);
    const bool none = found.version == cgroup::Version::none;
    SKERRY_CHECK(none == !(found.has_memory || found.has_cpu || found.has_pids));
    SKERRY_CHECK(found.version != cgroup::Version::v2 || !found.unified.empty());
    SKERRY_CHECK(!cgroup::describe(found).empty());
    return 0;
}
