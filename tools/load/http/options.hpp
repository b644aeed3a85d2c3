// What one run of `skerry-load http` or `skerry-load syn-flood` does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/net/address.hpp"
#include "tools/load/dpdk_port.hpp"

namespace skerry::load::http {

inline constexpr std::uint32_t kMostConnections = 4096;  // that carry requests
inline constexpr std::uint32_t kMostIdle = 1'000'000;
inline constexpr double kMostFloodPerS = 2e7;

struct FloodOptions {
    double rate_per_s = 0;                 // 0: no flood
    net::IpPrefix from;                    // sources, at random
    std::optional<net::IpPrefix> network;  // that may be flooded, on ports that lead elsewhere
};

struct Options {
    PortOptions port;
    std::uint32_t addresses = 0;  // of ours, counted up from the port's; 0: as many as are needed
    net::IpAddress server;
    std::uint16_t server_port = 80;
    std::string request;   // all of it, head and body
    bool to_head = false;  // it is a HEAD request
    std::string expected;  // of all answers, the body; empty: whatever it is
    std::uint32_t connections = 64;
    std::uint32_t requests_each = 0;  // of a connection, then a new one; 0: no limit
    double rate_per_s = 0;            // 0: the next request follows the answer (closed loop)
    double duration_s = 10;
    double warm_up_s = 0;              // before it, not counted
    std::uint32_t timeout_ms = 10000;  // of a request, of a handshake
    std::uint32_t idle = 0;            // connections that are held besides
    std::uint32_t idle_per_s = 20000;  // opened so fast
    FloodOptions flood;
    bool spin = false;     // never sleeps
    bool progress = true;  // a line on stderr each second
};

struct Url {
    net::IpAddress address;
    std::uint16_t port = 80;
    std::string host;  // as it was written: the Host field
    std::string path;
};

// "http://10.77.1.2:8080/healthz", "http://[fd00::2]/": an address, no name is looked up.
Result<Url> parse_url(const std::string& text);

struct RequestText {
    std::string method = "GET";
    std::string body;
    std::vector<std::string> fields;  // "Name: value"
    bool close = false;               // of one request only
};
// The request as it goes over the wire. Errors: what would not be one.
Result<std::string> build_request(const Url& url, const RequestText& text);

// Whether a flood from `options.from` to `server` out of this port can hit nobody but who asked for
// it: both are addresses of private use, and the port is a link between two processes or
// options.network names the target's network.
Status check_flood(const std::string& devargs, const net::IpAddress& server,
                   const FloodOptions& options);

}  // namespace skerry::load::http
