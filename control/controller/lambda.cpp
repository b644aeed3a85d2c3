// Lambda's management calls: what they need of the catalog, and changes of it that need no new
// version.
#include <chrono>

#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

using admin::ApiResult;
using catalog::Function;

constexpr std::chrono::seconds kGraceTimeout{10};

ApiResult<Function> refuse(int status, const std::string& code, const std::string& message) {
    return ApiResult<Function>::failure({status, code, message, {}});
}

std::int64_t unix_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

std::shared_ptr<const auth::AccessKeys> Controller::signing_keys() {
    const std::lock_guard lock(mutex_);
    return keys_;
}

std::optional<Function> Controller::find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const Function* function = catalog_.find(name);
    return function == nullptr ? std::nullopt : std::optional(*function);
}

std::vector<Function> Controller::all() {
    const std::lock_guard lock(mutex_);
    std::vector<Function> all;
    for (const auto& [name, function] : catalog_.functions()) all.push_back(function);
    return all;
}

std::uint64_t Controller::archive_size(const std::string& digest) {
    return artifacts_.archive_size(digest);
}

ApiResult<Function> Controller::deploy(const admin::DeployRequest& request,
                                       std::string_view archive, const lambda_api::Edit& edit) {
    const auto outcome = deploy_edited(request, archive, &edit);
    if (!outcome.ok) return ApiResult<Function>::failure(outcome.error);
    auto made = find(request.name);
    if (!made) return refuse(404, "no-such-function", "it has been deleted meanwhile");
    return {std::move(*made), true, {}};
}

ApiResult<Function> Controller::change(const std::string& name, const lambda_api::Edit& edit) {
    std::optional<admin::ApiError> refusal;
    Function changed;
    std::uint64_t publication = 0;
    const Status stored = store(
        [&](catalog::Draft& draft) -> Status {
            const catalog::Function* there = draft.find(name);
            if (there == nullptr) return Error{ENOENT, "no function is called that"};
            changed = *there;
            changed.details.modified_ms = unix_ms();
            changed.details.revision = draft.epoch + 1;
            refusal = edit(there, changed);
            if (refusal) return Error{ECANCELED, refusal->message};
            return draft.replace(changed);
        },
        [&] {
            publication = publish();
            nudge();
        });
    if (refusal) return ApiResult<Function>::failure(std::move(*refusal));
    if (!stored)
        return stored.error().code == ENOENT
                   ? refuse(404, "no-such-function", stored.error().text)
                   : ApiResult<Function>::failure(store_refusal(stored.error()));
    Lock lock(mutex_);
    if (!changed_.wait_for(lock, kGraceTimeout,
                           [&] { return reclaimer_.passed(publication) || stopping_; }))
        return refuse(504, "cores-stuck", "a core did not take the new snapshot in time");
    return {std::move(changed), true, {}};
}

}  // namespace skerry::control
