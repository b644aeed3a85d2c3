#include "tools/load/port_arguments.hpp"

namespace skerry::load {

void add_port_options(CLI::App& app, PortText& port, bool required) {
    auto* devargs =
        app.add_option("--port", port.devargs,
                       required ? "a DPDK port (devargs): net_memif0,role=client,…"
                                : "send through a DPDK port (devargs) instead of kernel sockets");
    devargs->required(required);
    app.add_option("--address", port.address, "with --port: our own address, 10.0.0.3/24")
        ->needs(devargs)
        ->required(required);
    app.add_option("--gateway", port.gateway,
                   "with --port: the next hop, if the server is not on-link")
        ->needs(devargs);
    app.add_flag("--huge", port.huge, "with --port: huge pages")->needs(devargs);
}

Result<std::optional<PortOptions>> read_port(const PortText& text) {
    if (text.devargs.empty()) return std::optional<PortOptions>{};
    PortOptions port;
    port.devargs = text.devargs;
    port.huge = text.huge;
    const auto address = net::IpPrefix::parse(text.address);
    if (!address)
        return Error{EINVAL, "--address: found \"" + text.address + "\", needed is 10.0.0.3/24"};
    port.address = *address;
    if (!text.gateway.empty()) {
        port.gateway = net::IpAddress::parse(text.gateway);
        if (!port.gateway)
            return Error{EINVAL, "--gateway: \"" + text.gateway + "\" is not an address"};
    }
    return std::optional<PortOptions>(port);
}

}  // namespace skerry::load
