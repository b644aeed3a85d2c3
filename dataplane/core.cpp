// What the stages of Core::turn() are made of: making a core, judging one request, starting it.
#include <string>

#include "dataplane/decide/lane.hpp"
#include "dataplane/dedup/dedup.hpp"
#include "dataplane/loop.hpp"
#include "dataplane/net/tcp/isn.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

Result<std::unique_ptr<Core>> Core::create(Shared& shared, std::uint32_t core,
                                           const CoreResources& resources) {
    SKERRY_CHECK(core < shared.server.core_count && core < channel::kMaxCores);
    auto ring = Ring::create();
    if (!ring) return ring.error();
    std::unique_ptr<Core> made(new Core(shared, core, resources, std::move(*ring)));
    const ServerInfo& server = shared.server;
    if (server.source_limits.any()) {
        made->sources_ = std::make_unique<limits::Sources>(
            server.source_limits, server.tsc_hz, Front::connections(server),
            net::tcp::derive_key(server.http.secret, 5));
        made->context_.sources = made->sources_.get();
    }
    if (shared.server.speaks_tcp()) {
        auto front = Front::create(made->context_, resources.payload_pool, made->forwarder_);
        if (!front) return front.error();
        made->front_ = std::move(*front);
        made->forwarder_.use(made->front_->trunks());
    }
    return made;
}

Core::Core(Shared& shared, std::uint32_t core, const CoreResources& resources,
           std::unique_ptr<Ring> ring)
    : context_(shared, core, resources.pool),
      resources_(resources),
      ring_(std::move(ring)),
      dispatcher_(context_, *ring_, shared.server.idle_sleep),
      waiting_(context_.invocations, shared.server.queue_limit),
      forwarder_(context_),
      prober_(context_),
      messages_(context_, forwarder_, prober_) {
    dispatcher_.use(waiting_);
}

int Core::attach() {
    const int error = ring_->enable();
    if (error != 0) return error;
    rte_rcu_qsbr_thread_register(context_.shared.qsbr, context_.core);
    rte_rcu_qsbr_thread_online(context_.shared.qsbr, context_.core);
    if (context_.shared.server.idle_sleep && context_.shared.kick_fd[context_.core] >= 0)
        ring_->poll(context_.shared.kick_fd[context_.core], kKickTag);
    last_work_tsc_ = rte_rdtsc();
    return 0;
}

// What is known of the regions, once a turn.
const select::Candidates& Core::candidates() {
    if (candidates_read_) return candidates_;
    candidates_read_ = true;
    const select::Policy policy = context_.shared.server.selection.policy;
    const bool uses_responses = policy == select::Policy::peak_ewma || policy == select::Policy::c3;
    const RegionMemory& memory = forwarder_.memory();
    select::Candidates& c = candidates_;
    c.peers = context_.shared.server.core_count;
    read_regions(
        c, context_.shared.region_numbers, context_.shared.region_loads,
        context_.snapshot->regions(),
        {context_.now_tsc, 1000.0 / static_cast<double>(context_.tsc_hz), context_.now_ms});
    for (std::uint32_t lane = 0; lane < c.count; ++lane) {
        const auto r = static_cast<std::uint8_t>(lane);
        c.response_us[r] = uses_responses ? memory.response_us(r, context_.now_ms) : 0;
        c.outstanding[r] = memory.outstanding(r);
        c.max_payload_bytes[r] =
            static_cast<std::int32_t>(std::min(forwarder_.payload_limit(r), 0x7fffffffu));
    }
    select::count_own(c);
    if (policy == select::Policy::prequal) select::prepare(c);
    return c;
}

// Once a request that may go to a region.
Field Core::field_of(const Target& target) {
    const select::Settings& settings = context_.shared.server.selection;
    const select::Candidates& regions = candidates();
    Field field{
        settings, regions,
        read_function(*context_.shared.warmth, target, settings.policy, regions.count, cold_us_),
        context_.now_ms};
    if (field.function.explore)
        field.function.reverted = forwarder_.memory()
                                      .trial(target.function, target.function_key)
                                      .reverted(context_.now_ms);
    return field;
}

// How it was chosen, for its answer; and for the control group, where it was chosen first.
void Core::remember(Invocation& invocation, const Decision& decision) {
    if (decision.no_region && decision.verdict == Verdict::queue)
        context_.counters.queued_no_region.add();
    const bool here = decision.verdict == Verdict::local || decision.verdict == Verdict::queue;
    if (here) invocation.selection = {};
    if (decision.verdict != Verdict::forward) return;
    if (decision.selection.why == Why::control) context_.counters.controls.add();
    const std::uint8_t baseline =
        invocation.attempts == 0 ? decision.selection.baseline : invocation.selection.baseline;
    invocation.selection = decision.selection;
    invocation.selection.baseline = baseline;
    if (invocation.attempts == 0) invocation.control = decision.selection.why == Why::control;
}

// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014): its
// mixing, of a state that each request moves on.
std::uint64_t Core::random_bits(std::uint64_t more) {
    spread_ = spread_ * 6364136223846793005ull + more + 1;
    std::uint64_t x = spread_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

// What enters here. A POP has counted what it sends to a region.
bool Core::within_rate(const Arrival& arrival) {
    const Target& target = *arrival.target;
    const FunctionRate most = context_.snapshot->rate(target.function);
    if (most.max_per_s == 0) [[likely]]
        return true;
    const bool from_client =
        arrival.exchange != kNoExchange && !(arrival.exchange & kTrunkExchange);
    if (!from_client && !context_.shared.server.is_pop) return true;
    const limits::Rate rate = limits::Rate::of(most.max_per_s, most.max_burst, context_.tsc_hz);
    return (*context_.shared.function_buckets)[target.function].take(rate, context_.now_tsc);
}

// Claims a slot if the request may run here, and asks the policy. A claim that the policy did not
// want is given back.
Decision Core::judge(const Target& target, std::uint8_t tenant, const Request& request,
                     Claim& claim, bool& share_used) {
    const ServerInfo& server = context_.shared.server;
    const bool here = may_run_here(target, server.is_pop) && !context_.snapshot->draining() &&
                      request.deadline_us != 0;
    if (here) claim = claim_for(target.entry, tenant, share_used);
    const LocalView local{
        .slot_free = claim.channel != nullptr,
        .may_queue = has_waiting_room(target.entry, tenant),
        .share_used = share_used,
        .is_pop = server.is_pop,
        .draining = context_.snapshot->draining(),
        .trunk_payload_bytes = server.trunks.per_region == 0 ? 0 : trunk::kPayloadBytesMax,
        .no_region = server.no_region};
    const Decision decision =
        skerry::decide(target, local,
                       local.slot_free || !server.is_pop
                           ? Field{server.selection, no_candidates_, {}, context_.now_ms}
                           : field_of(target),
                       request);
    if (claim.channel != nullptr && decision.verdict != Verdict::local) {
        give_back(target.entry, claim);
        claim = {};
    }
    return decision;
}

// Its owner's word; and the request's own, where the owner leaves it to that.
static RetryPolicy retry_of(const Target& target, const wire::Header& header) {
    if (target.retry != RetryPolicy::marked) return target.retry;
    const bool may_be_repeated = (header.flags.get() & wire::flag::idempotent) != 0;
    return may_be_repeated ? RetryPolicy::idempotent : RetryPolicy::unstarted;
}

// Takes the request in: from here on it ends with an answer.
std::uint32_t Core::open(const Arrival& arrival, const Entry& entry) {
    const std::uint32_t index = context_.invocations.allocate();
    if (index == kNoInvocation) return index;
    Invocation& invocation = context_.invocations[index];
    const Target& target = *arrival.target;
    invocation.header = *arrival.header;
    invocation.path = arrival.path;
    invocation.exchange = arrival.exchange;
    invocation.request = arrival.mbuf;
    invocation.message = arrival.header;
    invocation.progress = Progress::elsewhere;
    invocation.retry = retry_of(target, *arrival.header);
    invocation.cache_entry = arrival.cache_entry;
    invocation.dedup_entry = arrival.dedup_entry;
    invocation.function = target.function;
    invocation.reserved = entry.reserved;
    invocation.in_tenant = entry.in_tenant;
    invocation.tenant = entry.tenant;
    invocation.entry = target.entry;
    invocation.timeout_us = target.timeout_us;
    invocation.version_key = target.version_key;
    invocation.arrived_tsc = context_.now_tsc;
    invocation.deadline_tsc = context_.now_tsc + context_.tsc_from_us(arrival.deadline_us);
    if (arrival.exchange == kNoExchange) {
        context_.cache.bind(arrival.cache_entry, index);
    } else {
        context_.sink_of(arrival.exchange).opened(arrival.exchange, index);
    }
    return index;
}

void Core::wait_for_slot(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    invocation.progress = Progress::waiting;
    invocation.cold = dispatcher_.in_flight(invocation.entry) == 0;
    waiting_.join(index);
    context_.timers.arm(index, invocation.deadline_tsc);
    CapacityEntry& entry = context_.shared.capacity->entries[invocation.entry];
    const bool first = entry.wanted.fetch_add(1, SK_RELAXED) == 0;
    // Nobody works on it: at once. With a worker that will be free soon there is no such hurry, and
    // a busy function would wake the control thread for every request.
    (first && invocation.cold ? context_.ring_control : news_) = true;
}

void Core::wait_no_more(std::uint32_t index) {
    waiting_.leave(index);
    const std::uint32_t entry = context_.invocations[index].entry;
    context_.shared.capacity->entries[entry].wanted.fetch_sub(1, SK_RELAXED);
}

// The control thread and the queue of events, if there is something for them.
void Core::ring_control() {
    if (context_.ring_events) {
        context_.ring_events = false;
        if (context_.shared.event_bell_fd >= 0) ring_->ring(context_.shared.event_bell_fd);
    }
    if (waiting_.size() == 0) news_ = false;
    if (!context_.ring_control && !(news_ && context_.now_tsc >= next_news_tsc_)) return;
    context_.ring_control = news_ = false;
    next_news_tsc_ = context_.now_tsc + context_.tsc_from_us(kNewsPeriod_us);
    if (context_.shared.server.control_fd >= 0) ring_->ring(context_.shared.server.control_fd);
}

void Core::start_local(std::uint32_t index, const Claim& claim) {
    Invocation& invocation = context_.invocations[index];
    invocation.permit = claim.permit;
    if (claim.permit != Permit::none) context_.counters.tenants[claim.tenant].executed.add();
    no_longer_away(context_, invocation);
    dispatcher_.start(index, claim, invocation.message, invocation.request);
    rte_pktmbuf_free(invocation.request);
    invocation.request = nullptr;
    invocation.message = nullptr;
}

// Nobody waits for the answer any more. What has not been started is taken back, and a region told
// so; what may have been started runs on, and its end is counted as
// drop_client_gone. What its client may ask for once more goes on, if it has been started or
// somebody has asked already.
void Core::client_gone(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    SKERRY_CHECK(invocation.exchange != kNoExchange && invocation.progress != Progress::free);
    invocation.exchange = kExchangeGone;
    if (invocation.progress == Progress::ahead) (void)dispatcher_.take_back(index);
    if (invocation.dedup_entry != kNoDedup &&
        (invocation.progress != Progress::waiting || is_wanted(invocation)))
        return;
    if (invocation.progress == Progress::forwarded) return forwarder_.client_gone(index);
    if (invocation.progress == Progress::local) invocation.progress = Progress::abandoned;
    if (invocation.progress != Progress::waiting) return;
    wait_no_more(index);
    context_.counters.count(Reason::drop_client_gone);
    finish(context_, index);
}

// Somebody waits for its answer, or may ask for it because it may have run already. Of one that has
// not been started, and that nobody waits for, nothing is remembered from here on.
bool Core::is_wanted(Invocation& invocation) {
    if (invocation.exchange != kExchangeGone) return true;
    if (invocation.dedup_entry == kNoDedup) return false;
    if (invocation.maybe_repeated) return true;
    if (!context_.dedup->withdraw(invocation.dedup_entry)) return true;
    invocation.dedup_entry = kNoDedup;
    return false;
}

void Core::ring_workers() {
    take_completions();
    dispatcher_.ring_workers();
}

// Gives the first of a queue a slot. False: there is none.
bool Core::serve_first(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    // The version may have gone, or live in another entry, since the request joined the queue.
    const Target* target =
        context_.snapshot->find(invocation.header.function_key.get(), invocation.version_key);
    if (target == nullptr || target->entry == kNoEntry) {
        wait_no_more(index);
        refuse_header(context_, invocation, Reason::failed_start);
        finish(context_, index);
        return true;
    }
    if (target->entry != invocation.entry) {
        wait_no_more(index);
        invocation.entry = target->entry;
        wait_for_slot(index);
        return true;
    }
    bool share_used = false;
    const Claim claim = claim_for(invocation.entry, invocation.tenant, share_used);
    if (claim.channel == nullptr) return false;
    wait_no_more(index);
    if (!dispatcher_.may_take(claim, invocation.message->payload_bytes.get())) {
        give_back(invocation.entry, claim);
        refuse_header(context_, invocation, Reason::refused_too_large);
        finish(context_, index);
        return true;
    }
    invocation.queue_us = context_.us_from_tsc(context_.now_tsc - invocation.arrived_tsc);
    context_.counters.queued_us_sum.add(invocation.queue_us);
    start_local(index, claim);
    return true;
}

// It takes longer than most: a second region, if one may have it. Not here: a slot of this server
// would have been taken when it came.
void Core::hedge(std::uint32_t index) {
    const Invocation& invocation = context_.invocations[index];
    const Target* target =
        context_.snapshot->find(invocation.header.function_key.get(), invocation.version_key);
    select::Choice choice;
    if (target != nullptr && !context_.snapshot->draining())
        choice = choose_second(*target, field_of(*target),
                               {.deadline_us = context_.us_until(invocation.deadline_tsc),
                                .payload_bytes = invocation.header.payload_bytes.get(),
                                .hop_count = invocation.header.hop_count,
                                .tried = invocation.tried,
                                .spread = random_bits(index)});
    forwarder_.hedge(index, choice);
}

// What senders of datagrams want no more, after this turn's requests: a cancel may come in the same
// burst as what it cancels.
void Core::take_cancels() {
    for (const Cancel& each : messages_.cancels()) {
        const std::uint32_t index = context_.cache.invocation_of(each.tag, each.function_key);
        const bool taken = index != wire::ReplyCache::kNoInvocation && cancel(index);
        context_.counters.count(taken ? Reason::cancel_taken : Reason::cancel_late);
    }
}

// Takes back a request that waits, and that no other try waits for. What has begun runs on: its end
// may be wanted yet, by who asks again.
bool Core::cancel(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    if (invocation.progress == Progress::ahead) (void)dispatcher_.take_back(index);
    if (invocation.progress != Progress::waiting || invocation.exchange != kNoExchange)
        return false;
    if (invocation.dedup_entry != kNoDedup && !context_.dedup->withdraw(invocation.dedup_entry))
        return false;
    invocation.dedup_entry = kNoDedup;
    wait_no_more(index);
    context_.cache.forget(invocation.cache_entry);
    finish(context_, index);
    return true;
}

// A region refused it or fell silent: here, another region, or nobody.
void Core::decide_again(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    if (!is_wanted(invocation)) {
        context_.counters.count(Reason::drop_client_gone);
        finish(context_, index);
        return;
    }
    const Target* target =
        context_.snapshot->find(invocation.header.function_key.get(), invocation.version_key);
    Decision decision;
    decision.reason = Reason::refused_no_version;
    Claim claim;
    bool share_used = false;
    if (target != nullptr) {
        decision = judge(*target, invocation.tenant,
                         {.deadline_us = context_.us_until(invocation.deadline_tsc),
                          .payload_bytes = invocation.header.payload_bytes.get(),
                          .hop_count = invocation.header.hop_count,
                          .tried = invocation.tried,
                          .spread = random_bits(index)},
                         claim, share_used);
        invocation.entry = target->entry;
        remember(invocation, decision);
    }
    switch (decision.verdict) {
        case Verdict::local:
            if (dispatcher_.may_take(claim, invocation.message->payload_bytes.get())) {
                start_local(index, claim);
                return;
            }
            give_back(invocation.entry, claim);
            decision.reason = Reason::refused_too_large;
            break;
        case Verdict::forward:
            decision.reason = Reason::refused_pending_full;
            if (!forwarder_.has_room()) break;
            decision.reason = Reason::refused_retry_budget;
            if (!forwarder_.may_fail_over()) break;
            note_forwarded(invocation, share_used);
            forwarder_.start(index, decision.region);
            return;
        case Verdict::queue:
            no_longer_away(context_, invocation);
            wait_for_slot(index);
            return;
        case Verdict::refuse:
            count_refusal(invocation.tenant, decision.reason);
            break;
    }
    if (invocation.maybe_repeated) {
        answer_header(context_, invocation,
                      decision.reason == Reason::refused_retry_budget ? Reason::failed_retry_budget
                                                                      : Reason::failed_regions);
    } else {
        refuse_header(context_, invocation, decision.reason);
    }
    finish(context_, index);
}

}  // namespace skerry
