#include "control/lambda_api/gate.hpp"

#include <time.h>

#include "dataplane/http/errors.hpp"
#include "dataplane/http/signed.hpp"

namespace skerry::lambda_api {
namespace {

Answer refusal_of(auth::Verdict verdict) {
    const http::Refusal refusal = http::refusal_of(verdict);
    return error_answer(http::info(refusal).status, std::string(http::error_of(refusal).type),
                        std::string(http::info(refusal).text));
}

}  // namespace

bool Gate::begin(const auth::Request& head, Visit& visit, Request& request, Answer& refusal) {
    visit.keys = functions_.signing_keys();
    const std::lock_guard lock(mutex_);
    verifier_.begin_turn(static_cast<std::uint64_t>(time(nullptr)), visit.keys.get());
    const auth::Verdict verdict = verifier_.begin(head, visit.proof, request.key);
    if (verdict != auth::Verdict::good) {
        refusal = refusal_of(verdict);
        return false;
    }
    visit.body_bytes_max = request.key->manages() ? kBodyBytesMax : kDeniedBodyBytesMax;
    return true;
}

bool Gate::finish(Visit& visit, Request& request, Answer& refusal) {
    const std::lock_guard lock(mutex_);
    const auth::Verdict verdict = verifier_.finish(visit.proof);
    if (verdict != auth::Verdict::good) {
        refusal = refusal_of(verdict);
        return false;
    }
    if (!request.key->manages()) {
        refusal = error_answer(403, "AccessDeniedException",
                               "the access key may invoke functions, not manage them");
        return false;
    }
    request.region = std::string(visit.proof.region.data(), visit.proof.region_bytes);
    return true;
}

}  // namespace skerry::lambda_api
