// What comes in over a trunk.
#include <algorithm>
#include <cstring>

#include "dataplane/trunk/link.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::trunk {
namespace {

// Bytes of the body; nullopt: any from one on (data). ~0: no such type.
constexpr std::uint32_t kNoSuchType = ~0u;
constexpr std::uint32_t kAnyBytes = ~0u - 1;

std::uint32_t body_bytes(std::uint8_t type) {
    switch (static_cast<FrameType>(type)) {
        case FrameType::hello:
            return sizeof(HelloBody);
        case FrameType::message:
            return wire::kHeaderBytes;
        case FrameType::data:
            return kAnyBytes;
        case FrameType::credit:
            return sizeof(CreditBody);
        case FrameType::cancel:
            return 0;
        case FrameType::ping:
        case FrameType::pong:
            return sizeof(EchoBody);
    }
    return kNoSuchType;
}

bool is_of_trunk(FrameType type) {
    return type == FrameType::hello || type == FrameType::ping || type == FrameType::pong;
}

}  // namespace

Link::Link(Role role, std::uint32_t number, std::uint32_t window_bytes, Handler& handler)
    : role_(role), number_(number), window_bytes_(window_bytes), handler_(handler) {
    SKERRY_CHECK(window_bytes >= kWindowBytesMin && window_bytes <= kCreditBytesMax);
}

void Link::reset() {
    fault_ = Fault::none;
    heard_hello_ = said_hello_ = ping_pending_ = pong_pending_ = false;
    peer_streams_ = peer_window_ = peer_features_ = 0;
    for (Stream& stream : streams_) stream = Stream{};
    open_ = ready_ = worn_ = 0;
    turn_ = have_ = body_left_ = 0;
    data_place_ = kNone;
    in_small_ = false;
}

bool Link::take(Bytes bytes) {
    while (fault_ == Fault::none && !bytes.empty()) {
        if (body_left_ != 0) {
            const std::size_t piece = std::min<std::size_t>(body_left_, bytes.size());
            body_left_ -= static_cast<std::uint32_t>(piece);
            take_piece(bytes.first(piece));
            bytes = bytes.subspan(piece);
            continue;
        }
        auto* to = in_small_ ? small_.data() : reinterpret_cast<std::uint8_t*>(&head_);
        const std::uint32_t wanted = in_small_ ? head_.bytes.get() : kFrameHeadBytes;
        const std::size_t piece = std::min<std::size_t>(wanted - have_, bytes.size());
        std::memcpy(to + have_, bytes.data(), piece);
        have_ += static_cast<std::uint32_t>(piece);
        bytes = bytes.subspan(piece);
        if (have_ != wanted) break;
        have_ = 0;
        const bool well = in_small_ ? take_small() : begin_frame();
        if (!well) break;
    }
    return fault_ == Fault::none;
}

// A head is complete.
bool Link::begin_frame() {
    const std::uint32_t bytes = head_.bytes.get(), stream = head_.stream.get();
    const std::uint32_t expected = body_bytes(head_.type);
    if (expected == kNoSuchType || head_.reserved != 0) return fail(Fault::frame);
    const auto type = static_cast<FrameType>(head_.type);
    if (!heard_hello_ != (type == FrameType::hello)) return fail(Fault::hello);
    if ((stream == 0) != is_of_trunk(type)) return fail(Fault::frame);
    if (type == FrameType::data) return begin_data(stream, bytes);
    if (bytes != expected) return fail(Fault::frame);
    in_small_ = true;
    return bytes != 0 || take_small();
}

std::optional<std::uint32_t> Link::find(std::uint32_t stream) const {
    const std::uint32_t place = place_of(stream), sequence = sequence_of(stream);
    const Stream& there = streams_[place];
    if (sequence == 0 || sequence > there.sequence) return std::nullopt;
    return is_open(place) && sequence == there.sequence && !there.cancelling ? place : kNone;
}

bool Link::begin_data(std::uint32_t stream, std::uint32_t bytes) {
    if (bytes == 0 || bytes > kDataBytesMax) return fail(Fault::frame);
    const auto place = find(stream);
    if (!place) return fail(Fault::stream);
    body_left_ = bytes;
    data_place_ = kNone;
    if (*place == kNone) return true;
    Stream& there = streams_[*place];
    if (!there.in_body) {
        // Of a request that has been answered before it was whole.
        if (role_ == Role::server && there.replying && bytes <= there.in_left) {
            there.in_left -= bytes;
            return true;
        }
        return fail(Fault::payload);
    }
    if (bytes > there.in_left) return fail(Fault::payload);
    if (bytes > there.in_credit) return fail(Fault::credit);
    // Both at once, so that what is granted in the middle of a frame is reckoned right.
    there.in_credit -= bytes;
    there.in_left -= bytes;
    data_place_ = *place;
    return true;
}

void Link::take_piece(Bytes piece) {
    const std::uint32_t place = data_place_;
    if (place == kNone) return;
    handler_.payload(*this, place, piece);
    // The handler may have ended it.
    if (data_place_ == place && body_left_ == 0 && streams_[place].in_left == 0)
        payload_taken(place);
}

void Link::payload_taken(std::uint32_t place) {
    streams_[place].in_body = false;
    streams_[place].to_grant = 0;
    data_place_ = kNone;
    update(place);
    handler_.complete(*this, place);
    if (role_ == Role::client && is_open(place) && !streams_[place].cancelling) free_place(place);
}

// A frame other than data is complete.
bool Link::take_small() {
    in_small_ = false;
    const std::uint32_t stream = head_.stream.get();
    switch (static_cast<FrameType>(head_.type)) {
        case FrameType::hello:
            return take_hello();
        case FrameType::message: {
            wire::Header header;
            std::memcpy(&header, small_.data(), sizeof header);
            const std::uint32_t payload_bytes = header.payload_bytes.get();
            if (payload_bytes > kPayloadBytesMax ||
                wire::validate(&header, std::size_t{wire::kHeaderBytes} + payload_bytes) !=
                    wire::ParseError::none)
                return fail(Fault::message);
            return role_ == Role::server ? take_request(stream, header)
                                         : take_answer(stream, header);
        }
        case FrameType::credit: {
            CreditBody body;
            std::memcpy(&body, small_.data(), sizeof body);
            return take_credit(stream, body.bytes.get());
        }
        case FrameType::cancel:
            return take_cancel(stream);
        case FrameType::ping: {
            EchoBody body;
            std::memcpy(&body, small_.data(), sizeof body);
            pong_ = body.word.get();
            pong_pending_ = true;  // of several, the last: the others were not waited for
            return true;
        }
        case FrameType::pong:
        case FrameType::data:
            break;  // a pong is a sign of life, as everything is
    }
    return true;
}

bool Link::take_hello() {
    HelloBody body;
    std::memcpy(&body, small_.data(), sizeof body);
    if (body.magic.get() != kMagic || body.version.get() != kVersion || body.streams.get() == 0 ||
        body.streams.get() > kStreams || body.window_bytes.get() < kWindowBytesMin ||
        body.window_bytes.get() > kCreditBytesMax)
        return fail(Fault::hello);
    heard_hello_ = true;
    peer_streams_ = body.streams.get();
    peer_window_ = body.window_bytes.get();
    peer_features_ = body.features.get();
    return true;
}

bool Link::take_request(std::uint32_t stream, const wire::Header& header) {
    if (header.kind != static_cast<std::uint8_t>(wire::Kind::invoke)) return fail(Fault::message);
    const std::uint32_t place = place_of(stream), sequence = sequence_of(stream);
    Stream& there = streams_[place];
    if (is_open(place) || sequence <= there.sequence) return fail(Fault::stream);
    there = Stream{};
    there.sequence = sequence;
    there.in_left = header.payload_bytes.get();
    there.in_credit = window_bytes_;
    there.in_body = true;
    there.out_credit = peer_window_;
    open_ |= std::uint64_t{1} << place;
    handler_.message(*this, place, header);
    if (there.in_body && there.in_left == 0) payload_taken(place);
    return true;
}

bool Link::take_answer(std::uint32_t stream, const wire::Header& header) {
    const auto kind = static_cast<wire::Kind>(header.kind);
    const std::uint32_t payload_bytes = header.payload_bytes.get();
    if (kind != wire::Kind::reply && (kind != wire::Kind::accepted || payload_bytes != 0))
        return fail(Fault::message);
    const auto place = find(stream);
    if (!place) return fail(Fault::stream);
    if (*place == kNone) return true;
    Stream& there = streams_[*place];
    if (!there.head_gone || there.in_body) return fail(Fault::message);
    if (kind == wire::Kind::accepted) {
        if (there.accepted || !request_gone(*place)) return fail(Fault::message);
        there.accepted = true;
        handler_.message(*this, *place, header);
        return true;
    }
    // What is left of a request that has been answered is not sent any more.
    there.out_left = 0;
    there.in_left = payload_bytes;
    there.in_body = true;
    update(*place);
    handler_.message(*this, *place, header);
    if (is_open(*place) && there.in_body && there.in_left == 0) payload_taken(*place);
    return true;
}

bool Link::take_credit(std::uint32_t stream, std::uint32_t bytes) {
    if (bytes == 0) return fail(Fault::credit);
    const auto place = find(stream);
    if (!place) return fail(Fault::stream);
    if (*place == kNone) return true;
    Stream& there = streams_[*place];
    if (bytes > kCreditBytesMax - there.out_credit) return fail(Fault::credit);
    there.out_credit += bytes;
    update(*place);
    return true;
}

bool Link::take_cancel(std::uint32_t stream) {
    if (role_ == Role::client) return fail(Fault::frame);
    const auto place = find(stream);
    if (!place) return fail(Fault::stream);
    if (*place == kNone) return true;
    handler_.cancelled(*this, *place);
    free_place(*place);
    return true;
}

}  // namespace skerry::trunk
