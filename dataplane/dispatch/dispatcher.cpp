#include "dataplane/dispatch/dispatcher.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"
#include "sandbox/channel/handover.hpp"

namespace skerry {
namespace {

// One look at a word that a hostile process may be writing at this very moment.
template <typename T>
T read_once(const T& shared_word) {
    return __atomic_load_n(&shared_word, __ATOMIC_RELAXED);
}

// Bounded by the segments of a payload, and they by its limit.
void copy_payload(const rte_mbuf* request, const wire::Header* message, std::byte* to,
                  std::uint32_t bytes) {
    if (bytes == 0) return;
    const auto* from = reinterpret_cast<const std::byte*>(message + 1);
    auto there = static_cast<std::uint32_t>(rte_pktmbuf_mtod(request, const std::byte*) +
                                            request->data_len - from);
    for (;;) {
        const std::uint32_t piece = std::min(bytes, there);
        std::memcpy(to, from, piece);
        to += piece;
        bytes -= piece;
        if (bytes == 0) return;
        request = request->next;
        SKERRY_CHECK(request != nullptr);
        from = rte_pktmbuf_mtod(request, const std::byte*);
        there = request->data_len;
    }
}

}  // namespace

Claim Dispatcher::claim(std::uint32_t entry) {
    CapacityEntry& table = context_.shared.capacity->entries[entry];
    for (int i = 0; i < kDeadSlotsPerClaim; ++i) {
        // Low slots first: the busiest workers stay the warmest, idle ones can be ended.
        const std::uint32_t slot = table.claim(context_.core * (kSlotsPerEntry / 4));
        if (slot == kNoSlot) return {};
        const SlotRef ref = context_.shared.capacity->refs[entry][slot];
        if (!ref.channel->dead.load(std::memory_order_acquire) &&
            ref.channel->fault.load(std::memory_order_relaxed) == WorkerFault::none)
            return {ref.channel, ref.slot, slot};
        table.retire(slot);
    }
    return {};
}

void Dispatcher::release(std::uint32_t entry, const Claim& claim) {
    context_.shared.capacity->entries[entry].release(claim.table_slot);
}

void Dispatcher::start(std::uint32_t index, const Claim& claim, const wire::Header* message,
                       const rte_mbuf* request) {
    Invocation& invocation = context_.invocations[index];
    Channel* channel = claim.channel;
    Seat& seat = seats_[channel->index];
    SKERRY_CHECK(claim.slot < channel->slot_count);
    invocation.progress = Progress::local;
    invocation.table_slot = claim.table_slot;
    invocation.started_tsc = context_.now_tsc;
    fill(invocation, channel, channel->ahead_slots == 0 ? claim.slot : open_run(seat, *channel),
         *message, request);
    seats_.take(channel, invocation.slot, index);
    count_started(*channel, invocation);
    if (channel->api != nullptr) {
        begin_api(seat, index, *message);
    } else {
        to_be_rung(seat, invocation.slot);
    }
    arm(index);
}

// Writes the request into its slot.
void Dispatcher::fill(Invocation& invocation, Channel* channel, std::uint32_t slot,
                      const wire::Header& message, const rte_mbuf* request) {
    const std::uint32_t payload_bytes = message.payload_bytes.get();
    SKERRY_CHECK(payload_bytes <= channel->request_area_bytes);
    // Differs between any two requests of a slot, whichever cores they come from.
    invocation.sequence = ++sequence_ * channel::kMaxCores + context_.core;
    invocation.channel = channel;
    invocation.slot = slot;
    channel::SlotControl* control = channel->slot(slot);
    control->request_seq = invocation.sequence;
    control->request_id_hi = message.request_id_hi.get();
    control->request_id_lo = message.request_id_lo.get();
    control->trace_id_hi = message.trace_id_hi.get();
    control->trace_id_lo = message.trace_id_lo.get();
    const std::uint32_t context_bytes = wire::context_of(message);
    control->request_bytes = payload_bytes - context_bytes;
    control->context_bytes = context_bytes;
    control->deadline_us = context_.us_until(invocation.deadline_tsc);
    control->deadline_ns = 0;
    control->reply_core = context_.core;
    copy_payload(request, &message, channel->request_area(slot), payload_bytes);
}

void Dispatcher::count_started(Channel& channel, const Invocation& invocation) {
    if (channel.cpu_limit_us != 0) channel.cpu.count_turn(invocation.slot);
    ++in_flight_;
    ++by_entry_[invocation.entry];
    context_.counters.functions[invocation.function].local.add();
}

void Dispatcher::count_ended(Channel& channel, const Invocation& invocation) {
    if (channel.cpu_limit_us != 0) channel.cpu.count_turn(invocation.slot);
    --in_flight_;
    ++ended_;
    --by_entry_[invocation.entry];
}

void Dispatcher::to_be_rung(Seat& seat, std::uint32_t slot) {
    if (core_sleeps_ && (!seat.polled || seat.generation != seat.channel->generation)) watch(seat);
    if (seat.to_ring == 0) {
        SKERRY_CHECK(to_ring_count_ < kMaxChannels);
        to_ring_[to_ring_count_++] = seat.channel->index;
    }
    seat.to_ring |= std::uint64_t{1} << slot;
}

void Dispatcher::watch(Seat& seat) {
    // The seat's last channel has gone, and its eventfd lives on only in that poll.
    if (seat.polled) ring_.unpoll(tag(kPollTag, seat.channel->index, seat.generation));
    seat.generation = seat.channel->generation;
    seat.polled = true;
    ring_.poll(seat.channel->done_fd[context_.core],
               tag(kPollTag, seat.channel->index, seat.generation));
}

void Dispatcher::completed(std::uint64_t completion, int result, bool armed) {
    if (completion & ApiWorkers::kTag) return completed_api(completion, result);
    const std::uint64_t index = completion & 0xffff;
    Seat& seat = seats_[index];
    if (completion & kBellTag) {
        if (completion == tag(kBellTag, index, seat.bell)) seat.bell = Seat::kNoBell;
    } else if (!armed && completion == tag(kPollTag, index, seat.generation)) {
        seat.polled = false;
        if (seat.in_flight != 0) watch(seat);
    }  // else: of a channel that has gone
}

void Dispatcher::ring_workers() {
    for (std::uint32_t i = 0; i < to_ring_count_; ++i) {
        Seat& seat = seats_[to_ring_[i]];
        if (seat.to_ring == 0) continue;
        channel::ChannelHeader* header = seat.channel->header();
        const std::uint64_t generation = seat.channel->generation;
        if (channel::post(header->pending, header->worker_asleep, seat.to_ring) &&
            seat.bell != generation) {
            ring_.ring(seat.channel->wake_fd, tag(kBellTag, seat.channel->index, generation));
            seat.bell = generation;
            context_.counters.doorbells.add();
        }
        seat.to_ring = 0;
    }
    to_ring_count_ = 0;
    ring_.submit();
}

std::uint32_t Dispatcher::collect() {
    const std::uint32_t before = ended_;
    if (tails_waiting_ != 0) take_tails();
    if (api_news_count_ != 0) take_api_news();
    // From the end: a seat that becomes empty is replaced by the last one, which was seen already.
    for (std::uint32_t i = seats_.active_count(); i-- > 0;) {
        Seat& seat = seats_.active(i);
        channel::DoneLine& done = seat.channel->header()->done[context_.core];
        // Death first, answers second: what was answered before the end is then surely seen.
        const bool dead = seat.channel->dead.load(std::memory_order_acquire);
        const std::uint64_t slots = channel::take_done(done) & seat.in_flight;
        if (slots != 0) take_answers(seat, slots);
        if (dead) {
            fail_all(seat);
        } else if (const std::uint32_t slot = slot_over_limit(seat); slot != kNoSlot) {
            blame(seat.channel, WorkerFault::cpu_limit);
            if ((recall(seat) >> slot & 1) == 0)
                give_up(seat, seat.owner[slot], Reason::failed_cpu_limit, LogEnd::cpu_limit);
        }
    }
    return ended_ - before;
}

void Dispatcher::take_answers(Seat& seat, std::uint64_t slots) {
    if (seat.channel->ahead_slots != 0) return take_run(seat, slots);
    while (slots != 0) {
        const auto slot = static_cast<std::uint32_t>(std::countr_zero(slots));
        slots &= slots - 1;
        take_answer(seat, slot);
    }
}

void Dispatcher::take_answer(Seat& seat, std::uint32_t slot) {
    Channel* channel = seat.channel;
    const std::uint32_t index = seat.owner[slot];
    Invocation& invocation = context_.invocations[index];
    if (invocation.progress == Progress::tail) return;  // it has answered before
    const channel::SlotControl* control = channel->slot(slot);
    const std::uint64_t sequence = read_once(control->response_seq);
    const std::uint32_t bytes = read_once(control->response_bytes);
    const std::uint32_t status = read_once(control->response_status);
    // The turn may have begun before the request was handed over: its clock is too old for this.
    const std::uint64_t run_tsc = rte_rdtsc() - invocation.started_tsc;
    const std::uint32_t run_us = context_.us_from_tsc(run_tsc);

    const bool good = sequence == invocation.sequence && bytes <= channel->response_area_bytes &&
                      status <= static_cast<std::uint32_t>(channel::ResponseStatus::function_error);
    hold(invocation);
    if (!good) {
        blame(channel, WorkerFault::malformed);
        if (invocation.progress == Progress::local)
            answer_header(context_, invocation, Reason::failed_worker_answer);
    } else if (invocation.progress == Progress::local) {
        FunctionCounters& function = context_.counters.functions[invocation.function];
        function.run_us_sum.add(run_us);
        function.local_done.add();
        answer_local(context_, invocation,
                     status == 0 ? ReplyStatus::ok : ReplyStatus::function_error,
                     channel->response_area(slot), bytes, run_us);
    } else {
        context_.counters.count(Reason::drop_client_gone);
    }
    if (good) {
        note_first_answer(*channel, invocation);
        note_run(*channel, invocation, run_tsc, bytes);
    }
    const bool retire = !good || channel->single_use;
    if (!await_tail(index, retire ? AfterTail::retire : AfterTail::release))
        leave(seat, index, retire);
    if (!good) (void)recall(seat);
}

void Dispatcher::fail_all(Seat& seat) {
    (void)recall(seat);
    std::uint64_t slots = seat.in_flight;
    while (slots != 0) {
        const auto slot = static_cast<std::uint32_t>(std::countr_zero(slots));
        slots &= slots - 1;
        const std::uint32_t index = seat.owner[slot];
        if (context_.invocations[index].progress != Progress::tail)
            give_up(seat, index, Reason::failed_worker_died, LogEnd::died);
    }
}

void Dispatcher::give_up(Seat& seat, std::uint32_t index, Reason reason, LogEnd end) {
    Invocation& invocation = context_.invocations[index];
    if (invocation.progress == Progress::tail) {
        invocation.after_tail = AfterTail::retire;
        return;
    }
    log_ended(seat, invocation, end);
    hold(invocation);
    fail(invocation, reason);
    if (!await_tail(index, AfterTail::retire)) leave(seat, index, true);
}

// The worker may have answered, and been given another invocation, since it was measured.
std::uint32_t Dispatcher::slot_over_limit(const Seat& seat) const {
    if (seat.in_flight == 0) return kNoSlot;  // its channel may be gone
    const std::uint64_t over = seat.channel->cpu.over.load(std::memory_order_acquire);
    if (over == 0) [[likely]]
        return kNoSlot;
    const std::uint32_t slot = CpuMarks::slot_of(over);
    if ((seat.in_flight >> slot & 1) == 0 ||
        context_.invocations[seat.owner[slot]].progress == Progress::tail)
        return kNoSlot;
    return seat.channel->cpu.is_now(over) ? slot : kNoSlot;
}

// How long the first one took: a worker that has only just started is slower with it.
void Dispatcher::note_first_answer(Channel& channel, const Invocation& invocation) {
    if (channel.first_answer_us.load(std::memory_order_relaxed) != 0) [[likely]]
        return;
    channel.first_arrival_us.store(context_.monotonic_us(invocation.arrived_tsc),
                                   std::memory_order_relaxed);
    channel.first_answer_us.store(context_.monotonic_us(rte_rdtsc()), std::memory_order_release);
}

void Dispatcher::leave(Seat& seat, std::uint32_t index, bool retire) {
    Invocation& invocation = context_.invocations[index];
    count_ended(*seat.channel, invocation);
    // The first fault counts: this is one only if the worker has none.
    if (seat.channel->single_use) blame(seat.channel, WorkerFault::spent);
    if (seat.channel->api != nullptr) {
        // Before the slot changes hands: its memory may be freed as soon as it has.
        api_.leave(*seat.channel->api, seat.channel->index, seat.tenure);
        --api_in_flight_;
    }
    vacate(seat, invocation, retire);
    finish(context_, index);
}

// … and the table's slot with it, unless the worker has others that were handed over ahead.
void Dispatcher::vacate(Seat& seat, Invocation& invocation, bool retire) {
    const bool in_circle = seat.channel->ahead_slots != 0;
    if (in_circle) seat.retire |= retire;
    seats_.give_back(seat, invocation.slot);
    if (in_circle && seat.in_flight != 0) {
        if (seat.head == invocation.slot) pass_on(seat, invocation);
        return;
    }
    CapacityEntry& table = context_.shared.capacity->entries[invocation.entry];
    if (in_circle ? seat.retire : retire) {
        table.retire(invocation.table_slot);
    } else {
        table.release(invocation.table_slot);
    }
}

void Dispatcher::blame(Channel* channel, WorkerFault fault) {
    WorkerFault expected = WorkerFault::none;
    channel->fault.compare_exchange_strong(expected, fault, std::memory_order_relaxed);
    context_.ring_control = true;
}

void Dispatcher::arm(std::uint32_t index) {
    const Invocation& invocation = context_.invocations[index];
    const std::uint64_t limit =
        invocation.started_tsc + context_.tsc_from_us(invocation.timeout_us);
    context_.timers.arm(index, invocation.progress == Progress::local
                                   ? std::min(limit, invocation.deadline_tsc)
                                   : limit);
}

void Dispatcher::on_timer(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    const std::uint64_t limit =
        invocation.started_tsc + context_.tsc_from_us(invocation.timeout_us);
    if (context_.now_tsc < limit) {
        // The client has given up; the function has time left, and the slot is waited for.
        if (invocation.progress == Progress::local) {
            answer_header(context_, invocation, Reason::failed_deadline);
            invocation.progress = Progress::abandoned;
        }
        arm(index);
        return;
    }
    blame(invocation.channel, WorkerFault::hung);
    Seat& seat = seats_[invocation.channel->index];
    const std::uint32_t slot = invocation.slot;
    if ((recall(seat) >> slot & 1) != 0) return;  // it had not even begun
    give_up(seat, index, Reason::failed_worker_hung, LogEnd::timed_out);
}

bool Dispatcher::anything_done() {
    if (tails_waiting_ != 0 && rte_ring_count(context_.shared.tail_answers[context_.core]) != 0)
        return true;
    for (std::uint32_t i = 0; i < seats_.active_count(); ++i) {
        const Seat& seat = seats_.active(i);
        // A worker may set bits of slots that it does not have: they must not keep a core awake.
        const channel::DoneLine& done = seat.channel->header()->done[context_.core];
        if (done.slots.load(SK_SEQ_CST) & seat.in_flight) return true;
        if (seat.channel->dead.load(std::memory_order_acquire)) return true;
        if (slot_over_limit(seat) != kNoSlot) return true;
    }
    return false;
}

}  // namespace skerry
