// Routes as they are published with the snapshot: the table, and the function of each route.
#pragma once

#include <string>
#include <vector>

#include "dataplane/classify/table.hpp"

namespace skerry::classify {

struct Callee {
    std::string function, qualifier;
    bool is_public = false;  // else requests must be signed, by who may invoke the function
};

// Immutable but for each core's scratch. Who derives from it keeps the table.
struct Published {
    const Table* table = nullptr;
    std::vector<Callee> callees;  // by Row::route

    Published() = default;
    Published(const Published&) = delete;
    Published& operator=(const Published&) = delete;
    virtual ~Published() = default;
};

}  // namespace skerry::classify
