// From the cores' submissions to the file, and the verdicts back.
#include <rte_mbuf.h>
#include <rte_ring_elem.h>
#include <spdlog/spdlog.h>

#include "control/events/clock.hpp"
#include "control/events/service.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::events {
namespace {

constexpr std::uint64_t kWarning_ms = 10'000;

// What a core has gathered: a header of ours, and the payload behind it.
std::string copy_message(const EventSubmission& submission, wire::Header& header) {
    std::string payload;
    payload.reserve(submission.payload_bytes);
    std::uint32_t skip = wire::kHeaderBytes;
    header = *rte_pktmbuf_mtod(submission.message, const wire::Header*);
    for (const rte_mbuf* at = submission.message; at != nullptr; at = at->next) {
        payload.append(rte_pktmbuf_mtod_offset(at, const char*, skip), at->data_len - skip);
        skip = 0;
    }
    return payload;
}

Event event_of(const wire::Header& header, std::uint64_t now_ms) {
    Event event;
    event.request_id_hi = header.request_id_hi.get();
    event.request_id_lo = header.request_id_lo.get();
    event.function_key = header.function_key.get();
    event.qualifier = header.qualifier.get();
    event.trace_id_hi = header.trace_id_hi.get();
    event.trace_id_lo = header.trace_id_lo.get();
    event.span_id = header.span_id.get();
    event.context_bytes = wire::context_of(header);
    event.accepted_ms = event.due_ms = now_ms;
    return event;
}

}  // namespace

// In turns, so that no core waits for another's burst.
void Service::take_submissions() {
    bool more = true;
    while (more && added_.size() < kBatch && added_bytes_ < kBatchBytes) {
        more = false;
        for (std::uint32_t core = 0; core < cores_; ++core) {
            EventSubmission submission;
            if (rte_ring_sc_dequeue_elem(shared_.event_submissions[core], &submission,
                                         sizeof submission) != 0)
                continue;
            more = true;
            if (!take(core, submission)) answer(core, submission.slot, EventFate::full);
        }
    }
}

// False: it has no room.
bool Service::take(std::uint32_t core, const EventSubmission& submission) {
    const std::uint64_t gathered = added_bytes_ + added_.size() * Queue::kRecordBytes;
    const bool fits = queue_.has_room(submission.payload_bytes, added_.size(), gathered);
    if (!fits) {
        const std::lock_guard lock(mutex_);
        ++queue_.counts().refused_full;
        return false;
    }
    wire::Header header;
    Store::Added added;
    added.payload = copy_message(submission, header);
    SKERRY_CHECK(added.payload.size() == submission.payload_bytes);
    added.event = event_of(header, unix_ms());
    added.event.id = ++last_id_;
    added.event.payload_bytes = submission.payload_bytes;
    added_bytes_ += submission.payload_bytes;
    added_.push_back(std::move(added));
    waiting_.push_back({core, submission.slot});
    return true;
}

void Service::write_down() {
    std::vector<Store::Change> changes;
    changes.reserve(changes_.size());
    for (const auto& [id, change] : changes_) changes.push_back(change);
    Status written = store_->commit(added_, changes);
    const bool all = static_cast<bool>(written);
    const EventFate fate = all                         ? EventFate::accepted
                           : store_->outcome_unknown() ? EventFate::unknown
                                                       : EventFate::failed;
    // What has ended makes room, and may be written where nothing new can be.
    if (!all && !added_.empty() && !changes.empty())
        if (store_->commit({}, changes)) changes_.clear();
    if (all) changes_.clear();
    changes_since_ms_ = unix_ms();
    note_error(written);
    {
        const std::lock_guard lock(mutex_);
        Counts& counts = queue_.counts();
        (all ? counts.accepted : counts.refused_store) += added_.size();
        if (all)
            for (const Store::Added& each : added_) queue_.add(each.event);
    }
    for (const Waiting& each : waiting_) answer(each.core, each.slot, fate);
    added_.clear();
    waiting_.clear();
    added_bytes_ = 0;
}

void Service::answer(std::uint32_t core, std::uint32_t slot, EventFate fate) {
    EventVerdict verdict{slot, fate};
    const int error =
        rte_ring_sp_enqueue_elem(shared_.event_verdicts[core], &verdict, sizeof verdict);
    SKERRY_CHECK(error == 0);  // it has room for all that was submitted
    kicks_ |= 1u << core;
}

void Service::note_error(const Status& status) {
    const std::lock_guard lock(mutex_);
    last_error_ = status ? std::string() : status.error().text;
    if (status || unix_ms() - warned_ms_ < kWarning_ms) return;
    warned_ms_ = unix_ms();
    spdlog::error("{}; Event invocations are refused until it can be written", last_error_);
}

}  // namespace skerry::events
