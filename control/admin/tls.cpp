#include "control/admin/tls.hpp"

#include <openssl/err.h>

#include <charconv>

namespace skerry::admin {
namespace {

Error tls_error(const std::string& doing) {
    char text[256] = "unknown";
    const unsigned long code = ERR_get_error();
    if (code != 0) ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return Error{0, doing + ": " + text};
}

}  // namespace

Status configure_tls(SSL_CTX& context, const Tls& tls) {
    ERR_clear_error();
    if (SSL_CTX_set_min_proto_version(&context, TLS1_3_VERSION) != 1) return tls_error("TLS 1.3");
    if (SSL_CTX_use_certificate_chain_file(&context, tls.cert.c_str()) != 1)
        return tls_error("tls_cert " + tls.cert);
    if (SSL_CTX_use_PrivateKey_file(&context, tls.key.c_str(), SSL_FILETYPE_PEM) != 1)
        return tls_error("tls_key " + tls.key);
    if (SSL_CTX_check_private_key(&context) != 1)
        return tls_error("tls_key " + tls.key + " does not belong to tls_cert " + tls.cert);
    if (SSL_CTX_load_verify_file(&context, tls.ca.c_str()) != 1)
        return tls_error("tls_ca " + tls.ca);
    SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // No resumption: each connection shows its certificate.
    SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(&context, 0);
    return ok();
}

Result<HostPort> split_host_port(const std::string& text) {
    const Error wrong{EINVAL, "found \"" + text.substr(0, 80) +
                                  "\", needed an IP address with a port, like \"10.0.0.1:4601\" or "
                                  "\"[fd00::1]:4601\""};
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return wrong;
    std::string host = text.substr(0, colon);
    if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    unsigned port = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (host.empty() || error != std::errc{} || at != end || port < 1 || port > 65535) return wrong;
    return HostPort{std::move(host), static_cast<std::uint16_t>(port)};
}

}  // namespace skerry::admin
