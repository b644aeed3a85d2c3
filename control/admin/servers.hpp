// The two HTTP servers of a skerryd (API.md). Each runs in threads of its own and calls the
// Backend.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/admin/backend.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::admin {

struct Tls {
    std::string cert, key, ca;  // PEM files
};

class Server {
  public:
    virtual ~Server() = default;  // stops and joins
};

// On a Unix socket, mode 0600. A stale socket file is replaced; one that answers is an error.
Result<std::unique_ptr<Server>> start_admin(const std::string& socket_path, Backend& backend);
// Mutual TLS on "host:port". `for_fleet`: artifacts alone.
Result<std::unique_ptr<Server>> start_management(const std::string& listen, const Tls& tls,
                                                 Backend& backend, bool for_fleet = false);

// A POP's client of one region's management API, or of another member's of its fleet. Used by the
// controller from threads of its own: calls block. An error with code 0 is the region's answer,
// with ENOENT its answer that it knows no such function, with any other code the way there is
// broken.
class ManagementClient {
  public:
    // A call takes `timeout_ms` at most; a push may take push_timeout_ms() of its archive.
    // `start_timeout_ms`: how long a worker of it may take to start there.
    ManagementClient(std::string address, Tls tls, std::uint32_t timeout_ms,
                     std::uint32_t start_timeout_ms = 0);
    Result<HeldVersions> versions() const;
    // `sent`: counts the bytes up, if there is one.
    Status push(const DeployRequest& request, std::string_view archive,
                std::atomic<std::uint64_t>* sent = nullptr) const;
    Status erase(const std::string& name) const;
    // Its bytes, which hash to the digest. ENOENT: it is not there.
    Result<std::string> artifact(const std::string& digest) const;
    std::uint32_t push_timeout_ms(std::size_t archive_bytes) const;
    // Any thread. Calls under way, and all later ones, end at once with ECANCELED.
    void cancel() const;

    struct Cancelled;

  private:
    std::string address_;
    Tls tls_;
    std::uint32_t timeout_ms_;
    std::uint32_t start_timeout_ms_;
    std::shared_ptr<Cancelled> cancelled_;
};

}  // namespace skerry::admin
