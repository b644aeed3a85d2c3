// A blocking client of one server over the kernel's UDP: sends a request, answers the server's
// challenge, retransmits with the same request id, and returns the reply. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/wire/message.hpp"
#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "tools/client/codec.hpp"
#include "tools/client/endpoint.hpp"
#include "tools/client/retransmit.hpp"

namespace skerry::client {

inline constexpr std::uint32_t kMaxDeadlineMs = 900000;
inline constexpr std::uint32_t kMaxChallenges = 4;  // answered for one invocation

struct Invocation {
    std::uint64_t function_key = 0;
    std::uint64_t qualifier = 0;       // 0: the current version
    std::string_view payload;          // at most kMaxPayloadBytes
    std::uint32_t deadline_ms = 3000;  // 1 … kMaxDeadlineMs
    wire::RequestId id;                // {0, 0}: a random one
    bool want_accepted = false;
    bool want_tail = false;
    bool idempotent = false;
    bool retransmit = true;
    Backoff backoff;
};

struct Reply {
    std::uint8_t status = 0;  // ReplyStatus, or a code this client does not know: status_name()
    std::string payload;
    std::string tail;               // of the log, if it was wanted: any bytes
    std::string place;              // "pop" or a region's name
    std::uint64_t version_key = 0;  // 0: nothing was executed
    std::uint16_t flags = 0;        // wire::flag
    std::uint8_t attempts = 0;
    std::uint8_t busy = 0;
    std::uint32_t queue_us = 0;
    std::uint32_t run_us = 0;
    wire::RequestId id;
    // As seen from here.
    std::uint64_t elapsed_us = 0;
    std::uint32_t transmissions = 0;
    std::uint32_t challenges = 0;
    bool accepted = false;  // the server said meanwhile that it had started
};

class UdpClient {
  public:
    static Result<UdpClient> connect(const Endpoint& server);

    // Returns when the reply is there. The cookie is kept for the next call. Errors come after the
    // deadline and a little more, in which the server's own "deadline exceeded" can arrive:
    //   EHOSTUNREACH  nothing was heard, not even a challenge
    //   ECONNREFUSED  the same, and the host said that nobody listens
    //   ETIMEDOUT     the server was heard, but not its answer: it may have executed the request
    // and at once: EMSGSIZE (too large for the path), EINVAL, others of send() and recv().
    Result<Reply> invoke(const Invocation& invocation);

    std::uint64_t cookie() const { return cookie_; }
    int fd() const { return socket_.get(); }

  private:
    explicit UdpClient(UniqueFd socket) : socket_(std::move(socket)) {}
    UniqueFd socket_;
    std::uint64_t cookie_ = 0;
};

// From the kernel's random numbers; never {0, 0}.
wire::RequestId random_request_id();

std::uint64_t now_us();  // CLOCK_MONOTONIC

}  // namespace skerry::client
