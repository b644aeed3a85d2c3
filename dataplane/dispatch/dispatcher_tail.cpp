// The part of the dispatcher that gives a reply the tail of its invocation's log. The log is the
// collector's (control/logs): the core asks, and goes on with everything else.
#include <algorithm>

#include "dataplane/dispatch/dispatcher.hpp"
#include "dataplane/reply/replies.hpp"

namespace skerry {
namespace {

std::uint64_t token_of(std::uint32_t index, const Invocation& invocation) {
    return std::uint64_t{invocation.generation} << 32 | index;
}

}  // namespace

void Dispatcher::hold(Invocation& invocation) const {
    invocation.hold_reply =
        invocation.progress == Progress::local &&
        (invocation.exchange != kExchangeGone || invocation.dedup_entry != kNoDedup) &&
        (invocation.header.flags.get() & wire::flag::want_tail) != 0 &&
        context_.shared.tail_requests[context_.core] != nullptr;
}

bool Dispatcher::await_tail(std::uint32_t index, AfterTail then) {
    Invocation& invocation = context_.invocations[index];
    if (!invocation.hold_reply) [[likely]]
        return false;
    invocation.hold_reply = false;
    // No buffer for it.
    if (invocation.exchange == kNoExchange && invocation.reply == nullptr) return false;
    const Shared& shared = context_.shared;
    const Channel& channel = *invocation.channel;
    TailRequest request{.request_id_hi = invocation.header.request_id_hi.get(),
                        .request_id_lo = invocation.header.request_id_lo.get(),
                        .generation = channel.generation,
                        .token = token_of(index, invocation),
                        .channel = channel.index,
                        .room_bytes = room_for_tail(context_, invocation)};
    if (request.room_bytes == 0 || rte_ring_sp_enqueue_elem(shared.tail_requests[context_.core],
                                                            &request, sizeof request) != 0) {
        context_.counters.tails_missed.add();
        send_held(context_, invocation, nullptr, 0);
        return false;
    }
    ring_.ring(shared.tail_bell_fd);
    invocation.progress = Progress::tail;
    invocation.after_tail = then;
    ++tails_waiting_;
    const std::uint64_t patience = context_.now_tsc + context_.tsc_from_us(kTailWait_us);
    context_.timers.arm(index, invocation.deadline_tsc > context_.now_tsc
                                   ? std::min(patience, invocation.deadline_tsc)
                                   : patience);
    return true;
}

void Dispatcher::take_tails() {
    TailAnswer answer;
    rte_ring* ring = context_.shared.tail_answers[context_.core];
    for (int i = 0; i < kTailsPerTurn; ++i) {
        if (rte_ring_sc_dequeue_elem(ring, &answer, sizeof answer) != 0) return;
        const auto index = static_cast<std::uint32_t>(answer.token);
        const Invocation& invocation = context_.invocations[index];
        // Too late: its reply has gone without.
        if (invocation.progress != Progress::tail || token_of(index, invocation) != answer.token)
            continue;
        context_.counters.tails_sent.add();
        tail_done(index, answer.text, answer.bytes);
    }
}

void Dispatcher::on_tail_timer(std::uint32_t index) {
    context_.counters.tails_missed.add();
    tail_done(index, nullptr, 0);
}

void Dispatcher::tail_done(std::uint32_t index, const char* tail, std::uint32_t tail_bytes) {
    Invocation& invocation = context_.invocations[index];
    Seat& seat = seats_[invocation.channel->index];
    --tails_waiting_;
    send_held(context_, invocation, tail, tail_bytes);
    if (invocation.after_tail != AfterTail::listen) {
        leave(seat, index, invocation.after_tail == AfterTail::retire);
        return;
    }
    invocation.progress = Progress::abandoned;
    const ApiEnd& end = *seat.channel->api;
    if (end.asked && ApiWorkers::settled(end)) {
        leave(seat, index, seat.channel->single_use);
    } else {
        arm(index);
    }
}

}  // namespace skerry
