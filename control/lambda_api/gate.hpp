// Who asks: the signature of each request, judged by the packet path's own verifier
// (dataplane/auth) against the same access keys. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "control/lambda_api/api.hpp"
#include "control/lambda_api/functions.hpp"
#include "dataplane/auth/verifier.hpp"

namespace skerry::lambda_api {

// What a request of this API may have as its body: AWS's own limit, of a zip in base64.
inline constexpr std::size_t kBodyBytesMax = 70'167'211;
// Of one that can't be allowed anything: enough for its signature to be judged.
inline constexpr std::size_t kDeniedBodyBytesMax = 1 << 20;

class Gate {
  public:
    // `region`: the only one that signatures may be for; empty: any.
    Gate(Functions& functions, const std::string& region)
        : functions_(functions), verifier_(region) {}

    // One request on its way in; its own thread's.
    struct Visit {
        std::shared_ptr<const auth::AccessKeys> keys;
        auth::Proof proof;
        std::size_t body_bytes_max = 0;
    };
    // Of the head. True: go on with the body, each piece of it to visit.proof.update(). False:
    // `refusal` says why.
    bool begin(const auth::Request& head, Visit& visit, Request& request, Answer& refusal);
    // The body has come. True: `request.key` and `request.region` are whose it is.
    bool finish(Visit& visit, Request& request, Answer& refusal);

  private:
    Functions& functions_;
    std::mutex mutex_;
    auth::Verifier verifier_;
};

}  // namespace skerry::lambda_api
