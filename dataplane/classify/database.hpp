// A Hyperscan database in block mode, and the scratch that a thread scans with. Both are made by
// the control thread; scanning allocates nothing. A scratch is one thread's at a time, and can be
// used with every database that it was made for.
#pragma once

#include <hs/hs_runtime.h>

#include <memory>
#include <string_view>

#include "sandbox/base/check.hpp"

namespace skerry::classify {

struct FreeDatabase {
    void operator()(hs_database_t* database) const { hs_free_database(database); }
};
struct FreeScratch {
    void operator()(hs_scratch_t* scratch) const { hs_free_scratch(scratch); }
};
using Database = std::unique_ptr<hs_database_t, FreeDatabase>;
using Scratch = std::unique_ptr<hs_scratch_t, FreeScratch>;

// `found(id)` for each pattern that matches, once, in no order. It must not scan with the same
// scratch.
template <typename Found>
void scan(const hs_database_t* database, hs_scratch_t* scratch, std::string_view text,
          const Found& found) {
    const auto on_match = [](unsigned int id, unsigned long long, unsigned long long, unsigned int,
                             void* context) {
        (*static_cast<const Found*>(context))(id);
        return 0;
    };
    SKERRY_CHECK(hs_scan(database, text.data(), static_cast<unsigned int>(text.size()), 0, scratch,
                         on_match, const_cast<Found*>(&found)) == HS_SUCCESS);
}

}  // namespace skerry::classify
