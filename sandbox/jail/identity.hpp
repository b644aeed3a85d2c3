// From root to nobody: user namespace, ids, capabilities. Internal to sandbox/jail; runs in the
// child.
#pragma once

#include <cstdint>

#include "sandbox/jail/report.hpp"

namespace skerry::jail {

// Enters a new user namespace, asks the warden for the id maps, waits until it has written them.
void enter_user_namespace(const Reporter& reporter);

// Becomes kInsideUid without any capability, in any set, and without a way back.
void drop_privileges(const Reporter& reporter);

// The warden's part: maps kInsideUid of the process to `host_uid`. 0, or errno.
int write_id_maps(int host_pid, std::uint32_t host_uid);

}  // namespace skerry::jail
