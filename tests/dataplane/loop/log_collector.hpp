// The log collector, as the test plays it: what cores ask it for, and what it says.
#pragma once

#include <rte_ring_elem.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "dataplane/log_events.hpp"
#include "dataplane/shared.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::test {

class PlayedCollector {
  public:
    static constexpr unsigned kRingElements = 4;  // three fit

    void attach(Shared& shared) {
        shared_ = &shared;
        shared.tail_requests[0] = rte_ring_create_elem("tail-requests", sizeof(TailRequest),
                                                       kRingElements, SOCKET_ID_ANY, RING_F_SP_ENQ);
        shared.tail_answers[0] = rte_ring_create_elem("tail-answers", sizeof(TailAnswer),
                                                      kRingElements, SOCKET_ID_ANY, RING_F_SP_ENQ);
        bell_ = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
        shared.tail_bell_fd = bell_.get();
    }
    // When no core turns any more.
    void detach() {
        if (shared_ == nullptr) return;
        rte_ring_free(shared_->tail_requests[0]);
        rte_ring_free(shared_->tail_answers[0]);
    }
    std::optional<TailRequest> asked() {
        TailRequest taken;
        if (rte_ring_dequeue_elem(shared_->tail_requests[0], &taken, sizeof taken) != 0)
            return std::nullopt;
        return taken;
    }
    // False: there is no room for it.
    bool tell(const TailRequest& request, const std::string& tail) {
        TailAnswer answer;
        answer.token = request.token;
        answer.bytes = static_cast<std::uint32_t>(tail.copy(answer.text, sizeof answer.text));
        return rte_ring_enqueue_elem(shared_->tail_answers[0], &answer, sizeof answer) == 0;
    }
    bool rung() {
        std::uint64_t count = 0;
        return ::read(bell_.get(), &count, sizeof count) == sizeof count;
    }

  private:
    Shared* shared_ = nullptr;
    UniqueFd bell_;
};

}  // namespace skerry::test
