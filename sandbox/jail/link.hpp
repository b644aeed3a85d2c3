// The socket between the warden and a child that is not a worker yet: SEQPACKET, so that each
// record comes whole and its end is seen. Closed on exec. Internal to sandbox/jail.
#pragma once

#include <sys/types.h>

#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::jail {

struct Link {
    UniqueFd warden_end;
    UniqueFd child_end;
};
Result<Link> make_link();

// Waits for room. 0, or errno. At most kLinkFdsMax descriptors.
inline constexpr std::size_t kLinkFdsMax = 64;
int send_record(int socket, const void* record, std::size_t bytes, const std::vector<int>& fds);

// Waits for a record. Its bytes; 0: the other end is closed; -1: errno. A record that does not fit
// is EMSGSIZE. The descriptors are close-on-exec.
ssize_t receive_record(int socket, void* record, std::size_t bytes, std::vector<UniqueFd>& fds);

}  // namespace skerry::jail
