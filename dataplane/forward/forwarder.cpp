#include "dataplane/forward/forwarder.hpp"

#include <cstring>
#include <utility>

#include "dataplane/forward/send.hpp"
#include "dataplane/load/to_region_load.hpp"
#include "dataplane/reply/replies.hpp"
#include "dataplane/wire/cookie.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

void Forwarder::start(std::uint32_t index, std::uint8_t region) {
    Invocation& invocation = context_.invocations[index];
    invocation.hedge_tsc = 0;
    if (invocation.attempts++ == 0) {
        budget_.deposit(context_.now_ms);
        hedges_.deposit();
        invocation.hedge_tsc = hedge_instant(invocation, region);
    } else {
        context_.counters.fail_overs.add();
    }
    invocation.overdue = false;
    context_.counters.functions[invocation.function].forwarded.add();
    begin(index, region);
}

// One copy, to one region.
void Forwarder::begin(std::uint32_t index, std::uint8_t region) {
    Invocation& invocation = context_.invocations[index];
    SKERRY_CHECK(invocation.request != nullptr && region < context_.snapshot->regions().size());
    RegionNumbers numbers;
    invocation.cookie = context_.shared.region_numbers[region].read(numbers) ? numbers.cookie : 0;
    invocation.progress = Progress::forwarded;
    invocation.region = region;
    invocation.at_region = true;
    invocation.tried |= std::uint64_t{1} << region;
    invocation.sends = 0;
    invocation.accepted = false;
    invocation.copies = 0;
    invocation.refused = 0;
    invocation.started_tsc = context_.now_tsc;
    ++pending_;
    memory_.sent(region);
    context_.counters.regions[region].sent.add();
    context_.counters.sent[invocation.function][region].add();
    if (send_by_trunk(index)) return;
    // The decision was made when there was a stream; it may have been the last one.
    if (!fits_datagram(invocation)) return go_elsewhere(index);
    send(index);
}

// What a request says to its region, however it goes there.
wire::Header Forwarder::request_header(const Invocation& invocation) const {
    wire::Header header = invocation.header;
    header.qualifier.set(invocation.version_key);
    header.deadline_us.set(std::max(1u, context_.us_until(invocation.deadline_tsc)));
    header.hop_count = static_cast<std::uint8_t>(invocation.header.hop_count + 1);
    // Who may be asked twice anyway needs no word that it has been started, as long as it is quick;
    // a copy asks whether it still runs.
    const auto tail =
        static_cast<std::uint16_t>(invocation.header.flags.get() & wire::flag::want_tail);
    header.flags.set(invocation.retry == RetryPolicy::idempotent && invocation.copies == 0
                         ? wire::flag::forwarded | tail
                         : wire::flag::forwarded | wire::flag::want_accepted | tail);
    header.copy = invocation.copies;
    // The region is told what makes another try of it the same, whichever POP that comes from. A
    // datagram's sender has no say in it.
    const std::uint16_t key = invocation.header.flags.get() & wire::flag::retry_key;
    if (key != 0 && invocation.exchange != kNoExchange) {
        header.flags.set(static_cast<std::uint16_t>(header.flags.get() | key));
    } else {
        std::memset(header.place, 0, sizeof header.place);
    }
    return header;
}

void Forwarder::send(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    const std::uint32_t payload_bytes = invocation.header.payload_bytes.get();
    wire::Header header = request_header(invocation);
    name_it(header, index);
    send_to_region(context_, invocation.region, header, invocation.message + 1, payload_bytes);
    ++invocation.sends;
    if (invocation.copies < kCopies) ++invocation.copies;
    arm(index);
}

std::uint32_t Forwarder::retransmit_us(std::uint8_t region) const {
    RegionNumbers numbers;
    if (!context_.shared.region_numbers[region].read(numbers)) return kMaxRetransmit_us / 4;
    // RFC 6298, with a floor that a turn of a sleeping core fits into.
    const std::uint32_t rto = numbers.rtt_us + 4 * numbers.rtt_variation_us + 1000;
    return std::clamp(rto, kMinRetransmit_us, kMaxRetransmit_us);
}

void Forwarder::arm(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    std::uint32_t wait_us = retransmit_us(invocation.region);
    if (invocation.accepted) {
        wait_us = std::max(2 * wait_us, kMinPoll_us);
    } else {
        // A function that is just quick to refuse a guess: each wait doubles the one before.
        wait_us <<= std::min<std::uint32_t>(invocation.sends, kSends) - 1;
    }
    invocation.resend_tsc = context_.now_tsc + context_.tsc_from_us(wait_us);
    wait(index);
}

// For what is due first.
void Forwarder::wait(std::uint32_t index) {
    const Invocation& invocation = context_.invocations[index];
    std::uint64_t due_tsc = invocation.deadline_tsc;
    if (invocation.at_region && invocation.stream == kNoStream)
        due_tsc = std::min(due_tsc, invocation.resend_tsc);
    if (invocation.hedge_tsc != 0) due_tsc = std::min(due_tsc, invocation.hedge_tsc);
    context_.timers.arm(index, due_tsc);
}

void Forwarder::on_timer(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    if (context_.now_tsc >= invocation.deadline_tsc) return on_deadline(index);
    const bool by_datagram = invocation.at_region && invocation.stream == kNoStream;
    if (!by_datagram || context_.now_tsc < invocation.resend_tsc) return wait(index);
    if (invocation.sends < kSends) {
        context_.counters.retransmits.add();
        send(index);
        return;
    }
    context_.counters.regions[invocation.region].silent.add();
    on_silence(index);
}

void Forwarder::on_deadline(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    if (invocation.at_region && invocation.sends > 1)
        context_.counters.regions[invocation.region].silent.add();
    // Its first has the same deadline.
    if (invocation.pair == Pair::second) return end_second(invocation.partner);
    answer_header(context_, invocation, Reason::failed_deadline_region);
    end(index);
}

void Forwarder::on_silence(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    const bool may_repeat = invocation.retry == RetryPolicy::idempotent ||
                            (invocation.retry == RetryPolicy::unstarted && !invocation.accepted);
    if (may_repeat) {
        context_.invocations[first_of(index)].maybe_repeated = true;
        go_elsewhere(index);
        return;
    }
    left(invocation);
    answer_header(context_, invocation, Reason::failed_outcome_unknown);
    end(index);
}

void Forwarder::go_elsewhere(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    SKERRY_CHECK(invocation.stream == kNoStream);
    left(invocation);
    if (invocation.pair == Pair::second) return second_failed(index);
    if (invocation.pair == Pair::first) return wait(index);  // its second copy has it
    context_.timers.cancel(index);
    invocation.progress = Progress::elsewhere;
    invocation.next = kNoInvocation;
    --pending_;
    (elsewhere_ == kNoInvocation ? elsewhere_ : context_.invocations[last_elsewhere_].next) = index;
    last_elsewhere_ = index;
}

std::uint32_t Forwarder::take_elsewhere(std::array<std::uint32_t, kElsewhereLimit>& out) {
    std::uint32_t count = 0;
    for (; elsewhere_ != kNoInvocation && count < kElsewhereLimit; ++count) {
        out[count] = elsewhere_;
        elsewhere_ = context_.invocations[elsewhere_].next;
    }
    return count;
}

void Forwarder::end(std::uint32_t index) {
    if (context_.invocations[index].pair == Pair::first) end_second(index);
    withdraw(index);
    --pending_;
    finish(context_, index);
}

void Forwarder::left(Invocation& invocation) {
    if (!invocation.at_region) return;
    invocation.at_region = false;
    memory_.ended(invocation.region);
}

void Forwarder::withdraw(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    if (!invocation.at_region) return;
    left(invocation);
    const std::uint32_t stream = std::exchange(invocation.stream, kNoStream);
    if (stream != kNoStream) {
        trunks_->cancel(stream);
    } else {
        // Where it still waits when the deadline has come, it ends by itself.
        if (context_.now_tsc >= invocation.deadline_tsc) return;
        send_cancel(index);
    }
    context_.counters.count(Reason::cancel_sent);
}

// Once: what is lost costs an execution that might have been saved.
void Forwarder::send_cancel(std::uint32_t index) {
    const Invocation& invocation = context_.invocations[index];
    wire::Header header{};
    header.magic.set(wire::kMagic);
    header.version = wire::kVersion;
    header.kind = static_cast<std::uint8_t>(wire::Kind::cancel);
    header.flags.set(wire::flag::forwarded);
    header.function_key = invocation.header.function_key;
    header.hop_count = static_cast<std::uint8_t>(invocation.header.hop_count + 1);
    name_it(header, index);
    send_to_region(context_, invocation.region, header, nullptr, 0);
}

// As the region knows it.
void Forwarder::name_it(wire::Header& header, std::uint32_t index) const {
    const Invocation& invocation = context_.invocations[index];
    const std::uint64_t token =
        Token{static_cast<std::uint8_t>(context_.core), index, invocation.generation}.pack();
    header.request_id_hi.set(forwarded_id(token, invocation.region));
    header.request_id_lo.set(token);
    header.cookie.set(invocation.cookie);
}

// SipHash under a key that nobody is told: an id can be answered by who has seen it, no one else.
std::uint64_t Forwarder::forwarded_id(std::uint64_t token, std::uint8_t region) const {
    const auto& key = context_.shared.server.forward_key;
    return wire::siphash({key[0], key[1]}, token, region, 0);
}

std::optional<std::uint8_t> Forwarder::region_of(const net::Path& path) const {
    const auto& regions = context_.snapshot->regions();
    for (std::size_t r = 0; r < regions.size(); ++r)
        if (regions[r].address == path.peer && regions[r].udp_port == path.peer_udp)
            return static_cast<std::uint8_t>(r);
    return std::nullopt;
}

bool Forwarder::is_ours(const wire::Header& header, const net::Path& path) const {
    const auto region = region_of(path);
    return region &&
           header.request_id_hi.get() == forwarded_id(header.request_id_lo.get(), *region);
}

bool Forwarder::find(const wire::Header& header, const net::Path& path, std::uint32_t& index,
                     std::uint8_t& from) {
    const Token token = Token::unpack(header.request_id_lo.get());
    if (token.core != context_.core || token.index >= context_.invocations.size()) return false;
    index = token.index;
    const Invocation& invocation = context_.invocations[index];
    if (invocation.generation != token.generation || invocation.progress != Progress::forwarded)
        return false;
    const auto region = region_of(path);
    if (!region || !(invocation.tried >> *region & 1)) return false;
    from = *region;
    return header.request_id_hi.get() == forwarded_id(header.request_id_lo.get(), from);
}

void Forwarder::on_message(rte_mbuf* mbuf, wire::Header* header, std::uint32_t message_bytes,
                           const net::Path& path) {
    std::uint32_t index = 0;
    std::uint8_t from = 0;
    if (!find(*header, path, index, from)) {
        context_.counters.count(Reason::drop_stale_reply);
        rte_pktmbuf_free(mbuf);
        return;
    }
    const auto kind = static_cast<wire::Kind>(header->kind);
    if (kind == wire::Kind::reply) {
        on_reply(index, from, mbuf, header, message_bytes);
        return;
    }
    const Invocation& invocation = context_.invocations[index];
    if (from != invocation.region || !invocation.at_region) {
        context_.counters.count(Reason::drop_stale_reply);
    } else if (kind == wire::Kind::accepted) {
        on_accepted(index);
    } else {
        on_challenge(index, *header);
    }
    rte_pktmbuf_free(mbuf);
}

bool Forwarder::is_faulty(const wire::Header& header) {
    if (!is_refusal(header)) return false;
    switch (static_cast<ReplyStatus>(header.status)) {
        case ReplyStatus::overloaded:
        case ReplyStatus::draining:
        case ReplyStatus::too_large:
        case ReplyStatus::caller_rate:
        case ReplyStatus::function_rate:
            return false;
        default:
            return true;
    }
}

// What the region says of its load is news for all cores. A reply that was kept says what was.
void Forwarder::take_load(std::uint8_t region, const wire::Header& reply) {
    const std::uint16_t flags = reply.flags.get();
    if (!(flags & wire::flag::load) || (flags & wire::flag::replayed)) return;
    if (!memory_.may_tell(region, context_.now_ms)) return;
    context_.shared.region_loads.write(region,
                                       to_region_load(wire::unpack_load(reply.cookie.get())));
}

void Forwarder::count_answer(const Invocation& invocation, std::uint8_t region,
                             const wire::Header& header) {
    RegionCounters& counters = context_.counters.regions[region];
    counters.answered.add();
    take_load(region, header);
    if (region == invocation.region) {
        counters.replies.add();
        if (is_faulty(header)) counters.faulty.add();
    }
    if (is_refusal(header)) {
        counters.refused.add();
    } else if (header.flags.get() & wire::flag::cold) {
        counters.cold.add();
        context_.counters.functions[invocation.function].cold_seen.add();
    }
}

// What an answer says of the region, and of the policy that chose it.
void Forwarder::learn(std::uint32_t index, std::uint8_t region, const wire::Header& reply) {
    const Invocation& invocation = context_.invocations[index];
    if (const std::uint32_t run_us = reply.run_us.get(); run_us != 0) {
        FunctionCounters& function = context_.counters.functions[invocation.function];
        function.region_done.add();
        function.region_run_us_sum.add(run_us);
    }
    const Invocation& first = context_.invocations[first_of(index)];
    const std::uint32_t took_us = context_.us_from_tsc(context_.now_tsc - invocation.started_tsc);
    if (region == invocation.region) memory_.took(region, took_us, context_.now_ms);
    // A second copy is seen to its end only when it was quick.
    if (region == invocation.region && invocation.retry == RetryPolicy::idempotent &&
        invocation.function != kCommonRow && !invocation.overdue && invocation.pair != Pair::second)
        usual(invocation, region).answered(took_us);
    // What was chosen is judged by when there was an answer, whoever it came from.
    const std::uint8_t chosen = invocation.pair == Pair::second ? first.region : region;
    const std::uint8_t baseline = first.selection.baseline;
    if (baseline == select::Choice::kNone || (!first.control && baseline == chosen)) return;
    select::Trial& trial = memory_.trial(first.function, first.header.function_key.get());
    const bool before = trial.reverted(context_.now_ms);
    // From its arrival: what a choice that failed has cost is part of it.
    trial.observe(first.control,
                  static_cast<float>(context_.us_from_tsc(context_.now_tsc - first.arrived_tsc)),
                  context_.now_ms);
    if (!before && trial.reverted(context_.now_ms)) context_.counters.reverts.add();
}

void Forwarder::on_reply(std::uint32_t index, std::uint8_t from, rte_mbuf* mbuf,
                         wire::Header* header, std::uint32_t message_bytes) {
    Invocation& invocation = context_.invocations[index];
    count_answer(invocation, from, *header);
    if (!is_refusal(*header)) {
        learn(index, from, *header);
        if (from == invocation.region) left(invocation);
        const std::uint32_t first = take_answer(index);
        answer_relayed(context_, context_.invocations[first], mbuf, header, message_bytes);
        end(first);
        return;
    }
    if (from == invocation.region && invocation.at_region) {
        on_refusal(index, *header);
    } else {
        context_.counters.count(Reason::drop_stale_reply);  // that region was given up before
    }
    rte_pktmbuf_free(mbuf);
}

void Forwarder::on_refusal(std::uint32_t index, const wire::Header& header) {
    Invocation& invocation = context_.invocations[index];
    const bool withdrawn = header.flags.get() & wire::flag::withdrawn;
    if (header.copy < invocation.copies) invocation.refused |= 1u << header.copy;
    if (withdrawn || (!invocation.accepted && invocation.refused + 1u == 1u << invocation.copies)) {
        go_elsewhere(index);
    } else if (!invocation.accepted && header.copy + 1 == invocation.copies &&
               invocation.retry != RetryPolicy::never) {
        // The earlier copies were lost, most likely; what came of them nobody has said.
        context_.invocations[first_of(index)].maybe_repeated = true;
        go_elsewhere(index);
    } else {
        context_.counters.count(Reason::drop_stale_reply);
    }
}

void Forwarder::on_accepted(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    context_.counters.count(Reason::accept_taken);
    context_.counters.regions[invocation.region].answered.add();
    invocation.accepted = true;
    invocation.sends = 0;
    arm(index);
}

void Forwarder::on_challenge(std::uint32_t index, const wire::Header& header) {
    Invocation& invocation = context_.invocations[index];
    context_.counters.count(Reason::challenge_taken);
    const std::uint64_t cookie = header.cookie.get();
    if (!invocation.accepted && cookie == invocation.cookie) return;  // a duplicate
    if (header.copy < invocation.copies) invocation.refused |= 1u << header.copy;
    const std::uint32_t sent = (1u << invocation.copies) - 1;
    // Nothing is executed for who has no cookie at all.
    if (invocation.cookie == 0) invocation.refused = sent;
    if (invocation.accepted || invocation.refused != sent || invocation.copies == kCopies) {
        // It may have known our cookie when it got an earlier copy, and knows it no more: it has
        // been restarted since.
        on_silence(index);
        return;
    }
    invocation.cookie = cookie;
    invocation.sends = 0;
    send(index);
}

}  // namespace skerry
