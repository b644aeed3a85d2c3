#include "sandbox/warden/transport.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>

#include "sandbox/base/check.hpp"
#include "sandbox/base/records.hpp"

namespace skerry::warden {

int send_message(int socket, const Message& message, const std::vector<int>& fds) {
    SKERRY_CHECK(fds.size() <= kFdsMax);
    SKERRY_CHECK(message.environment_bytes <= sizeof message.environment);
    return send_record(socket, &message, wire_bytes(message), fds, MSG_DONTWAIT);
}

Received receive_message(int socket, Message& message, std::vector<UniqueFd>& fds) {
    const ReceivedRecord got = take_record(socket, &message, sizeof message, fds, MSG_DONTWAIT);
    if (got.error == EAGAIN) return Received::nothing;
    if (got.bytes == 0) return Received::closed;
    const bool whole = (got.error == 0 || got.error == EMFILE) && fds.size() <= kFdsMax &&
                       got.bytes >= offsetof(Message, environment) &&
                       message.environment_bytes <= sizeof message.environment &&
                       got.bytes == wire_bytes(message);
    if (whole && got.error == 0) return Received::message;
    fds.clear();
    return whole ? Received::without_fds : Received::malformed;
}

}  // namespace skerry::warden
