// Artifacts: the bytes of function versions, addressed by their SHA-256, and their unpacked
// folders.
//
//   state_dir/artifacts/DIGEST.blob    the archive as it was deployed (zip or tar)
//   state_dir/artifacts/DIGEST/        unpacked, read-only; has what its runtime starts with
//
// Installed atomically: unpacked into a temporary folder, synced, then renamed. Archives are
// hostile: no absolute paths, no "..", no links that leave the folder, no devices, no setuid;
// limits below.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "control/catalog/runtime.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::catalog {

inline constexpr std::uint64_t kMaxArchiveBytes = 64ull << 20;
inline constexpr std::uint64_t kMaxUnpackedBytes = 256ull << 20;
inline constexpr std::uint64_t kMaxFiles = 10000;

std::string sha256_hex(std::string_view bytes);

// An install failed because of the archive, not of this machine (a full disk, no more files, …).
bool is_archives_fault(const Error& error);

class ArtifactStore {
  public:
    static Result<ArtifactStore> open(const std::string& state_dir);

    // Verifies, unpacks, checks that the runtime finds in it what it starts with, installs.
    // Idempotent. Returns the digest. is_archives_fault() tells whose fault an error is.
    Result<std::string> install(std::string_view archive, const Runtime& runtime = {}) const;
    bool holds(const std::string& digest_hex) const;
    std::string folder(const std::string& digest_hex) const;
    // The other way round.
    static std::string digest_of(const std::string& folder) {
        return folder.substr(folder.rfind('/') + 1);
    }
    Result<std::string> archive_bytes(const std::string& digest_hex) const;
    // Bytes; 0: it is not there.
    std::uint64_t archive_size(const std::string& digest_hex) const;
    Status erase(const std::string& digest_hex) const;
    // Digests of which the archive, the folder or both are there.
    std::set<std::string> list() const;

  private:
    std::string root_;
};

}  // namespace skerry::catalog
