// Forwarded requests that have a stream of a trunk.
#include "dataplane/forward/forwarder.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

std::uint32_t Forwarder::payload_limit(std::uint8_t region) const {
    return trunks_ != nullptr && trunks_->leads_to(region)
               ? trunk::kPayloadBytesMax
               : context_.snapshot->regions()[region].max_payload_bytes;
}

bool Forwarder::fits_datagram(const Invocation& invocation) const {
    const auto* payload = reinterpret_cast<const std::uint8_t*>(invocation.message + 1);
    const auto before = payload - rte_pktmbuf_mtod(invocation.request, const std::uint8_t*);
    const std::uint32_t bytes = invocation.header.payload_bytes.get();
    return bytes <= context_.snapshot->regions()[invocation.region].max_payload_bytes &&
           bytes + before <= invocation.request->data_len;  // it is copied in one piece
}

// False: not by trunk, or none is free.
bool Forwarder::send_by_trunk(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    if (trunks_ == nullptr) return false;
    if (invocation.exchange == kNoExchange && fits_datagram(invocation)) return false;
    wire::Header request = request_header(invocation);
    request.cookie.set(0);  // a connection needs none
    request.copy = 0;
    invocation.stream = trunks_->start(index, invocation.region, request);
    if (invocation.stream == kNoStream) return false;
    invocation.sends = 1;
    invocation.copies = 1;
    wait(index);
    return true;
}

void Forwarder::client_gone(std::uint32_t index) {
    context_.counters.count(Reason::drop_client_gone);
    end(index);
}

void Forwarder::stream_accepted(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    context_.counters.count(Reason::accept_taken);
    context_.counters.regions[invocation.region].answered.add();
    invocation.accepted = true;
}

void Forwarder::stream_answered(std::uint32_t index, wire::Header& reply, rte_mbuf* payload) {
    Invocation& invocation = context_.invocations[index];
    invocation.stream = kNoStream;
    count_answer(invocation, invocation.region, reply);
    if (is_refusal(reply)) {
        rte_pktmbuf_free(payload);
        go_elsewhere(index);
        return;
    }
    learn(index, invocation.region, reply);
    left(invocation);
    const std::uint32_t first = take_answer(index);
    answer_relayed(context_, context_.invocations[first], reply, payload);
    end(first);
}

void Forwarder::stream_overflowed(std::uint32_t index) {
    Invocation& invocation = context_.invocations[index];
    invocation.stream = kNoStream;
    context_.counters.regions[invocation.region].answered.add();
    if (other_copy_runs(invocation)) {
        context_.invocations[first_of(index)].maybe_repeated = true;
        go_elsewhere(index);
        return;
    }
    left(invocation);
    const std::uint32_t first = first_of(index);
    answer_header(context_, context_.invocations[first], Reason::failed_answer_no_room);
    end(first);
}

void Forwarder::stream_lost(std::uint32_t index, bool may_run) {
    Invocation& invocation = context_.invocations[index];
    invocation.stream = kNoStream;
    context_.counters.regions[invocation.region].silent.add();
    if (may_run) {
        on_silence(index);
    } else {
        go_elsewhere(index);
    }
}

}  // namespace skerry
