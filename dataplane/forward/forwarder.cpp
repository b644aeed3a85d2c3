#include "dataplane/forward/forwarder.hpp"

#include "dataplane/forward/send.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

void Forwarder::start(std::uint32_t index, std::uint8_t region) {
    Invocation& invocation = context_.invocations[index];
    SKERRY_CHECK(invocation.request != nullptr && region < context_.snapshot->regions().size());
    RegionNumbers numbers;
    invocation.cookie = context_.shared.region_numbers[region].read(numbers) ? numbers.cookie : 0;
    invocation.progress = Progress::forwarded;
    invocation.region = region;
    invocation.tried |= std::uint64_t{1} << region;
    invocation.sends = 0;
    invocation.accepted = false;
    invocation.challenged = false;
    ++invocation.attempts;
    invocation.started_tsc = context_.now_tsc;
    ++pending_;
    context_.counters.functions[invocation.function].forwarded.add();
    context_.counters.regions[region].sent.add();
    context_.counters.sent[invocation.function][region].add();
    send(index);
}

void Forwarder::send(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    const std::uint32_t payload_bytes = invocation.header.payload_bytes.get();
    wire::Header header = invocation.header;
    header.request_id_hi.set(context_.shared.server.boot_id);
    header.request_id_lo.set(
        Token{static_cast<std::uint8_t>(context_.core), index, invocation.generation}.pack());
    header.qualifier.set(invocation.version_key);
    header.cookie.set(invocation.cookie);
    header.deadline_us.set(std::max(1u, context_.us_until(invocation.deadline_tsc)));
    header.hop_count = static_cast<std::uint8_t>(invocation.header.hop_count + 1);
    // Who may be asked twice anyway needs no word that it has been started.
    header.flags.set(invocation.retry == RetryPolicy::idempotent
                         ? wire::flag::forwarded
                         : wire::flag::forwarded | wire::flag::want_accepted);
    send_to_region(context_, invocation.region, header, invocation.message + 1, payload_bytes);
    ++invocation.sends;
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
    const Invocation& invocation = context_.invocations[index];
    std::uint32_t wait_us = retransmit_us(invocation.region);
    if (invocation.accepted) {
        wait_us = std::max(2 * wait_us, kMinPoll_us);
    } else {
        // A function that is just quick to refuse a guess: each wait doubles the one before.
        wait_us <<= std::min<std::uint32_t>(invocation.sends, kSends) - 1;
    }
    context_.timers.arm(
        index, std::min(context_.now_tsc + context_.tsc_from_us(wait_us), invocation.deadline_tsc));
}

void Forwarder::on_timer(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    if (context_.now_tsc >= invocation.deadline_tsc) {
        if (invocation.sends > 1) context_.counters.regions[invocation.region].silent.add();
        answer_header(context_, invocation, Reason::failed_deadline_region);
        end(index);
        return;
    }
    if (invocation.sends < kSends) {
        context_.counters.retransmits.add();
        send(index);
        return;
    }
    context_.counters.regions[invocation.region].silent.add();
    on_silence(index);
}

void Forwarder::on_silence(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    const bool may_repeat = invocation.retry == RetryPolicy::idempotent ||
                            (invocation.retry == RetryPolicy::unstarted && !invocation.accepted);
    if (may_repeat) {
        invocation.maybe_repeated = true;
        go_elsewhere(index);
        return;
    }
    answer_header(context_, invocation, Reason::failed_outcome_unknown);
    end(index);
}

void Forwarder::go_elsewhere(std::uint32_t index) {
    SKERRY_CHECK(elsewhere_count_ < kElsewhereLimit);
    context_.timers.cancel(index);
    context_.invocations[index].progress = Progress::elsewhere;
    --pending_;
    elsewhere_[elsewhere_count_++] = index;
}

std::uint32_t Forwarder::take_elsewhere(std::array<std::uint32_t, kElsewhereLimit>& out) {
    const std::uint32_t count = elsewhere_count_;
    std::copy_n(elsewhere_.begin(), count, out.begin());
    elsewhere_count_ = 0;
    return count;
}

void Forwarder::end(std::uint32_t index) {
    --pending_;
    finish(context_, index);
}

bool Forwarder::find(const wire::Header& header, const net::Path& path, std::uint32_t& index,
                     std::uint8_t& from) {
    const Token token = Token::unpack(header.request_id_lo.get());
    if (header.request_id_hi.get() != context_.shared.server.boot_id) return false;
    if (token.core != context_.core || token.index >= context_.invocations.size()) return false;
    index = token.index;
    const Invocation& invocation = context_.invocations[index];
    if (invocation.generation != token.generation || invocation.progress != Progress::forwarded)
        return false;
    const auto& regions = context_.snapshot->regions();
    for (std::uint64_t tried = invocation.tried; tried != 0; tried &= tried - 1) {
        const auto region = static_cast<std::uint8_t>(std::countr_zero(tried));
        if (region < regions.size() && regions[region].address == path.peer &&
            regions[region].udp_port == path.peer_udp) {
            from = region;
            return true;
        }
    }
    return false;
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
    if (from != context_.invocations[index].region) {
        context_.counters.count(Reason::drop_stale_reply);
    } else if (kind == wire::Kind::accepted) {
        on_accepted(index);
    } else {
        on_challenge(index, header->cookie.get());
    }
    rte_pktmbuf_free(mbuf);
}

void Forwarder::on_reply(std::uint32_t index, std::uint8_t from, rte_mbuf* mbuf,
                         wire::Header* header, std::uint32_t message_bytes) {
    Invocation& invocation = context_.invocations[index];
    RegionCounters& region = context_.counters.regions[from];
    region.answered.add();
    const bool refused = is_known_status(header->status) &&
                         info(static_cast<ReplyStatus>(header->status)).retry == Retry::unstarted;
    if (!refused) {
        if (header->flags.get() & wire::flag::cold) {
            region.cold.add();
            context_.counters.functions[invocation.function].cold_seen.add();
        }
        answer_relayed(context_, invocation, mbuf, header, message_bytes);
        end(index);
        return;
    }
    region.refused.add();
    if (from == invocation.region) {
        go_elsewhere(index);
    } else {
        context_.counters.count(Reason::drop_stale_reply);  // that region was given up before
    }
    rte_pktmbuf_free(mbuf);
}

void Forwarder::on_accepted(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    context_.counters.count(Reason::accept_taken);
    context_.counters.regions[invocation.region].answered.add();
    invocation.accepted = true;
    invocation.sends = 0;
    arm(index);
}

void Forwarder::on_challenge(std::uint32_t index, std::uint64_t cookie) {
    Invocation& invocation = context_.invocations[index];
    context_.counters.count(Reason::challenge_taken);
    if (invocation.accepted) {
        // It knew our cookie when it started this, and knows it no more: it has been restarted
        // since.
        on_silence(index);
        return;
    }
    if (invocation.challenged && cookie == invocation.cookie) return;  // a duplicate
    invocation.challenged = true;
    invocation.cookie = cookie;
    invocation.sends = 0;
    send(index);
}

}  // namespace skerry
