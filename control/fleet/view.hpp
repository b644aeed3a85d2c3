// A member's look at its fleet, to be shown.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "control/fleet/record.hpp"

namespace skerry::fleet {

struct View {
    bool joined = false;
    bool fresh = false;  // etcd has just confirmed that what is here is the newest there is
    double age_s = -1;   // since it last did; -1: never
    std::uint64_t revision = 0;
    std::uint64_t lists = 0, compactions = 0;     // watches begun; lost to a compaction
    std::uint64_t taken_over = 0, conflicts = 0;  // changes of others; own ones refused
    std::string error;                            // of etcd, the last one; empty: none now
    std::vector<Member> members;                  // this one among them
    std::vector<std::pair<std::string, std::string>> pending;  // function, why it is not here yet
};

}  // namespace skerry::fleet
