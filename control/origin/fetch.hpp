// Fetches an archive by its digest from an HTTP(S) server. Blocks: for threads that may wait.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::origin {

struct Settings {
    std::vector<std::string> origins;            // see make_target()
    std::string tls_ca;                          // PEM file; empty: the system's
    std::chrono::milliseconds timeout{120'000};  // of all tries together
    std::chrono::milliseconds first_pause{500};  // between two tries; doubles
    std::uint64_t most_bytes = 0;
};

// Read by any thread while a fetch is under way.
struct Progress {
    std::atomic<std::uint64_t> received{0}, bytes{0};  // bytes: 0, not known yet
    std::atomic<std::uint32_t> tries{0};
    std::atomic<bool> cancelled{false};  // to be set by whoever wants an end of it
};

// The bytes, which hash to `digest` (SHA-256, 64 hex digits). What breaks off is resumed. Tried
// again: what a network or a busy server (408, 429, 5xx) may do better the next time; nothing else.
// EINVAL, EACCES: make_target()'s, or an address that is not public; ECANCELED; ETIMEDOUT; EFBIG;
// EBADMSG: they hash to something else; ENOENT: the server says that it is not there; EIO: the
// rest. The text names the URL without its query, which may have a token in it.
Result<std::string> fetch(const Settings& settings, const std::string& url,
                          const std::string& digest, Progress& progress);

// A URL as it may be shown.
std::string shown(const std::string& url);

}  // namespace skerry::origin
