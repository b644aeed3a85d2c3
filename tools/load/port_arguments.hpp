// The arguments that say which DPDK port to send through.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "tools/load/dpdk_port.hpp"

namespace skerry::load {

struct PortText {
    std::string devargs, address, gateway;
    bool huge = false;
};

// `required`: nothing else can be sent through.
void add_port_options(CLI::App& app, PortText& port, bool required);

// Nothing: no port was named. An error names the argument.
Result<std::optional<PortOptions>> read_port(const PortText& text);

}  // namespace skerry::load
