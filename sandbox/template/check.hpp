// Whether the restorer may act on a snapshot's tables. Freestanding: part of the restorer.
#pragma once

#include "sandbox/template/layout.hpp"

namespace skerry::snapshot {

// The tables of one snapshot, wherever they are mapped.
struct Tables {
    const Header* header;
    const File* files;  // kFilesMax of them
    const Area* areas;  // kAreasMax of them
};

// nullptr: every area is within the addresses of a process and above the restorer's own, no two
// overlap, all contents are within `file_bytes` (the memfd's size), all indices and texts within
// their tables. Otherwise what is wrong, a static text. That the contents make sense is not
// checked: they are whatever the untrusted template had.
const char* flaw(const Tables& tables, uint64_t file_bytes);

}  // namespace skerry::snapshot
