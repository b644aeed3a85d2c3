// What signatures of versions are about.
#include "control/catalog/catalog.hpp"

namespace skerry::catalog {

signing::Statement statement_of(const std::string& function, const Build& build) {
    return {.function = function,
            .archive = build.archive,
            .runtime = std::string(runtime::kind_name(build.runtime.kind)),
            .handler = build.runtime.handler,
            .environment = build.runtime.environment};
}

std::string Function::signature_of(const std::string& version) const {
    const auto known = signatures.find(version);
    return known == signatures.end() ? std::string() : known->second;
}

}  // namespace skerry::catalog
