// Artifacts: the bytes of function versions, addressed by their SHA-256, and their unpacked
// folders.
//
//   state_dir/artifacts/DIGEST.blob    the archive as it was deployed (zip or tar)
//   state_dir/artifacts/DIGEST/        unpacked, read-only; has an executable `bootstrap`
//
// Installed atomically: unpacked into a temporary folder, synced, then renamed. Archives are
// hostile: no absolute paths, no "..", no links that leave the folder, no devices, no setuid;
// limits below.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/base/result.hpp"

namespace skerry::catalog {

inline constexpr std::uint64_t kMaxArchiveBytes = 64ull << 20;
inline constexpr std::uint64_t kMaxUnpackedBytes = 256ull << 20;
inline constexpr std::uint64_t kMaxFiles = 10000;

std::string sha256_hex(std::string_view bytes);

class ArtifactStore {
  public:
    static Result<ArtifactStore> open(const std::string& state_dir);

    // Verifies, unpacks, installs. Idempotent. Returns the digest.
    Result<std::string> install(std::string_view archive) const;
    bool holds(const std::string& digest_hex) const;
    std::string folder(const std::string& digest_hex) const;
    Result<std::string> archive_bytes(const std::string& digest_hex) const;
    Status erase(const std::string& digest_hex) const;

  private:
    std::string root_;
};

}  // namespace skerry::catalog
