// Aliases: names of versions, known to this server alone. A forwarded request names the version
// that the alias stands for, so regions need not know.
#include <algorithm>

#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

using admin::AliasOutcome;
using admin::ApiResult;

constexpr std::chrono::seconds kGraceTimeout{10};

std::optional<ApiResult<AliasOutcome>> refuse(const Error& error) {
    switch (error.code) {
        case ENOENT:
            return ApiResult<AliasOutcome>::failure({404, "no-such-version", error.text, {}});
        case EINVAL:
            return ApiResult<AliasOutcome>::failure({400, "bad-name", error.text, {}});
        case ENOSPC:
            return ApiResult<AliasOutcome>::failure({409, "too-many-aliases", error.text, {}});
        default:
            return std::nullopt;
    }
}

}  // namespace

ApiResult<AliasOutcome> Controller::alias(const std::string& name, const std::string& alias,
                                          const std::string& version) {
    AliasOutcome outcome{.function = name, .alias = alias, .version = {}};
    std::uint64_t publication = 0;
    const Status stored = store(
        [&](catalog::Draft& draft) -> Status {
            const catalog::Function* function = draft.find(name);
            if (function != nullptr && function->aliases.count(alias) != 0)
                outcome.version = function->aliases.at(alias);
            if (version.empty()) return draft.erase_alias(name, alias);
            const Status set = draft.set_alias(name, alias, version);
            if (set) outcome.version = draft.find(name)->aliases.at(alias);
            return set;
        },
        [&] {
            publication = publish();
            nudge();
        });
    if (!stored)
        return refuse(stored.error())
            .value_or(ApiResult<AliasOutcome>::failure(store_refusal(stored.error())));
    Lock lock(mutex_);
    if (!changed_.wait_for(lock, kGraceTimeout,
                           [&] { return reclaimer_.passed(publication) || stopping_; }))
        return ApiResult<AliasOutcome>::failure(
            {504, "cores-stuck", "a core did not take the new snapshot in time", {}});
    return {std::move(outcome), true, {}};
}

}  // namespace skerry::control
