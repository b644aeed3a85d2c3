// The part of the dispatcher that hands waiting requests to busy workers, ahead of their turn, so
// that a worker goes from one to the next without sleeping (decision 34).
//
// Such a request still waits: it counts as waiting, its client's deadline is that of a queue, and
// it can be taken back until the worker has taken its bit. The slot of the capacity table, and the
// tenant's permit, are the head's: the one invocation that is executing. When the head is answered
// they pass to the next one, whose time begins then.
#include <algorithm>
#include <bit>
#include <utility>

#include "dataplane/dispatch/dispatcher.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/channel/handover.hpp"

namespace skerry {
namespace {

// What is handed ahead to one worker usually takes no longer than this, all together.
constexpr std::uint32_t kAhead_us = 250;
// So long a worker is kept without its slot having been free for others to claim.
constexpr std::uint32_t kRun_us = 1000;
// What has not begun by then is taken back when another worker is free.
constexpr std::uint32_t kLate_us = 100;
constexpr std::uint32_t kAheadBytes = 64u << 10;

constexpr std::uint64_t bit_of(std::uint32_t slot) {
    return std::uint64_t{1} << slot;
}
// Of some slots: the first at or behind `from`, in a circle; and the last.
std::uint32_t first_behind(std::uint64_t slots, std::uint32_t from) {
    return (static_cast<std::uint32_t>(std::countr_zero(std::rotr(slots, static_cast<int>(from)))) +
            from) &
           63u;
}
std::uint32_t last_behind(std::uint64_t slots, std::uint32_t from) {
    return (63u -
            static_cast<std::uint32_t>(std::countl_zero(std::rotr(slots, static_cast<int>(from)))) +
            from) &
           63u;
}

// Its tail is what is read until the next one begins.
bool wants_tail(const Invocation& invocation) {
    return (invocation.header.flags.get() & wire::flag::want_tail) != 0;
}

}  // namespace

// Claimed slots come here first: where in the circle, and that it is the head.
std::uint32_t Dispatcher::open_run(Seat& seat, Channel& channel) {
    const std::uint32_t slot = next_in_circle(channel);
    seat.head = slot;
    seat.run_from_tsc = context_.now_tsc;
    seat.retire = false;
    return slot;
}

std::uint32_t Dispatcher::next_in_circle(Channel& channel) {
    const std::uint32_t slot = channel.next_slot;
    channel.next_slot = slot < channel.ahead_slots ? slot + 1 : 0;
    return slot;
}

void Dispatcher::note_run(Channel& channel, const Invocation& invocation, std::uint64_t run_tsc,
                          std::uint32_t answer_bytes) {
    if (channel.ahead_slots == 0) return;
    usual_.note(invocation.entry, invocation.version_key, run_tsc);
    if (answer_bytes > kAheadBytes) channel.long_answers = true;
}

std::uint32_t Dispatcher::hand_ahead(std::uint32_t most) {
    std::uint32_t handed = 0;
    for (std::uint32_t i = 0; i < seats_.active_count() && waiting_->queues() != 0; ++i) {
        Seat& seat = seats_.active(i);
        for (std::uint32_t room = std::min(room_ahead(seat), most - handed); room != 0; --room) {
            if (!hand_next(seat)) break;
            ++handed;
        }
    }
    return handed;
}

// How many more the worker may get: those that wait are spread over all that are busy.
std::uint32_t Dispatcher::room_ahead(const Seat& seat) const {
    const Channel& channel = *seat.channel;
    if (channel.ahead_slots == 0 || channel.long_answers) return 0;
    if (waiting_->first_of_entry(channel.entry) == kNoInvocation) return 0;
    const Invocation& head = context_.invocations[seat.owner[seat.head]];
    if (context_.now_tsc - seat.run_from_tsc >= context_.tsc_from_us(kRun_us) || wants_tail(head) ||
        channel.fault.load(std::memory_order_relaxed) != WorkerFault::none ||
        channel.dead.load(std::memory_order_acquire))
        return 0;
    const std::uint64_t usual_tsc = usual_.of(channel.entry, head.version_key);
    if (usual_tsc == 0) return 0;
    const std::uint64_t in_time = context_.tsc_from_us(kAhead_us) / usual_tsc;
    const std::uint32_t busy = std::max<std::uint32_t>(by_entry_[channel.entry], 1);
    const std::uint32_t share = (waiting_->size_of_entry(channel.entry) + busy - 1) / busy;
    const auto most =
        static_cast<std::uint32_t>(std::min<std::uint64_t>({channel.ahead_slots, in_time, share}));
    const auto has = static_cast<std::uint32_t>(std::popcount(seat.ahead));
    return most > has ? most - has : 0;
}

// The first that waits for this worker's version, if it is one to be handed over ahead.
bool Dispatcher::hand_next(Seat& seat) {
    Channel* channel = seat.channel;
    const std::uint32_t index = waiting_->first_of_entry(channel->entry);
    if (index == kNoInvocation || (seat.in_flight & bit_of(channel->next_slot)) != 0) return false;
    Invocation& invocation = context_.invocations[index];
    const std::uint32_t bytes = invocation.message->payload_bytes.get();
    const Target* target =
        context_.snapshot->find(invocation.header.function_key.get(), invocation.version_key);
    if (target == nullptr || target->entry != channel->entry || wants_tail(invocation) ||
        bytes > std::min(kAheadBytes, channel->request_area_bytes) ||
        invocation.tenant != context_.invocations[seat.owner[seat.head]].tenant)
        return false;
    waiting_->lend(index);
    invocation.progress = Progress::ahead;
    invocation.started_tsc = context_.now_tsc;
    fill(invocation, channel, next_in_circle(*channel), *invocation.message, invocation.request);
    channel->slot(invocation.slot)->deadline_ns =
        context_.monotonic_us(invocation.deadline_tsc) * 1000;
    seats_.take(channel, invocation.slot, index);
    seat.ahead |= bit_of(invocation.slot);
    ++ahead_;
    to_be_rung(seat, invocation.slot);
    context_.counters.handed_ahead.add();
    return true;
}

// From here on it is executing, whatever its worker says.
void Dispatcher::begin_ahead(Seat& seat, std::uint32_t slot, std::uint64_t started_tsc) {
    const std::uint32_t index = seat.owner[slot];
    Invocation& invocation = context_.invocations[index];
    seat.ahead &= ~bit_of(slot);
    --ahead_;
    waiting_->leave_lent(index);
    context_.shared.capacity->entries[invocation.entry].wanted.fetch_sub(1, SK_RELAXED);
    no_longer_away(context_, invocation);
    invocation.progress = Progress::local;
    // Not before it was handed over.
    invocation.started_tsc = std::max(started_tsc, invocation.started_tsc);
    invocation.queue_us = context_.us_from_tsc(invocation.started_tsc - invocation.arrived_tsc);
    context_.counters.queued_us_sum.add(invocation.queue_us);
    count_started(*seat.channel, invocation);
    arm(index);
}

// True: the worker has not taken it, and won't.
bool Dispatcher::unpost(Seat& seat, std::uint32_t slot) {
    const std::uint64_t bit = bit_of(slot);
    if ((seat.to_ring & bit) == 0) return channel::take_back(seat.channel->header()->pending, bit);
    seat.to_ring &= ~bit;
    return true;
}

bool Dispatcher::take_back(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    Seat& seat = seats_[invocation.channel->index];
    if (!unpost(seat, invocation.slot)) {
        begin_ahead(seat, invocation.slot, context_.now_tsc);
        return false;
    }
    seats_.give_back(seat, invocation.slot);
    --ahead_;
    invocation.progress = Progress::waiting;
    invocation.channel = nullptr;
    waiting_->put_first(index);
    context_.counters.taken_back.add();
    return true;
}

// One worker's oldest, each turn.
void Dispatcher::recall_late() {
    for (std::uint32_t i = 0; i < seats_.active_count(); ++i) {
        Seat& seat = seats_.active(i);
        if (seat.ahead == 0) continue;
        const CapacityEntry& table = context_.shared.capacity->entries[seat.channel->entry];
        if (table.free_slots.load(SK_RELAXED) == 0) continue;
        const std::uint32_t index = seat.owner[first_behind(seat.ahead, seat.head)];
        if (context_.now_tsc - context_.invocations[index].started_tsc >=
            context_.tsc_from_us(kLate_us))
            (void)take_back(index);
    }
}

// All that a worker which is at fault, or dead, has not begun waits again. Returns their slots.
std::uint64_t Dispatcher::recall(Seat& seat) {
    if (seat.in_flight == 0 || seat.channel->ahead_slots == 0) return 0;
    std::uint64_t recalled = 0;
    // The newest first: who is recalled goes before all who wait. The head is the oldest, and with
    // the last one the channel may go.
    for (std::uint64_t left = seat.in_flight; left != 0;) {
        const std::uint32_t slot = last_behind(left, seat.head);
        left &= ~bit_of(slot);
        const std::uint32_t index = seat.owner[slot];
        const Invocation& invocation = context_.invocations[index];
        if (invocation.progress == Progress::ahead) {
            if (take_back(index)) recalled |= bit_of(slot);
        } else if (invocation.progress != Progress::tail && invocation.request != nullptr &&
                   unpost(seat, slot)) {
            recalled |= bit_of(slot);
            put_off(seat, index);
        }
    }
    return recalled;
}

// It was thought to be executing, since the one before it had ended, and has not begun.
void Dispatcher::put_off(Seat& seat, std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    count_ended(*seat.channel, invocation);
    vacate(seat, invocation, true);
    invocation.channel = nullptr;
    if (invocation.progress == Progress::abandoned) {
        context_.counters.count(Reason::drop_client_gone);
        finish(context_, index);
        return;
    }
    if (const Permit permit = std::exchange(invocation.permit, Permit::none);
        permit != Permit::none)
        context_.shared.tenants->give_back(invocation.tenant, permit);
    invocation.progress = Progress::waiting;
    waiting_->join_again(index);
    context_.shared.capacity->entries[invocation.entry].wanted.fetch_add(1, SK_RELAXED);
    context_.timers.arm(index, invocation.deadline_tsc);
    context_.counters.taken_back.add();
}

// What was the head's is the next one's: one that has begun, if there is one.
void Dispatcher::pass_on(Seat& seat, Invocation& from) {
    const std::uint64_t begun = seat.in_flight & ~seat.ahead;
    const std::uint32_t slot = first_behind(begun != 0 ? begun : seat.in_flight, from.slot);
    seat.head = slot;
    if ((seat.ahead & bit_of(slot)) != 0) begin_ahead(seat, slot, rte_rdtsc());
    Invocation& next = context_.invocations[seat.owner[slot]];
    next.table_slot = from.table_slot;
    next.permit = std::exchange(from.permit, Permit::none);
    if (next.permit != Permit::none) context_.counters.tenants[next.tenant].executed.add();
}

// Answers of one worker that were found together: nobody saw where one ended and the next began, so
// each has an equal part of the time.
void Dispatcher::take_run(Seat& seat, std::uint64_t slots) {
    const std::uint64_t now_tsc = rte_rdtsc();
    const std::uint64_t from_tsc = context_.invocations[seat.owner[seat.head]].started_tsc;
    const auto count = static_cast<std::uint64_t>(std::popcount(slots));
    const std::uint64_t started_tsc = now_tsc - (now_tsc - from_tsc) / count;
    for (const std::uint32_t from = seat.head; (slots &= seat.in_flight) != 0;) {
        const std::uint32_t slot = first_behind(slots, from);
        slots &= ~bit_of(slot);
        if ((seat.ahead & bit_of(slot)) != 0) begin_ahead(seat, slot, started_tsc);
        context_.invocations[seat.owner[slot]].started_tsc = started_tsc;
        take_answer(seat, slot);
    }
}

}  // namespace skerry
