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
// Mutual TLS on "host:port".
Result<std::unique_ptr<Server>> start_management(const std::string& listen, const Tls& tls,
                                                 Backend& backend);

// A POP's client of one region's management API. Used by the controller from threads of its own:
// calls block, at most `timeout_ms` each.
struct HeldVersion {
    std::string function;
    std::string version;  // digest
};
struct HeldVersions {
    std::uint64_t boot_id = 0;
    std::uint64_t catalog_epoch = 0;
    std::vector<HeldVersion> versions;
};
class ManagementClient {
  public:
    ManagementClient(std::string address, Tls tls, std::uint32_t timeout_ms);
    Result<HeldVersions> versions() const;
    Status push(const DeployRequest& request, std::string_view archive) const;
    Status erase(const std::string& name) const;

  private:
    std::string address_;
    Tls tls_;
    std::uint32_t timeout_ms_;
};

}  // namespace skerry::admin
