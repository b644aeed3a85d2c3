// [[access_key]], and the files that their secrets are in. Internal to control/config but for
// load_secrets().
#pragma once

#include <string>
#include <vector>

#include "control/config/config.hpp"
#include "control/config/reader.hpp"
#include "dataplane/auth/access_keys.hpp"

namespace skerry::config {

inline constexpr std::size_t kAccessKeysMax = auth::kAccessKeysMax;
inline constexpr char kSigningRegionAllowed[] = "1 to 32 characters of a-z, 0-9 and -";

bool is_signing_region(const std::string& text);
void read_access_key(const toml::table& table, std::size_t index, Config& config,
                     Problems& problems);

// Reads a secret's file: a regular file of this user or root, that no group and nobody else may
// read. White space around the secret is left out. The error never has any of what is in it. Blocks
// on the disk.
Result<std::string> read_secret(const std::string& path, std::size_t least_bytes,
                                std::size_t most_bytes);
// Each key's. The error names key and file.
Result<std::vector<auth::AccessKeySpec>> load_secrets(const std::vector<AccessKey>& keys);

}  // namespace skerry::config
