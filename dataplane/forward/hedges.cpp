// Second copies of requests that take longer than most: when one goes out, and how a pair ends.
#include <algorithm>
#include <utility>

#include "dataplane/forward/forwarder.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

bool is_event(std::uint32_t exchange) {
    return exchange < kExchangeGone && (exchange & kEventExchange) != 0;
}

}  // namespace

// When a second region is to be asked, if the first has not answered by then; 0: never. Only of
// functions whose owner says that executing a request twice does no harm, and not where nobody
// waits, or where the wait is what is to be measured.
std::uint64_t Forwarder::hedge_instant(const Invocation& invocation, std::uint8_t region) {
    if (invocation.retry != RetryPolicy::idempotent || !hedges_.any()) return 0;
    if (invocation.control || is_event(invocation.exchange)) return 0;
    // What is usual of all functions that share a row is usual of none of them.
    if (invocation.function == kCommonRow) return 0;
    const UsualLatency& latency = usual(invocation, region);
    if (!latency.known() || latency.us() > kHedgeMax_us) return 0;
    return context_.now_tsc + context_.tsc_from_us(std::max(latency.us(), kHedgeMin_us));
}

bool Forwarder::wants_hedge(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    if (invocation.hedge_tsc == 0 || context_.now_tsc < invocation.hedge_tsc) return false;
    invocation.hedge_tsc = 0;
    if (context_.now_tsc >= invocation.deadline_tsc) return false;
    invocation.overdue = true;
    usual(invocation, invocation.region).overdue();
    if (invocation.exchange == kExchangeGone) return false;
    if (!has_room()) {
        context_.counters.count(Reason::hedge_no_room);
        return false;
    }
    if (!hedges_.has_one()) {
        context_.counters.count(Reason::hedge_no_budget);
        return false;
    }
    return true;
}

void Forwarder::hedge(std::uint32_t index, const select::Choice& choice) {
    if (!choice.found()) {
        context_.counters.count(Reason::hedge_no_region);
        return;
    }
    const std::uint32_t number = context_.invocations.allocate();
    if (number == kNoInvocation) {
        context_.counters.count(Reason::hedge_no_room);
        return;
    }
    hedges_.withdraw();
    context_.counters.count(Reason::hedge_sent);
    Invocation& first = context_.invocations[index];
    Invocation& second = context_.invocations[number];
    SKERRY_CHECK(first.pair == Pair::none && !(first.tried >> choice.region & 1));
    second.pair = Pair::second;
    second.partner = index;
    second.header = first.header;
    second.request = first.request;  // the first's: it outlives its second copy
    second.message = first.message;
    second.exchange = first.exchange;
    second.retry = first.retry;
    second.function = first.function;
    second.version_key = first.version_key;
    second.arrived_tsc = first.arrived_tsc;
    second.deadline_tsc = first.deadline_tsc;
    second.selection = selection_of(choice);
    second.selection.why = Why::hedge;
    first.pair = Pair::first;
    first.partner = number;
    first.tried |= std::uint64_t{1} << choice.region;
    ++first.attempts;
    begin(number, choice.region);
}

std::uint32_t Forwarder::first_of(std::uint32_t index) const {
    const Invocation& invocation = context_.invocations[index];
    return invocation.pair == Pair::second ? invocation.partner : index;
}

bool Forwarder::other_copy_runs(const Invocation& invocation) const {
    return invocation.pair != Pair::none && context_.invocations[invocation.partner].at_region;
}

// An answer has come for this copy: it is the request's, which is returned. end() of that cancels
// the other copy.
std::uint32_t Forwarder::take_answer(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    const std::uint32_t first = first_of(index);
    if (other_copy_runs(invocation)) {
        const Invocation& other = context_.invocations[invocation.partner];
        context_.invocations[first].maybe_repeated = true;
        memory_.takes_longer_than(other.region,
                                  context_.us_from_tsc(context_.now_tsc - other.started_tsc),
                                  context_.now_ms);
    }
    if (first != index) {
        context_.counters.count(Reason::hedge_won);
        context_.invocations[first].selection = invocation.selection;
    }
    return first;
}

// The first goes on, or ends, without it.
void Forwarder::end_second(std::uint32_t first) {
    Invocation& request = context_.invocations[first];
    const std::uint32_t number = std::exchange(request.partner, kNoInvocation);
    request.pair = Pair::none;
    withdraw(number);
    --pending_;
    Invocation& second = context_.invocations[number];
    second.request = nullptr;
    second.message = nullptr;
    finish(context_, number);
}

// Its region refused it, or fell silent.
void Forwarder::second_failed(std::uint32_t second) {
    const std::uint32_t first = context_.invocations[second].partner;
    end_second(first);
    if (!context_.invocations[first].at_region) go_elsewhere(first);
}

}  // namespace skerry
