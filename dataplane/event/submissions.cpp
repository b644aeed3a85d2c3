#include "dataplane/event/submissions.hpp"

#include <rte_ring_elem.h>

#include <numeric>
#include <utility>

#include "sandbox/base/check.hpp"

namespace skerry {

EventSubmissions::EventSubmissions(Context& context)
    : context_(context),
      submissions_(context.shared.event_submissions[context.core]),
      verdicts_(context.shared.event_verdicts[context.core]) {
    std::iota(free_.begin(), free_.end(), 0u);
}

EventSubmissions::~EventSubmissions() {
    for (Slot& slot : slots_) rte_pktmbuf_free(slot.message);
}

bool EventSubmissions::submit(rte_mbuf* message, std::uint32_t payload_bytes,
                              http::Exchange client) {
    if (waiting_ == kEventsSubmitted) return false;
    const std::uint32_t slot = free_[kEventsSubmitted - ++waiting_];
    slots_[slot] = {message, client};
    EventSubmission submission{message, payload_bytes, slot};
    const int error = rte_ring_sp_enqueue_elem(submissions_, &submission, sizeof submission);
    SKERRY_CHECK(error == 0);  // it has room for all of them
    context_.ring_events = true;
    return true;
}

bool EventSubmissions::next(http::Exchange& client, EventFate& fate) {
    EventVerdict verdict;
    if (rte_ring_sc_dequeue_elem(verdicts_, &verdict, sizeof verdict) != 0) return false;
    SKERRY_CHECK(verdict.slot < kEventsSubmitted && slots_[verdict.slot].message != nullptr);
    Slot& slot = slots_[verdict.slot];
    rte_pktmbuf_free(std::exchange(slot.message, nullptr));
    free_[kEventsSubmitted - waiting_--] = verdict.slot;
    client = slot.client;
    fate = verdict.fate;
    return true;
}

}  // namespace skerry
