// One HTTP client over libcurl: POST, whole or as a stream, given up from another thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::etcd {

// Of an https endpoint: whom we trust, and who we are. PEM files; empty: the system's CAs, nobody.
struct Tls {
    std::string ca, cert, key;
};

class Http {
  public:
    // Takes a piece of the answer's body; false: no more of it.
    using Sink = std::function<bool(int http_status, std::string_view piece)>;

    explicit Http(Tls tls);
    ~Http();
    Http(const Http&) = delete;
    Http& operator=(const Http&) = delete;

    // The HTTP status, when the answer has come to its end or the sink has had enough. One thread
    // at a time. `timeout_ms`: for all of it; 0: as long as it takes. Errors: ECANCELED; ETIMEDOUT;
    // ECONNREFUSED, it has certainly not been sent; EIO, it may have been.
    Result<int> post(const std::string& url, const std::vector<std::string>& headers,
                     const std::string& body, std::uint32_t connect_ms, std::uint32_t timeout_ms,
                     const Sink& sink);

    // Any thread. The call under way, and all later ones, end at once, until resume().
    void cancel();
    void resume() { cancelled_ = false; }

  private:
    struct Handles;
    std::unique_ptr<Handles> handles_;
    Tls tls_;
    std::atomic<bool> cancelled_{false};
};

}  // namespace skerry::etcd
