// What the calls need of the control thread, in memory: the catalog's own State, and archives that
// are whatever bytes were sent.
#pragma once

#include <map>
#include <string>

#include "control/catalog/artifacts.hpp"
#include "control/lambda_api/functions.hpp"

namespace skerry::lambda_api {

class MemoryFunctions : public Functions {
  public:
    explicit MemoryFunctions(const std::vector<auth::AccessKeySpec>& keys = {})
        : keys_(std::make_shared<const auth::AccessKeys>(1, keys)) {}

    void publish_keys(std::uint64_t generation, const std::vector<auth::AccessKeySpec>& keys) {
        keys_ = std::make_shared<const auth::AccessKeys>(generation, keys);
    }
    std::shared_ptr<const auth::AccessKeys> signing_keys() override { return keys_; }
    std::optional<catalog::Function> find(const std::string& name) override {
        const auto at = state.functions.find(name);
        if (at == state.functions.end()) return std::nullopt;
        return at->second;
    }
    std::vector<catalog::Function> all() override {
        std::vector<catalog::Function> all;
        for (const auto& [name, function] : state.functions) all.push_back(function);
        return all;
    }
    std::uint64_t archive_size(const std::string& digest) override {
        return archives.count(digest) == 0 ? 0 : archives.at(digest).size();
    }
    Result<std::string> archive(const std::string& digest) override { return archives.at(digest); }

    admin::ApiResult<catalog::Function> deploy(const admin::DeployRequest& request,
                                               std::string_view archive,
                                               const Edit& edit) override {
        using R = admin::ApiResult<catalog::Function>;
        if (refuse_deploys) return R::failure(*refuse_deploys);
        const std::string digest = catalog::sha256_hex(archive);
        const auto before = find(request.name);
        catalog::Function next = before.value_or(catalog::Function{});
        next.name = request.name;
        next.limits = request.limits;
        next.policy = request.policy;
        next.current = next.set_build({digest, request.runtime});
        std::erase(next.versions, next.current);
        next.versions.push_back(next.current);
        catalog::forget_oldest(next);
        stamp(next);
        if (auto refusal = edit(before ? &*before : nullptr, next))
            return R::failure(std::move(*refusal));
        catalog::Draft draft(state);
        if (const Status put = draft.put(next); !put)
            return R::failure({507, "catalog", put.error().text, {}});
        state.take(draft);
        archives[digest] = archive;
        return {state.functions.at(request.name), true, {}};
    }
    admin::ApiResult<catalog::Function> change(const std::string& name, const Edit& edit) override {
        using R = admin::ApiResult<catalog::Function>;
        const auto before = find(name);
        if (!before) return R::failure({404, "no-such-function", "no", {}});
        catalog::Function next = *before;
        stamp(next);
        if (auto refusal = edit(&*before, next)) return R::failure(std::move(*refusal));
        catalog::Draft draft(state);
        if (const Status put = draft.replace(next); !put)
            return R::failure({507, "catalog", put.error().text, {}});
        state.take(draft);
        return {next, true, {}};
    }
    admin::ApiResult<admin::EraseOutcome> erase(const std::string& name) override {
        using R = admin::ApiResult<admin::EraseOutcome>;
        catalog::Draft draft(state);
        if (!draft.erase(name)) return R::failure({404, "no-such-function", "no", {}});
        state.take(draft);
        return {{name, {}}, true, {}};
    }

    catalog::State state;
    std::map<std::string, std::string> archives;
    std::optional<admin::ApiError> refuse_deploys;

  private:
    void stamp(catalog::Function& function) {
        function.details.revision = ++state.epoch;
        function.details.modified_ms = 1'700'000'000'123;
    }
    std::shared_ptr<const auth::AccessKeys> keys_;
};

}  // namespace skerry::lambda_api
