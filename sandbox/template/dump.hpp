// Writing this process's memory into a snapshot.
#pragma once

#include "sandbox/template/layout.hpp"

namespace skerry::snapshot {

// Writes files, areas and contents, and fills the part of `header` that counts and places them; the
// header itself is the caller's to write, when all is well. `exact`: anonymous memory is copied at
// each restore instead of mapped from the snapshot (README.md, "Mapped or copied"). 0 or a
// skerry_snapshot_reason. Uses static memory: one thread, one at a time.
int dump_memory(int memfd, bool exact, Header& header);

}  // namespace skerry::snapshot
