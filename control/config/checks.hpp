// What single values must look like, and what the values of one configuration must be to each
// other. Internal to control/config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config/config.hpp"
#include "control/config/reader.hpp"

namespace skerry::config {

inline constexpr std::uint32_t kMaxCores = 16;
inline constexpr std::size_t kMaxPorts = 8;
inline constexpr std::size_t kMaxRegions = 64;
inline constexpr std::size_t kMaxAddressesPerPort = 16;
inline constexpr std::size_t kMaxEndpoints = 16;

inline constexpr char kNameAllowed[] = "1 to 15 characters of a-z, 0-9 and -";
inline constexpr char kHostPortAllowed[] =
    "an IP address with a port, like \"10.0.0.1:4601\" or \"[fd00::1]:4601\"";

bool is_name(const std::string& text);
bool is_absolute_path(const std::string& text);
bool is_origin(const std::string& text);
bool is_socket_path(const std::string& text);
bool is_host_port(const std::string& text);
bool is_endpoint(const std::string& text);  // http:// or https://, a host, perhaps a port
bool is_store_prefix(const std::string& text);
bool is_user(const std::string& text);
bool is_devargs(const std::string& text);
// An address that one host can have: not unspecified, multicast, broadcast or loopback.
bool is_host_address(const net::IpAddress& address);
// A host's address within its network: "10.0.0.2/24", not "10.0.0.0/24".
bool is_host_prefix(const net::IpPrefix& prefix);
// The device of devargs: what two ports can't share.
std::string device_of(const std::string& devargs);

// Where in the file things were, for the checks that compare them.
struct PortLines {
    std::uint32_t self = 1, devargs = 1;
    std::vector<std::uint32_t> addresses, gateways;
};
struct RegionLines {
    std::uint32_t self = 1, name = 1, address = 1;
};
struct Lines {
    std::uint32_t role = 1, name = 1, dataplane = 1, cpus = 1, control_cpu = 1, memory_mib = 1;
    std::uint32_t return_ports = 1, mbufs = 1, http_port = 1;
    std::uint32_t fresh_ms = 1, max_ejection_ms = 1, first_uid = 1, management = 1, store = 1;
    std::vector<PortLines> ports;
    std::vector<RegionLines> regions;
};

// Everything that takes more than one value to see. Each value of `config` has passed its own check
// or has its default; `lines.ports` and `lines.regions` have one element for each of `config`.
void check_together(const Config& config, const Lines& lines, Problems& problems);

}  // namespace skerry::config
