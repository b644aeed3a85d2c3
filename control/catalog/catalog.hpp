// The catalog: which functions exist, in which versions, and who holds them. Owned by the control
// thread alone. Kept in `state_dir`/catalog.json, replaced atomically (write, fsync, rename) with
// each change; artifacts are beside it, see artifacts.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/snapshot/snapshot.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::catalog {

inline constexpr std::size_t kMaxNameBytes = 63;     // of a function: [a-zA-Z0-9_-], 1 … 63
inline constexpr std::size_t kMaxVersionsKept = 16;  // of one function; older ones are forgotten

struct Limits {
    std::uint32_t memory_mib = 128;           // 16 … 4096
    std::uint32_t timeout_ms = 3000;          // 1 … 900000
    std::uint32_t concurrency = 1;            // slots in one worker's channel: 1 … 64
    std::uint32_t warm_min = 0;               // workers kept ready: 0 … 64
    std::uint32_t warm_max = 4;               // workers at most: max(1, warm_min) … 64
    std::uint32_t max_payload_bytes = 65536;  // request and response: 1 … 6291456
    std::uint32_t cold_cost_ms = 0;           // 0: as measured
    bool operator==(const Limits&) const = default;
};

struct Policy {
    Place place = Place::automatic;
    RetryPolicy retry = RetryPolicy::unstarted;
    std::vector<std::string> regions;  // where it is replicated to; empty: all regions
    bool operator==(const Policy&) const = default;
};

struct Function {
    std::string name;
    Limits limits;
    Policy policy;
    std::string current;                // digest, 64 hex digits
    std::vector<std::string> versions;  // digests, oldest first; contains `current`
};

// First 8 bytes, big-endian, of SHA-256(name): Header::function_key. Never 0 (then 1).
std::uint64_t function_key(const std::string& name);
// First 8 bytes of a digest: Header::qualifier of an explicit version. Never 0 (then 1).
std::uint64_t version_key(const std::string& digest_hex);

Status validate_name(const std::string& name);
Status validate(const Limits& limits);

class Catalog {
  public:
    // Opens or creates. A damaged file is an error that names it; it is never overwritten silently.
    static Result<Catalog> open(const std::string& state_dir);

    const std::map<std::string, Function>& functions() const { return functions_; }
    const Function* find(const std::string& name) const;

    // Adds or updates; makes `digest` current. Refuses a name whose key collides with another's,
    // and more than kMaxFunctions. Persisted when this returns.
    Status put(const Function& function);
    Status erase(const std::string& name);

    // Grows with each change, across restarts.
    std::uint64_t epoch() const { return epoch_; }

  private:
    std::string path_;
    std::map<std::string, Function> functions_;
    std::uint64_t epoch_ = 1;
    Status save() const;
};

}  // namespace skerry::catalog
