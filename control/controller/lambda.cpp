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
    std::vector<Function> all;
    for_each_function([&](const Function& each) { all.push_back(each); });
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

// With storing_: before a change that makes a function need a row.
Status Controller::row_for_change(const Function& changed, std::optional<std::uint32_t>& row) {
    const std::lock_guard lock(mutex_);
    const auto at = deployed_.find(changed.name);
    if (at == deployed_.end() || at->second.index != kCommonRow || why_own_row(changed).empty())
        return ok();
    row = take_row(changed);
    return row ? ok() : no_row(changed);
}

// Once it is changed. It may have got one otherwise meanwhile.
void Controller::take_changed_row(const Function& changed, std::optional<std::uint32_t> row) {
    if (!row) return;
    Deployed& deployed = deployed_.at(changed.name);
    if (deployed.index != kCommonRow) return indices_.give_back(*row);
    give_row(changed, *row, merged_.per_s(deployed.key));
    open_here(changed, deployed);
}

ApiResult<Function> Controller::change(const std::string& name, const lambda_api::Edit& edit) {
    std::optional<admin::ApiError> refusal;
    Function changed;
    std::uint64_t publication = 0;
    std::optional<std::uint32_t> row;  // taken for it, if it needs one now and has none
    const Status stored = store(
        [&](catalog::Draft& draft) -> Status {
            const catalog::Function* there = draft.find(name);
            if (there == nullptr) return Error{ENOENT, "no function is called that"};
            changed = *there;
            changed.details.modified_ms = unix_ms();
            changed.details.revision = draft.epoch + 1;
            refusal = edit(there, changed);
            if (refusal) return Error{ECANCELED, refusal->message};
            if (const Status replaced = draft.replace(changed); !replaced) return replaced;
            return row_for_change(changed, row);
        },
        [&] {
            take_changed_row(changed, row);
            publication = publish();
            nudge();
        });
    if (!stored && row) {
        const std::lock_guard lock(mutex_);
        indices_.give_back(*row);
    }
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
