// Functions, versions and aliases as Lambda's clients read them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "control/catalog/catalog.hpp"

namespace skerry::lambda_api {

inline constexpr const char* kLatest = "$LATEST";

// "arn:aws:lambda:REGION:000000000000:function:NAME", and ":QUALIFIER" if there is one.
std::string arn_of(const std::string& region, const std::string& name,
                   const std::string& qualifier = {});

// A text of 36 characters that is another one for each revision.
std::string revision_id(const std::string& name, std::uint64_t revision);
// "2026-01-31T12:00:00.000+0000"
std::string time_text(std::int64_t unix_ms);

// One version of a function. `number` 0: $LATEST, or one that has none. `qualifier`: how it was
// asked for, and what the ARN ends with; empty: without any.
struct Version {
    const catalog::Function& function;
    std::string digest;
    std::uint32_t number = 0;
    std::string qualifier = {};
};
nlohmann::json configuration_json(const Version& version, std::uint64_t code_bytes,
                                  const std::string& region);
nlohmann::json alias_json(const catalog::Function& function, const std::string& alias,
                          const std::string& region);

}  // namespace skerry::lambda_api
