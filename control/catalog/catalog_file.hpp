// catalog.json: its reading and writing. Internal to control/catalog.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "control/catalog/catalog.hpp"

namespace skerry::catalog {

struct Stored {
    std::uint64_t epoch = 1;
    std::map<std::string, Function> functions;
};

std::string render(const Stored& stored);
// Strict: what `render` never writes is damage. The error says where, and does not name the file.
Result<Stored> parse(std::string_view json);

bool is_digest(const std::string& text);
Status validate(const Policy& policy);
// Name, limits, policy, and versions that are digests, different, and contain `current`.
Status validate(const Function& function);

}  // namespace skerry::catalog
