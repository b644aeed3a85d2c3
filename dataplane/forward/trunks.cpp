// Streams on trunks: requests out, answers in.
#include "dataplane/forward/trunks.hpp"

#include <algorithm>
#include <bit>

#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

std::uint64_t bytes_of(const rte_mempool* buffers) {
    auto* pool = const_cast<rte_mempool*>(buffers);
    return std::uint64_t{pool->size} * (rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM);
}

}  // namespace

Trunks::Trunks(Context& context, net::tcp::Stack& stack, rte_mempool* buffers, StreamOwner& owner)
    : context_(context),
      stack_(stack),
      buffers_(buffers),
      owner_(owner),
      per_region_(context.shared.server.trunks.per_region),
      over_tcp_(stack, trunk::Role::client, per_region_ * context.shared.server.trunks.regions,
                kWindowBytes, *this),
      trunks_(over_tcp_.count()),
      streams_(std::make_unique<Stream[]>(trunks_.size() * trunk::kStreams)),
      reservable_bytes_(bytes_of(buffers) / 2),
      random_(context.shared.server.boot_id + context.core) {}

Trunks::~Trunks() {
    for (std::size_t i = 0; i < trunks_.size() * trunk::kStreams; ++i) streams_[i].answer.free();
}

// The trunk there that has the fewest streams; kNoStream: all are full, or down.
std::uint32_t Trunks::best_of(std::uint8_t region) {
    std::uint32_t best = kNoStream;
    int fewest = trunk::kStreams;
    for (std::uint32_t i = first_of(region); i < first_of(region) + per_region_; ++i) {
        if (trunks_[i].state != State::up || !over_tcp_.link(i).has_place()) continue;
        const int streams = std::popcount(over_tcp_.link(i).streams());
        if (streams >= fewest) continue;
        fewest = streams;
        best = i;
    }
    return best;
}

bool Trunks::leads_to(std::uint8_t region) {
    return best_of(region) != kNoStream;
}

std::uint32_t Trunks::start(std::uint32_t index, std::uint8_t region, const wire::Header& request) {
    const std::uint32_t number = best_of(region);
    if (number == kNoStream || !over_tcp_.link(number).takes(request)) return kNoStream;
    trunk::Link& link = over_tcp_.link(number);
    Trunk& trunk = trunks_[number];
    // Nothing was outstanding: silence begins to count now.
    if (link.idle() && !trunk.pinged) trunk.sign_us = now_us_;
    const std::uint32_t place = link.open(request);
    Stream& stream = stream_of(link, place);
    SKERRY_CHECK(stream.invocation == kNoInvocation);
    stream.invocation = index;
    const Invocation& invocation = context_.invocations[index];
    stream.request = {
        invocation.request,
        static_cast<std::uint32_t>(reinterpret_cast<const std::uint8_t*>(invocation.message + 1) -
                                   rte_pktmbuf_mtod(invocation.request, const std::uint8_t*))};
    ++streams_open_;
    over_tcp_.speaks(number);
    return index_of(stream);
}

void Trunks::cancel(std::uint32_t number) {
    Stream& stream = streams_[number];
    SKERRY_CHECK(stream.invocation != kNoInvocation);
    const std::uint32_t trunk = number / trunk::kStreams, place = number % trunk::kStreams;
    over_tcp_.link(trunk).cancel(place);
    over_tcp_.speaks(trunk);
    forget(stream);
    serve_waiting();
}

void Trunks::forget(Stream& stream) {
    if (stream.waits) leave_waiting(stream);
    reserved_bytes_ -= stream.reserved_bytes;
    stream.answer.free();
    stream = Stream{};
    --streams_open_;
}

trunk::Bytes Trunks::unsent(trunk::Link& link, std::uint32_t place) {
    const auto [bytes, count] = stream_of(link, place).request.next();
    return {bytes, count};
}

void Trunks::sent(trunk::Link& link, std::uint32_t place, std::uint32_t bytes) {
    stream_of(link, place).request.offset += bytes;
}

void Trunks::message(trunk::Link& link, std::uint32_t place, const wire::Header& header) {
    Stream& stream = stream_of(link, place);
    if (header.kind == static_cast<std::uint8_t>(wire::Kind::accepted)) {
        owner_.stream_accepted(stream.invocation);
        return;
    }
    stream.reply = header;
    if (header.payload_bytes.get() > kWindowBytes) reserve(stream);
}

// All of an answer's bytes or none, first come, first served: two halves never wait for each other.
void Trunks::reserve(Stream& stream) {
    stream.waits = true;
    stream.previous = last_waiting_;
    stream.next = kNoStream;
    (last_waiting_ == kNoStream ? first_waiting_ : streams_[last_waiting_].next) = index_of(stream);
    last_waiting_ = index_of(stream);
    serve_waiting();
}

void Trunks::leave_waiting(Stream& stream) {
    (stream.previous == kNoStream ? first_waiting_ : streams_[stream.previous].next) = stream.next;
    (stream.next == kNoStream ? last_waiting_ : streams_[stream.next].previous) = stream.previous;
    stream.waits = false;
}

void Trunks::serve_waiting() {
    while (first_waiting_ != kNoStream) {
        Stream& stream = streams_[first_waiting_];
        const std::uint32_t bytes = stream.reply.payload_bytes.get();
        // One that is larger than all there is gets its chance alone.
        if (reserved_bytes_ != 0 && reserved_bytes_ + bytes > reservable_bytes_) return;
        const std::uint32_t number = first_waiting_ / trunk::kStreams;
        leave_waiting(stream);
        stream.reserved_bytes = bytes;
        reserved_bytes_ += bytes;
        over_tcp_.link(number).grant(index_of(stream) % trunk::kStreams, bytes);
        over_tcp_.speaks(number);
    }
}

void Trunks::payload(trunk::Link& link, std::uint32_t place, trunk::Bytes piece) {
    Stream& stream = stream_of(link, place);
    if (stream.answer.append(buffers_, piece.data(), static_cast<std::uint32_t>(piece.size())))
        return;
    const std::uint32_t index = stream.invocation;
    cancel(index_of(stream));
    owner_.stream_overflowed(index);
}

void Trunks::complete(trunk::Link& link, std::uint32_t place) {
    Stream& stream = stream_of(link, place);
    const std::uint32_t index = stream.invocation;
    wire::Header reply = stream.reply;
    rte_mbuf* payload = stream.answer.release();
    forget(stream);
    owner_.stream_answered(index, reply, payload);
    serve_waiting();
}

}  // namespace skerry
