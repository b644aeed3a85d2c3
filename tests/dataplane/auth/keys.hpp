// Access keys for tests.
#pragma once

#include "dataplane/auth/access_keys.hpp"
#include "tests/dataplane/auth/signer.hpp"

namespace skerry::auth::testing {

inline AccessKeySpec spec_of(const Client& client) {
    return {.id = client.id, .secret = client.secret, .functions = {"*"}};
}

}  // namespace skerry::auth::testing
