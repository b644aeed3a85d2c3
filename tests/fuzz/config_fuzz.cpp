// Any bytes as a configuration file: an answer, never a crash, and errors in their form.
#include <cstdint>
#include <string_view>

#include "control/config/config.hpp"
#include "sandbox/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto config = skerry::config::parse(text, "f");
    if (!config) {
        SKERRY_CHECK(config.error().text.rfind("f:", 0) == 0);
        return 0;
    }
    // What the rest of Skerry relies on without looking again.
    SKERRY_CHECK(!config->name.empty() && config->name.size() <= 15);
    SKERRY_CHECK(!config->state_dir.empty() && config->state_dir[0] == '/');
    SKERRY_CHECK(config->admin_socket.size() <= 107);
    SKERRY_CHECK(!config->ports.empty() && config->ports.size() <= 8);
    SKERRY_CHECK(config->regions.size() <= 64);
    SKERRY_CHECK(config->dataplane.cores >= 1 && config->dataplane.cores <= 16);
    SKERRY_CHECK(config->dataplane.cpus.empty() ||
                 config->dataplane.cpus.size() == config->dataplane.cores);
    SKERRY_CHECK(config->workers.max >= 1 && config->workers.max <= 1024);
    return 0;
}
