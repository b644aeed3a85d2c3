#include "dataplane/port/eal.hpp"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>
#include <unistd.h>

#include <regex>

namespace skerry::port {
namespace {

// "0@(0-3,5)": one lcore on all CPUs that this process may use.
std::string lcores(const std::optional<std::uint32_t>& control_cpu) {
    if (control_cpu) return "0@" + std::to_string(*control_cpu);
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    std::string list;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &allowed)) list += (list.empty() ? "" : ",") + std::to_string(cpu);
    return "0@(" + list + ")";
}

// EAL makes a folder for its files and never removes it; with the options below it keeps no file
// there, and needs the folder no more once it has started (or failed to). Removed at once, so that
// even a process that is killed leaves none. A folder with something in it is another process's.
void remove_runtime_dir() {
    const char* folder = rte_eal_get_runtime_dir();
    if (folder != nullptr && folder[0] != '\0') (void)rmdir(folder);
}

}  // namespace

bool is_pci_address(const std::string& devargs) {
    static const std::regex pci("^([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7](,.*)?$");
    return std::regex_match(devargs, pci);
}

Status start_eal(const EalOptions& options) {
    std::vector<std::string> words = {"skerryd",
                                      "--no-telemetry",
                                      "--log-level=*:error",
                                      "-m",
                                      std::to_string(options.memory_mib),
                                      "--file-prefix=" + options.file_prefix,
                                      "--lcores=" + lcores(options.control_cpu)};
    // Neither writes files. (--no-huge implies a memory mode that --in-memory refuses.)
    words.emplace_back(options.huge ? "--in-memory" : "--no-huge");
    if (!options.huge) words.emplace_back("--no-shconf");
    if (options.pci.empty()) words.emplace_back("--no-pci");
    for (const std::string& address : options.pci) {
        words.emplace_back("-a");
        words.push_back(address.substr(0, address.find(',')));
    }
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const bool started = rte_eal_init(static_cast<int>(words.size()), argv.data()) >= 0;
    const int code = rte_errno;
    remove_runtime_dir();
    if (started) return ok();
    std::string text = "DPDK's environment did not start: " + std::string(rte_strerror(code));
    if (options.huge)
        text += "; " + std::to_string(options.memory_mib) +
                " MiB of huge pages are needed: sysctl -w vm.nr_hugepages=" +
                std::to_string((options.memory_mib + 1) / 2) + ", or memory = \"no-huge\"";
    return Error{code, text};
}

void stop_eal() {
    rte_eal_cleanup();
}

}  // namespace skerry::port
