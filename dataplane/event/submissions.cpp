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

bool EventSubmissions::submit(rte_mbuf* message, std::uint32_t payload_bytes, http::Exchange client,
                              std::uint32_t dedup_entry) {
    if (waiting_ == kEventsSubmitted) return false;
    const std::uint32_t slot = free_[kEventsSubmitted - ++waiting_];
    slots_[slot] = {message, client, dedup_entry};
    EventSubmission submission{message, payload_bytes, slot};
    const int error = rte_ring_sp_enqueue_elem(submissions_, &submission, sizeof submission);
    SKERRY_CHECK(error == 0);  // it has room for all of them
    context_.ring_events = true;
    return true;
}

bool EventSubmissions::next(Verdict& verdict) {
    EventVerdict said;
    if (rte_ring_sc_dequeue_elem(verdicts_, &said, sizeof said) != 0) return false;
    SKERRY_CHECK(said.slot < kEventsSubmitted && slots_[said.slot].message != nullptr);
    Slot& slot = slots_[said.slot];
    if (slot.dedup_entry != kNoDedup)
        verdict.header = *rte_pktmbuf_mtod(slot.message, const wire::Header*);
    rte_pktmbuf_free(std::exchange(slot.message, nullptr));
    free_[kEventsSubmitted - waiting_--] = said.slot;
    verdict.client = slot.client;
    verdict.fate = said.fate;
    verdict.dedup_entry = slot.dedup_entry;
    return true;
}

}  // namespace skerry
