// Every answer that leaves the packet path, and the end of every invocation.
//
// A refusal is made in place: the request's own buffer becomes a header-only reply, never longer
// than what it answers, and costs no buffer. Answers with a payload get a fresh buffer, or the one
// in which the region's reply came. Each function counts its Reason: one for each request, exactly.
#pragma once

#include <cstdint>

#include "dataplane/context.hpp"
#include "dataplane/reasons.hpp"

namespace skerry {

// Cuts everything around the message off: what is left is what net::build() wants.
void strip_to_message(rte_mbuf* mbuf, const void* message, std::uint32_t message_bytes);

// Takes the mbuf: a header-only reply with the reason's status. The request has no invocation yet.
void refuse(Context& context, rte_mbuf* mbuf, wire::Header* header, const net::Path& path,
            Reason reason);
// The same for a request that holds an entry of the reply cache: that is forgotten, for nothing was
// executed.
void refuse(Context& context, const Arrival& arrival, Reason reason);

// Takes the mbuf: a header-only message of `kind` to its sender.
void send_header(Context& context, rte_mbuf* mbuf, wire::Header* header, const net::Path& path,
                 wire::Kind kind, std::uint64_t cookie);

// Takes the mbuf: the kept reply of the same request id.
void replay(Context& context, rte_mbuf* mbuf, wire::Header* request, const net::Path& path,
            const std::byte* reply, std::uint32_t reply_bytes);

// "I have it, and will answer": a fresh header-only message to the invocation's sender.
void send_accepted(Context& context, const Invocation& invocation);

// A fresh message without a payload; its header is whole.
void send_message(Context& context, const net::Path& path, const wire::Header& header);

// The answer of another try of the same request, to one that came by datagram: kept in the reply
// cache, unless it is a refusal. `answer.payload` is nobody's to change meanwhile.
void answer_try(Context& context, const net::Path& path, std::uint32_t cache_entry,
                const ExchangeAnswer& answer);

// Ends of an invocation: the client is answered and the answer kept for retransmits. The invocation
// itself lives on until finish().
void answer_header(Context& context, Invocation& invocation, Reason reason);
// The same with a text that says more, which is left out when it does not fit.
void answer_failure(Context& context, Invocation& invocation, Reason reason,
                    const std::byte* payload, std::uint32_t payload_bytes);
// The same when nothing was executed anywhere: not kept, so that the client may send it again.
void refuse_header(Context& context, Invocation& invocation, Reason reason);
void answer_local(Context& context, Invocation& invocation, ReplyStatus status,
                  const std::byte* payload, std::uint32_t payload_bytes, std::uint32_t run_us);
// While Invocation::hold_reply is set, the answers above are made and kept in Invocation::reply:
// neither sent nor known to the reply cache, until send_held() adds what room_for_tail() allows. An
// exchange gets its answer at once, and the tail from send_held().
std::uint32_t room_for_tail(const Context& context, const Invocation& invocation);
void send_held(Context& context, Invocation& invocation, const char* tail,
               std::uint32_t tail_bytes);
// Takes the mbuf: a region's reply in a datagram, on its way back.
void answer_relayed(Context& context, Invocation& invocation, rte_mbuf* mbuf, wire::Header* header,
                    std::uint32_t message_bytes);

// Takes the buffers: a region's reply that came over a trunk. `header` is its header, `payload` all
// of its payload; none if that is empty.
void answer_relayed(Context& context, Invocation& invocation, wire::Header& header,
                    rte_mbuf* payload);

// It is in no region's hands any more: its tenant has one forwarded request less.
void no_longer_away(Context& context, Invocation& invocation);

// Frees the invocation and what it holds.
void finish(Context& context, std::uint32_t index);

// Share of this server's slots in use, 255: all.
std::uint8_t busy_byte(const Context& context);

}  // namespace skerry
