// Artifacts that this server fetches from their origins. Called on HTTP threads; the control lock
// is held only to look at or change the list, and the turn of deploys is not taken: a slow origin
// delays no other deploy. Regions get the bytes from here, as with every deploy.
#include <algorithm>

#include "control/controller/controller.hpp"
#include "control/origin/target.hpp"

namespace skerry::control {
namespace {

using Bytes = admin::ApiResult<std::string>;

constexpr std::size_t kAtOnce = 4;  // each has an archive in memory
constexpr std::size_t kRemembered = 32;

Bytes refuse(int status, const std::string& code, const std::string& message) {
    return Bytes::failure({status, code, message, {}});
}

Bytes refusal_of(const Error& error) {
    switch (error.code) {
        case EINVAL:
            return refuse(400, "bad-origin", error.text);
        case EACCES:
            return refuse(403, "origin-not-allowed", error.text);
        case EBADMSG:
            return refuse(409, "digest-mismatch", error.text);
        case EFBIG:
            return refuse(413, "too-large", error.text);
        case ECANCELED:
            return refuse(503, "stopping", error.text);
        case ETIMEDOUT:
            return refuse(504, "fetch-failed", error.text);
        default:
            return refuse(502, "fetch-failed", error.text);
    }
}

}  // namespace

std::vector<admin::FetchView> Controller::fetches() {
    const std::lock_guard lock(mutex_);
    std::vector<admin::FetchView> views;
    for (const Fetching& each : fetches_) {
        views.push_back(each.view);
        views.back().received_bytes = each.progress->received;
        views.back().bytes = each.progress->bytes;
        views.back().tries = each.progress->tries;
    }
    return views;
}

// EBUSY: too many, or the same one, are under way. ECANCELED.
Result<std::list<Controller::Fetching>::iterator> Controller::begin_fetch(
    const admin::DeployRequest& request) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ECANCELED, "this server is stopping"};
    const auto under_way = [](const Fetching& each) { return each.view.state == "fetching"; };
    for (const Fetching& each : fetches_)
        if (under_way(each) && each.view.digest == request.digest)
            return Error{EBUSY, "this artifact is being fetched already; try again later"};
    if (static_cast<std::size_t>(std::count_if(fetches_.begin(), fetches_.end(), under_way)) >=
        kAtOnce)
        return Error{EBUSY, std::to_string(kAtOnce) +
                                " artifacts are being fetched, the most at once; try again later"};
    if (fetches_.size() >= kRemembered)
        fetches_.erase(std::find_if_not(fetches_.begin(), fetches_.end(), under_way));
    fetches_.push_back({{.function = request.name,
                         .origin = origin::shown(request.origin),
                         .digest = request.digest,
                         .state = "fetching",
                         .error = {}},
                        std::make_shared<origin::Progress>()});
    return std::prev(fetches_.end());
}

// What can be refused is refused before anything is asked for: the digest is known.
Bytes Controller::archive_of(const admin::DeployRequest& request) {
    if (auto refusal = judge_deploy(request)) return Bytes::failure(std::move(*refusal));
    admin::DeployRequest judged = request;
    if (auto refusal = judge_signature(judged)) return Bytes::failure(std::move(*refusal));
    const auto target = origin::make_target(request.origin, config_.artifacts.origins);
    if (!target) return refusal_of(target.error());
    if (artifacts_.holds(request.digest))
        if (auto there = artifacts_.archive_bytes(request.digest))
            return {std::move(*there), true, {}};
    const auto mine = begin_fetch(request);
    if (!mine)
        return mine.error().code == EBUSY ? refuse(409, "busy", mine.error().text)
                                          : refusal_of(mine.error());
    const origin::Settings settings{
        .origins = config_.artifacts.origins,
        .tls_ca = config_.artifacts.tls_ca,
        .timeout = std::chrono::seconds(config_.artifacts.fetch_timeout_s),
        .most_bytes = catalog::kMaxArchiveBytes};
    const auto progress = (*mine)->progress;
    auto fetched = origin::fetch(settings, request.origin, request.digest, *progress);
    const std::lock_guard lock(mutex_);
    (*mine)->view.state = fetched ? "fetched" : "failed";
    if (!fetched) (*mine)->view.error = fetched.error().text;
    return fetched ? Bytes{std::move(*fetched), true, {}} : refusal_of(fetched.error());
}

}  // namespace skerry::control
