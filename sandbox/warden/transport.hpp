// One message of protocol.hpp with its descriptors, over a SEQPACKET socket. Internal to
// sandbox/warden; used by both ends.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "sandbox/warden/protocol.hpp"

namespace skerry::warden {

// Copies `text` with its terminating zero; cuts what does not fit.
template <std::size_t N>
void put_text(char (&field)[N], const std::string& text) {
    const std::size_t length = text.size() < N ? text.size() : N - 1;
    std::memcpy(field, text.data(), length);
    std::memset(field + length, 0, N - length);
}

// Never blocks. 0, or errno: EAGAIN (no room), EPIPE (the other end is gone), …
int send_message(int socket, const Message& message, const std::vector<int>& fds);

enum class Received {
    message,
    nothing,    // none there now
    malformed,  // one of the wrong size, or with too many descriptors; it is dropped
    // Whole but for its descriptors: this process has no room for them. None is in `fds`.
    without_fds,
    closed,
};

// Never blocks. Every descriptor that came along is in `fds`, close-on-exec, or closed.
Received receive_message(int socket, Message& message, std::vector<UniqueFd>& fds);

}  // namespace skerry::warden
