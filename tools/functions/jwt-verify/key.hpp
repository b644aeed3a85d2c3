// The public key that tokens are verified with.
#pragma once

#include <openssl/evp.h>

#include <string>

namespace skerry::functions {

// From public.pem in the artifact (which is the working directory), else the built-in one. Null:
// `why` says what is wrong with it. The caller frees it.
EVP_PKEY* load_public_key(std::string& why);

}  // namespace skerry::functions
