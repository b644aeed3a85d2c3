// The stages of Core::turn(), in its order.
#include <algorithm>
#include <new>
#include <utility>

#include "dataplane/loop.hpp"
#include "dataplane/net/flow.hpp"
#include "dataplane/reply/replies.hpp"

namespace skerry {

std::uint32_t Core::receive() {
    received_count_ = 0;
    answered_count_ = 0;
    shedding_ = sources_ != nullptr && sources_->shedding(context_.now_tsc);
    const auto& ports = context_.shared.server.ports;
    const auto port_count = static_cast<std::uint8_t>(ports.size());  // ≤ kMaxPorts
    for (std::uint8_t port = 0; port < port_count; ++port) {
        std::uint32_t most = kBurst;
        for (int i = 0; i < kBurstsOfFlood && most != 0; ++i) most = receive_burst(port, most);
        // The wire, and the driver's stores, are at it while the rest of the turn goes on.
        if (answered_count_ != 0) (void)context_.flush(port);
    }
    rte_mbuf* burst[kBurst];
    // What other cores received for us: whole frames, to be looked at as if they had come here.
    const unsigned handed = rte_ring_dequeue_burst(
        context_.shared.handover[context_.core], reinterpret_cast<void**>(burst), kBurst, nullptr);
    for (unsigned i = 0; i < handed; ++i) {
        std::uint8_t port = 0;
        while (port + 1u < ports.size() && ports[port].dpdk_port != burst[i]->port) ++port;
        received_[received_count_++] = {burst[i], port};
    }
    return received_count_ + answered_count_;
}

// At most so many. How many of them were a flood's, if there may be more.
std::uint32_t Core::receive_burst(std::uint8_t port, std::uint32_t most) {
    const net::PortView& view = context_.shared.server.ports[port];
    rte_mbuf* burst[kBurst];
    const std::uint16_t count = rte_eth_rx_burst(view.dpdk_port, context_.tx_queue, burst,
                                                 static_cast<std::uint16_t>(most));
    if (count == 0) return 0;
    std::uint64_t bytes = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
        rte_prefetch0(rte_pktmbuf_mtod(burst[i], void*));
        bytes += burst[i]->pkt_len;
        burst[i]->port = view.dpdk_port;
    }
    context_.counters.rx_packets.add(count);
    context_.counters.rx_bytes.add(bytes);
    std::size_t left = count;
    // Not where another core may have the connection, and not what may be shed.
    if (front_ != nullptr && view.sticky && !shedding_)
        left = front_->answer_flood({burst, count}, port);
    for (std::size_t i = 0; i < left; ++i) received_[received_count_++] = {burst[i], port};
    const auto answered = static_cast<std::uint32_t>(count - left);
    answered_count_ += answered;
    return count == most ? answered / kDriverStep * kDriverStep : 0;
}

std::uint32_t Core::headers() {
    datagram_count_ = 0;
    segment_count_ = 0;
    const ServerInfo& server = context_.shared.server;
    for (std::uint32_t i = 0; i < received_count_; ++i) {
        rte_mbuf* mbuf = received_[i].mbuf;
        if (shedding_ && sources_->sheds(mbuf, context_.now_tsc)) {
            context_.counters.count(Reason::drop_source_shed);
            rte_pktmbuf_free(mbuf);
            continue;
        }
        const std::uint8_t port = received_[i].port;
        Datagram& datagram = datagrams_[datagram_count_];
        datagram.mbuf = mbuf;
        // In place: a copy would wait for the frame's narrow writes.
        new (&datagram.frame)
            net::Frame(net::classify(mbuf, port, server.ports[port], server.udp_port,
                                     context_.shared.neighbours, context_.now_s));
        const net::Frame& frame = datagram.frame;
        if (frame.kind == net::FrameKind::udp) [[likely]] {
            ++datagram_count_;
            continue;
        }
        if (frame.kind == net::FrameKind::tcp || frame.kind == net::FrameKind::tcp_error) {
            take_segment(mbuf, frame);
            continue;
        }
        context_.counters.count(frame.reason);
        if (frame.kind == net::FrameKind::transmit) {
            context_.send(mbuf, port);
        } else {
            rte_pktmbuf_free(mbuf);
        }
    }
    return received_count_;
}

// A connection lives on one core. A port that does not keep a flow on one queue leaves it to us to
// say on which.
void Core::take_segment(rte_mbuf* mbuf, const net::Frame& frame) {
    const ServerInfo& server = context_.shared.server;
    if (!server.ports[frame.path.port].sticky) [[unlikely]] {
        const std::uint32_t owner = net::owner_of_flow(frame.path, server.core_count);
        if (owner != context_.core) {
            messages_.hand_over(mbuf, owner);
            return;
        }
    }
    segments_[segment_count_++] = {mbuf, frame};
}

std::uint32_t Core::messages() {
    arrival_count_ = messages_.take({datagrams_.data(), datagram_count_}, arrivals_.data());
    handover_bells();
    return datagram_count_;
}

// Segments into connections, and what connections have asked for behind what came in datagrams.
std::uint32_t Core::exchanges() {
    if (front_ == nullptr) return 0;
    front_->input({segments_.data(), segment_count_});
    const std::uint32_t work = front_->turn();
    // All of them, before one ends by itself: bounded by what turn() looks at.
    std::uint32_t gone[kTimersPerTurn];
    for (;;) {
        const std::uint32_t count = front_->take_gone(gone);
        for (std::uint32_t i = 0; i < count; ++i) client_gone(gone[i]);
        if (count < kTimersPerTurn) break;
    }
    const std::uint32_t arrived =
        front_->take(std::span(arrivals_).subspan(arrival_count_, kBatch - arrival_count_));
    arrival_count_ += arrived;
    return segment_count_ + work + arrived;
}

std::uint32_t Core::decide() {
    verdict_count_ = 0;
    candidates_read_ = false;
    for (std::uint32_t i = 0; i < arrival_count_; ++i) {
        const Arrival& arrival = arrivals_[i];
        if (!within_rate(arrival)) {
            context_.counters.functions[arrival.target->function].throttled.add();
            refuse(context_, arrival, Reason::refused_function_rate);
            continue;
        }
        const Request request{.deadline_us = arrival.deadline_us,
                              .payload_bytes = arrival.header->payload_bytes.get(),
                              .hop_count = arrival.header->hop_count,
                              .tried = 0,
                              .spread = random_bits(arrival.tag)};
        const std::uint8_t tenant = tenant_of(*arrival.target);
        Claim claim;
        bool share_used = false;
        Decision decision = judge(*arrival.target, tenant, request, claim, share_used);
        if (decision.verdict == Verdict::forward && !may_forward(tenant))
            decision = {.reason = Reason::refused_pending_full};
        if (decision.verdict == Verdict::refuse) {
            count_refusal(tenant, decision.reason);
            refuse(context_, arrival, decision.reason);
            continue;
        }
        if (decision.verdict == Verdict::local &&
            !dispatcher_.may_take(claim, arrival.header->payload_bytes.get())) {
            give_back(arrival.target->entry, claim);
            refuse(context_, arrival, Reason::refused_too_large);
            continue;
        }
        const Entry entry = enter(*arrival.target, tenant);
        const std::uint32_t index = entry.let_in ? open(arrival, entry) : kNoInvocation;
        if (index == kNoInvocation) {
            if (entry.let_in) leave(*arrival.target, entry);
            if (claim.channel != nullptr) give_back(arrival.target->entry, claim);
            refuse(context_, arrival, entry.refusal);
            continue;
        }
        remember(context_.invocations[index], decision);
        // Forwarding has a limit that this burst may use up: start at once, send with the burst.
        verdicts_[verdict_count_++] = {index, decision, claim, share_used};
        if (decision.verdict == Verdict::queue) wait_for_slot(index);
    }
    return arrival_count_;
}

std::uint32_t Core::dispatch() {
    std::uint32_t started = 0;
    bool said_accepted = false;
    for (std::uint32_t i = 0; i < verdict_count_; ++i) {
        const Verdicts& verdict = verdicts_[i];
        const Invocation& invocation = context_.invocations[verdict.index];
        if (verdict.decision.verdict == Verdict::forward) continue;
        if (invocation.header.flags.get() & wire::flag::want_accepted) {
            send_accepted(context_, invocation);
            said_accepted = true;
        }
        if (verdict.decision.verdict != Verdict::local) continue;
        start_local(verdict.index, verdict.claim);
        ++started;
    }
    // The word that it has been started leaves before the worker can start: if this server dies in
    // between, the POP errs on the side of "may have been executed".
    if (said_accepted) {
        (void)segments();
        transmit();
    }
    ring_workers();
    return started;
}

std::uint32_t Core::forward() {
    std::uint32_t forwarded = 0;
    for (std::uint32_t i = 0; i < verdict_count_; ++i) {
        const Verdicts& verdict = verdicts_[i];
        if (verdict.decision.verdict != Verdict::forward) continue;
        Invocation& invocation = context_.invocations[verdict.index];
        if (may_forward(invocation.tenant)) {
            note_forwarded(invocation, verdict.share_used);
            forwarder_.start(verdict.index, verdict.decision.region);
            ++forwarded;
        } else {
            refuse_header(context_, context_.invocations[verdict.index],
                          Reason::refused_pending_full);
            finish(context_, verdict.index);
        }
    }
    const std::uint32_t again = forwarder_.take_elsewhere(elsewhere_);
    for (std::uint32_t i = 0; i < again; ++i) decide_again(elsewhere_[i]);
    if (again != 0) ring_workers();
    return forwarded + again;
}

std::uint32_t Core::collect() {
    if (dispatcher_.api_in_flight() != 0) {
        ring_->finish_due_work();
        take_completions();
    }
    return dispatcher_.collect();
}

std::uint32_t Core::waiting() {
    std::uint32_t started = 0;
    take_cancels();
    if (dispatcher_.ahead() != 0) dispatcher_.recall_late();
    // From the end: a queue that becomes empty is replaced by the last one, which had its turn.
    for (std::uint32_t i = waiting_.queues(); i-- > 0;) {
        while (i < waiting_.queues() && started < kStartsPerTurn &&
               serve_first(waiting_.first_of(i)))
            ++started;
    }
    if (waiting_.queues() != 0) started += dispatcher_.hand_ahead(kStartsPerTurn - started);
    if (started != 0) ring_workers();
    return started;
}

std::uint32_t Core::timers() {
    std::uint32_t due[kTimersPerTurn];
    const std::uint32_t count = context_.timers.expire(context_.now_tsc, due);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t index = due[i];
        Invocation& invocation = context_.invocations[index];
        if (invocation.progress == Progress::ahead) (void)dispatcher_.take_back(index);
        switch (invocation.progress) {
            case Progress::local:
            case Progress::abandoned:
                dispatcher_.on_timer(index);
                break;
            case Progress::tail:
                dispatcher_.on_tail_timer(index);
                break;
            case Progress::forwarded:
                if (forwarder_.wants_hedge(index)) hedge(index);
                forwarder_.on_timer(index);
                break;
            case Progress::waiting:
                wait_no_more(index);
                answer_header(context_, invocation, Reason::failed_deadline_queued);
                finish(context_, index);
                break;
            case Progress::ahead:
            case Progress::free:
            case Progress::elsewhere:
                break;  // the first is no more, the timers of the others were cancelled
        }
    }
    const std::uint32_t again = forwarder_.take_elsewhere(elsewhere_);
    for (std::uint32_t i = 0; i < again; ++i) decide_again(elsewhere_[i]);
    if (again != 0) ring_workers();
    return count;
}

std::uint32_t Core::probes() {
    return prober_.send_commands();
}

std::uint32_t Core::neighbours() {
    static constexpr std::uint16_t kMaxAge_s = 10;
    if (context_.core != 0 || context_.now_tsc < next_neighbours_tsc_) return 0;
    next_neighbours_tsc_ = context_.now_tsc + context_.tsc_hz / 4;
    const net::Neighbours& known = context_.shared.neighbours;
    std::uint32_t asked = 0;
    for (std::size_t i = 0; i < known.size(); ++i) {
        if (!known.wants_refresh(i, context_.now_s, kMaxAge_s)) continue;
        rte_mbuf* mbuf = rte_pktmbuf_alloc(context_.pool);
        if (mbuf == nullptr) {
            context_.counters.count(Reason::drop_no_mbuf);
            break;
        }
        const net::Neighbours::NextHop& hop = known.hop(i);
        if (net::build_neighbour_request(mbuf, hop.address,
                                         context_.shared.server.ports[hop.port])) {
            context_.send(mbuf, hop.port);
            ++asked;
        } else {
            rte_pktmbuf_free(mbuf);
        }
    }
    return asked;
}

std::uint32_t Core::segments() {
    if (front_ == nullptr) return 0;
    segments_left_ = front_->flush();
    return segments_left_ ? 1 : 0;
}

std::uint32_t Core::transmit() {
    std::uint32_t sent = 0;
    const auto ports = static_cast<std::uint8_t>(context_.shared.server.ports.size());
    for (std::uint8_t port = 0; port < ports; ++port) sent += context_.flush(port);
    ring_control();
    if (context_.wake_cores != 0) handover_bells();
    context_.counters.in_flight.set(dispatcher_.in_flight());
    context_.counters.waiting.set(waiting_.size());
    context_.counters.pending.set(forwarder_.pending());
    if (context_.now_tsc >= next_gauges_tsc_) gauges();
    ring_->submit();
    return sent;
}

// What would not go back to where it was, if something were lost. Counting a pool's buffers visits
// all lcores' caches: so not each turn.
void Core::gauges() {
    next_gauges_tsc_ = context_.now_tsc + context_.tsc_hz / 10;
    CoreCounters& counters = context_.counters;
    counters.packet_buffers.set(rte_mempool_in_use_count(context_.pool));
    if (sources_ != nullptr) {
        counters.sources_forgotten.set(sources_->table().forgotten());
        counters.sources_sharing.set(sources_->table().overflowed());
    }
    if (front_ == nullptr) return;
    const net::tcp::Stats& tcp = front_->tcp_stats();
    counters.connections.set(tcp.connections.get() - tcp.time_waits.get());
    counters.exchanges.set(front_->exchanges().open_exchanges());
}

}  // namespace skerry
