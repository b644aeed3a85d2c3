// httplib's server, with connections of our own: one that does not say anything soon is closed, and
// all of them can be ended at once. httplib's wait for a TLS handshake as long as for anything
// else, so a handful of silent callers would keep every thread.
#pragma once

// Before httplib: a system header it includes defines a macro STATUS.
#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "control/admin/servers.hpp"

#include <httplib.h>

namespace skerry::admin {

inline constexpr int kHandshakeTimeout_ms = 3000;
inline constexpr int kFirstByteTimeout_ms = 3000;  // after the handshake, if there is one
inline constexpr int kIoTimeout_ms = 30000;        // without a byte, either way
// Of the threads, one address gets so many before it has shown a certificate; more connections of
// it are closed. A POP has one call at a time.
inline constexpr unsigned kMostStrangers = 4;

using SslContext = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;

class HttpServer : public httplib::Server {
  public:
    // `tls` null: plain connections.
    explicit HttpServer(SslContext tls = {nullptr, SSL_CTX_free}) : tls_(std::move(tls)) {}

    // bind_to_port(), with a backlog that a burst of callers does not fill: httplib's is 5.
    bool bind(const std::string& host, int port);
    // Ends every connection, also those that wait for a thread or come later. Any thread. Then
    // stop() has nothing to wait for but handlers.
    void end_connections();

  private:
    bool process_and_close_socket(socket_t fd) override;
    void serve(int fd);
    bool admit(const std::string& address);
    void let_go(const std::string& address);

    SslContext tls_;
    std::mutex mutex_;
    std::set<int> open_;
    std::map<std::string, unsigned> strangers_;  // address → connections in their handshake
    bool ended_ = false;
};

}  // namespace skerry::admin
