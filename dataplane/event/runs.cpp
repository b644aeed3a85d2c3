#include "dataplane/event/runs.hpp"

#include <rte_ring_elem.h>

#include <algorithm>
#include <numeric>

#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

// Nobody waits for the answer: the function's own limit, and this to wait for a slot.
constexpr std::uint32_t kWait_us = 5'000'000;

std::uint64_t bytes_of(const rte_mempool* buffers) {
    return std::uint64_t{buffers->size} *
           (rte_pktmbuf_data_room_size(const_cast<rte_mempool*>(buffers)) - RTE_PKTMBUF_HEADROOM);
}

wire::Header header_of(const EventRun& run) {
    wire::Header header{};
    header.magic.set(wire::kMagic);
    header.version = wire::kVersion;
    header.kind = static_cast<std::uint8_t>(wire::Kind::invoke);
    header.request_id_hi.set(run.request_id_hi);
    header.request_id_lo.set(run.request_id_lo);
    header.function_key.set(run.function_key);
    header.qualifier.set(run.qualifier);
    header.trace_id_hi.set(run.trace_id_hi);
    header.trace_id_lo.set(run.trace_id_lo);
    header.span_id.set(run.span_id);
    header.payload_bytes.set(run.payload_bytes);
    wire::put_context(header, run.context_bytes);
    return header;
}

}  // namespace

EventRuns::EventRuns(Context& context, rte_mempool* buffers)
    : context_(context),
      buffers_(buffers),
      runs_(context.shared.event_runs[context.core]),
      results_(context.shared.event_results[context.core]),
      most_bytes_(bytes_of(buffers) / kShareOfBuffers) {
    std::iota(free_.begin(), free_.end(), 0u);
}

EventRuns::~EventRuns() {
    chain_.free();
}

// The next one, as soon as there is room for it; one alone may always be.
bool EventRuns::begin() {
    if (!waits_) {
        if (rte_ring_sc_dequeue_elem(runs_, &next_, sizeof next_) != 0) return false;
        SKERRY_CHECK(next_.payload_bytes <= kEventBytesMax &&
                     next_.context_bytes <= next_.payload_bytes);
        waits_ = true;
    }
    if (running_ != 0 && held_bytes_ + next_.payload_bytes > most_bytes_) return false;
    waits_ = false;
    SKERRY_CHECK(running_ < kEventsRunning);
    place_ = free_[kEventsRunning - ++running_];
    places_[place_] = {next_.slot, next_.payload_bytes};
    held_bytes_ += next_.payload_bytes;
    copied_bytes_ = 0;
    const wire::Header header = header_of(next_);
    copying_ = chain_.append(buffers_, &header, wire::kHeaderBytes);
    if (copying_) return true;
    context_.counters.count(Reason::refused_no_buffer);
    end(place_, ReplyStatus::overloaded);
    return false;
}

// True: all of it is there.
bool EventRuns::copy(std::uint32_t& budget_bytes) {
    const std::uint32_t piece = std::min(budget_bytes, next_.payload_bytes - copied_bytes_);
    if (!chain_.append(buffers_, next_.payload + copied_bytes_, piece)) {
        chain_.free();
        copying_ = false;
        context_.counters.count(Reason::refused_no_buffer);
        end(place_, ReplyStatus::overloaded);
        return false;
    }
    budget_bytes -= piece;
    copied_bytes_ += piece;
    return copied_bytes_ == next_.payload_bytes;
}

std::uint32_t EventRuns::take(std::span<Arrival> arrivals) {
    if (runs_ == nullptr) return 0;
    std::uint32_t budget_bytes = kCopyBytesPerTurn, count = 0;
    // One step for each element of the ring at most.
    for (std::uint32_t i = 0; i < kEventRingSize && count < arrivals.size(); ++i) {
        if (!copying_ && !begin()) break;
        if (!copy(budget_bytes)) {
            if (copying_) break;
            continue;
        }
        copying_ = false;
        Arrival& arrival = arrivals[count];
        arrive(arrival);
        const wire::Header& header = *arrival.header;
        arrival.target =
            context_.snapshot->choose(context_.snapshot->find(next_.function_key, next_.qualifier),
                                      header.request_id_hi.get(), header.request_id_lo.get());
        if (arrival.target == nullptr) {
            const bool known = context_.snapshot->find(next_.function_key, 0) != nullptr;
            refuse(context_, arrival,
                   known ? Reason::refused_no_version : Reason::refused_no_function);
            continue;
        }
        if (wire::argument_bytes(header) > arrival.target->max_payload_bytes) {
            refuse(context_, arrival, Reason::refused_too_large);
            continue;
        }
        arrival.deadline_us = arrival.target->timeout_us + kWait_us;
        context_.count_arrival(*arrival.target);
        ++count;
    }
    return count;
}

void EventRuns::arrive(Arrival& arrival) {
    arrival = {};
    arrival.mbuf = chain_.release();
    arrival.header = rte_pktmbuf_mtod(arrival.mbuf, wire::Header*);
    arrival.exchange = kEventExchange | place_;
}

void EventRuns::answer(std::uint32_t exchange, const ExchangeAnswer& answer) {
    rte_pktmbuf_free(answer.kept);
    end(exchange & ~kEventExchange, static_cast<ReplyStatus>(answer.reply.status));
}

void EventRuns::end(std::uint32_t place, ReplyStatus status) {
    SKERRY_CHECK(place < kEventsRunning && running_ != 0);
    held_bytes_ -= places_[place].bytes;
    EventResult result;
    result.slot = places_[place].slot;
    result.status = status;
    free_[kEventsRunning - running_--] = place;
    const int error = rte_ring_sp_enqueue_elem(results_, &result, sizeof result);
    SKERRY_CHECK(error == 0);  // it has room for all of them
    context_.ring_events = true;
}

}  // namespace skerry
