// What both ends of the management API set on their TLS context.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

#include "control/admin/servers.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::admin {

// TLS 1.3, our certificate and key, and a peer that must have a certificate of our CA. Host names
// are not compared: the CA is the fleet's own, and signs nothing but the fleet.
Status configure_tls(SSL_CTX& context, const Tls& tls);

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};
// "10.0.0.1:4601" or "[fd00::1]:4601".
Result<HostPort> split_host_port(const std::string& text);

}  // namespace skerry::admin
