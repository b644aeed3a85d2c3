// The socket between the warden and a child that is not a worker yet (sandbox/base/records.hpp).
// Closed on exec. Internal to sandbox/jail.
#pragma once

#include <sys/types.h>

#include <vector>

#include "sandbox/base/records.hpp"
#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::jail {

struct Link {
    UniqueFd warden_end;
    UniqueFd child_end;
};
Result<Link> make_link();

// Waits for a record (send_record() sends one). Its bytes; 0: the other end is closed; -1: errno,
// and the record was not whole (ReceivedRecord).
ssize_t receive_record(int socket, void* record, std::size_t bytes, std::vector<UniqueFd>& fds);

}  // namespace skerry::jail
