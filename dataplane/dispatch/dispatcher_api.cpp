// The part of the dispatcher that deals with workers which speak the Runtime API.
#include <algorithm>

#include "dataplane/dispatch/dispatcher.hpp"
#include "dataplane/dispatch/lambda_errors.hpp"
#include "dataplane/reply/replies.hpp"

namespace skerry {
namespace {

static_assert(runtime_api::kContextBytesMax == wire::kContextBytesMax);

RequestId id_of(const Invocation& invocation) {
    return {invocation.header.request_id_hi.get(), invocation.header.request_id_lo.get()};
}

// A ring that is full, or a collector that is not there, costs the log a line.
void tell_log(Context& context, const Channel& channel, const Invocation& invocation,
              LogEvent event) {
    rte_ring* ring = context.shared.log_events[context.core];
    if (ring == nullptr) return;
    event.request_id_hi = invocation.header.request_id_hi.get();
    event.request_id_lo = invocation.header.request_id_lo.get();
    event.generation = channel.generation;
    event.channel = channel.index;
    if (rte_ring_sp_enqueue_elem(ring, &event, sizeof event) != 0)
        context.counters.log_events_lost.add();
}

LogEnd log_end(runtime_api::Outcome outcome) {
    switch (outcome) {
        case runtime_api::Outcome::ok:
            return LogEnd::answered;
        case runtime_api::Outcome::function_error:
            return LogEnd::function_error;
        default:
            return LogEnd::malformed;
    }
}

}  // namespace

void Dispatcher::begin_api(Seat& seat, std::uint32_t index, const wire::Header& message) {
    const Invocation& invocation = context_.invocations[index];
    Channel* channel = seat.channel;
    const channel::SlotControl* control = channel->slot(0);
    tenure_ = (tenure_ + 1) % ApiWorkers::kTenures;
    seat.tenure = tenure_;
    const std::uint64_t end_tsc =
        std::min(invocation.deadline_tsc,
                 invocation.started_tsc + context_.tsc_from_us(invocation.timeout_us));
    const std::uint32_t argument_bytes = wire::argument_bytes(message);
    ++api_in_flight_;
    log_started(seat, invocation);
    api_.begin(*channel->api, channel->index, tenure_,
               {.payload = channel->request_area(0),
                .payload_bytes = argument_bytes,
                .context_bytes = wire::context_of(message),
                .request_id_hi = control->request_id_hi,
                .request_id_lo = control->request_id_lo,
                .trace_id_hi = control->trace_id_hi,
                .trace_id_lo = control->trace_id_lo,
                .deadline_unix_ms = context_.unix_ms(end_tsc),
                .attempt = invocation.sequence});
}

void Dispatcher::completed_api(std::uint64_t completion, int result) {
    const std::uint32_t index = ApiWorkers::index_of(completion);
    Seat& seat = seats_[index];
    if (seat.in_flight == 0 || seat.tenure != ApiWorkers::tenure_of(completion)) {
        api_.too_late(completion, result);
        return;
    }
    ApiEnd& end = *seat.channel->api;
    api_.completed(end, completion, result);
    if (seat.has_news || (end.news == 0 && !end.asked)) return;
    seat.has_news = true;
    api_news_[api_news_count_++] = index;
}

void Dispatcher::take_api_news() {
    const std::uint32_t count = api_news_count_;
    api_news_count_ = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        Seat& seat = seats_[api_news_[i]];
        seat.has_news = false;
        if (seat.in_flight == 0) continue;  // it left meanwhile
        ApiEnd& end = *seat.channel->api;
        const std::uint32_t index = seat.owner[0];
        if ((end.news & runtime_api::kAnswered) != 0) answer_api(seat, index);
        const bool too_much = (end.news & runtime_api::kTooMuch) != 0;
        end.news = 0;
        if (too_much) {
            blame(seat.channel, WorkerFault::malformed);
            give_up(seat, index, Reason::failed_worker_answer, LogEnd::malformed);
            continue;
        }
        // Not yet settled: the completions that are missing bring it here again.
        if (context_.invocations[index].progress == Progress::tail) continue;  // tail_done() looks
        if (end.asked && ApiWorkers::settled(end)) leave(seat, index, seat.channel->single_use);
    }
}

// The caller is answered; the slot is free when the worker asks for its next invocation.
void Dispatcher::answer_api(Seat& seat, std::uint32_t index) {
    const Channel* channel = seat.channel;
    Invocation& invocation = context_.invocations[index];
    const runtime_api::Peer& peer = channel->api->peer;
    const std::uint32_t run_us = context_.us_from_tsc(rte_rdtsc() - invocation.started_tsc);
    FunctionCounters& function = context_.counters.functions[invocation.function];
    log_ended(seat, invocation, log_end(peer.outcome()));
    if (invocation.progress != Progress::local) {
        context_.counters.count(Reason::drop_client_gone);
        return;
    }
    hold(invocation);
    switch (peer.outcome()) {
        case runtime_api::Outcome::ok:
        case runtime_api::Outcome::function_error:
            note_first_answer(*invocation.channel, invocation);
            function.run_us_sum.add(run_us);
            function.local_done.add();
            answer_local(context_, invocation,
                         peer.outcome() == runtime_api::Outcome::ok ? ReplyStatus::ok
                                                                    : ReplyStatus::function_error,
                         channel->response_area(0), peer.answer_bytes(), run_us);
            break;
        case runtime_api::Outcome::too_large:
            answer_lambda(invocation, Reason::failed_answer_too_large,
                          response_too_large(channel->response_area_bytes));
            break;
        default:
            answer_lambda(invocation, Reason::failed_worker_answer,
                          truncated_response(id_of(invocation)));
    }
    if (await_tail(index, AfterTail::listen)) return;
    invocation.progress = Progress::abandoned;
    arm(index);
}

void Dispatcher::log_started(Seat& seat, const Invocation& invocation) {
    seat.log_open = true;
    tell_log(
        context_, *seat.channel, invocation,
        {.at_us = context_.monotonic_us(invocation.started_tsc), .kind = LogEventKind::started});
}

void Dispatcher::log_ended(Seat& seat, const Invocation& invocation, LogEnd end) {
    if (!seat.log_open) return;
    seat.log_open = false;
    const std::uint64_t now_tsc = rte_rdtsc();
    tell_log(context_, *seat.channel, invocation,
             {.at_us = context_.monotonic_us(now_tsc),
              .run_us = context_.us_from_tsc(now_tsc - invocation.started_tsc),
              .kind = LogEventKind::ended,
              .end = end});
}

void Dispatcher::answer_lambda(Invocation& invocation, Reason reason, const LambdaError& error) {
    answer_failure(context_, invocation, reason,
                   reinterpret_cast<const std::byte*>(error.text.data()), error.bytes);
}

// The worker has died, or was given up.
void Dispatcher::fail(Invocation& invocation, Reason reason) {
    if (invocation.progress != Progress::local) return;
    const Channel* channel = invocation.channel;
    if (channel->api == nullptr) {
        answer_header(context_, invocation, reason);
    } else if (reason == Reason::failed_worker_hung) {
        answer_lambda(invocation, reason, timed_out(id_of(invocation), invocation.timeout_us));
    } else if (reason == Reason::failed_worker_answer) {
        answer_lambda(invocation, reason, said_too_much(id_of(invocation)));
    } else if (reason == Reason::failed_cpu_limit) {
        answer_lambda(invocation, reason,
                      cpu_limit_exceeded(id_of(invocation), channel->cpu_limit_us));
    } else {
        answer_lambda(invocation, reason,
                      exit_error(id_of(invocation), channel->exit_code, channel->exit_signal));
    }
}

}  // namespace skerry
