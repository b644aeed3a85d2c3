// The HTTP server of Lambda's management calls: plain HTTP on a socket of the kernel's, in threads
// of its own.
#pragma once

#include <memory>
#include <string>

#include "control/admin/servers.hpp"
#include "control/lambda_api/functions.hpp"

namespace skerry::lambda_api {

// On "host:port". `signing_region`: see Gate.
Result<std::unique_ptr<admin::Server>> start(const std::string& listen,
                                             const std::string& signing_region,
                                             Functions& functions);

}  // namespace skerry::lambda_api
