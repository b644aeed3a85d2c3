// What goes out over a trunk.
#include <algorithm>
#include <cstring>

#include "dataplane/trunk/link.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::trunk {
namespace {

// A payload is not cut into smaller frames than this because there is little room just now.
constexpr std::uint32_t kLeastDataBytes = 2048;
template <typename T>
Bytes bytes_of(const T& what) {
    return {reinterpret_cast<const std::uint8_t*>(&what), sizeof what};
}

}  // namespace

// False: no room for all of it.
bool Link::put(Output& output, FrameType type, std::uint32_t stream, Bytes body) {
    std::array<std::uint8_t, kFrameHeadBytes + kSmallBodyMax> frame;
    const auto bytes = static_cast<std::uint32_t>(kFrameHeadBytes + body.size());
    if (output.room() < bytes) return false;
    FrameHead head{};
    head.type = static_cast<std::uint8_t>(type);
    head.bytes.set(static_cast<std::uint16_t>(body.size()));
    head.stream.set(stream);
    std::memcpy(frame.data(), &head, sizeof head);
    if (!body.empty()) std::memcpy(frame.data() + kFrameHeadBytes, body.data(), body.size());
    output.write({frame.data(), bytes});
    return true;
}

bool Link::pump_trunk(Output& output) {
    if (!said_hello_) {
        HelloBody hello{};
        hello.magic.set(kMagic);
        hello.version.set(kVersion);
        hello.streams.set(kStreams);
        hello.window_bytes.set(window_bytes_);
        hello.features.set(feature::contexts);
        said_hello_ = put(output, FrameType::hello, 0, bytes_of(hello));
        if (!said_hello_) return false;
    }
    if (pong_pending_) {
        EchoBody body;
        body.word.set(pong_);
        pong_pending_ = !put(output, FrameType::pong, 0, bytes_of(body));
    }
    if (ping_pending_) {
        EchoBody body;
        body.word.set(ping_);
        ping_pending_ = !put(output, FrameType::ping, 0, bytes_of(body));
    }
    return !pong_pending_ && !ping_pending_;
}

std::uint32_t Link::pump(Output& output) {
    std::uint32_t written = 0;
    if (fault_ != Fault::none || !pump_trunk(output)) return written;
    while (ready_ != 0 && written < kPumpBytes) {
        // The first that is ready, from whose turn it is.
        const std::uint64_t from_turn = std::rotr(ready_, static_cast<int>(turn_));
        const auto place =
            (turn_ + static_cast<std::uint32_t>(std::countr_zero(from_turn))) % kStreams;
        turn_ = place;
        if (!turn_of(output, place, written)) break;
        turn_ = (place + 1) % kStreams;
    }
    return written;
}

// One stream's turn: what it has to say, and one frame of its payload. False: no room for it.
bool Link::turn_of(Output& output, std::uint32_t place, std::uint32_t& written) {
    Stream& stream = streams_[place];
    const std::uint32_t number = stream_of(place, stream.sequence);
    if (stream.cancelling) {
        if (!put(output, FrameType::cancel, number, {})) return false;
        written += kFrameHeadBytes;
        free_place(place);
        return true;
    }
    if (stream.to_grant != 0) {
        CreditBody body;
        body.bytes.set(stream.to_grant);
        if (!put(output, FrameType::credit, number, bytes_of(body))) return false;
        written += kFrameHeadBytes + static_cast<std::uint32_t>(sizeof body);
        stream.in_credit += stream.to_grant;
        stream.to_grant = 0;
    }
    if (stream.head_pending) {
        if (!put(output, FrameType::message, number, bytes_of(stream.out))) return false;
        written += kFrameHeadBytes + static_cast<std::uint32_t>(wire::kHeaderBytes);
        stream.head_pending = false;
        stream.head_gone = role_ == Role::client || stream.replying;
    }
    if (stream.head_gone && stream.out_left != 0 && stream.out_credit != 0 &&
        !send_data(output, place, written))
        return false;
    if (role_ == Role::server && stream.head_gone && stream.out_left == 0) {
        handler_.over(*this, place);
        free_place(place);
        return true;
    }
    update(place);
    return true;
}

bool Link::send_data(Output& output, std::uint32_t place, std::uint32_t& written) {
    Stream& stream = streams_[place];
    std::uint32_t bytes = std::min({stream.out_left, stream.out_credit, kDataBytesMax});
    const std::uint32_t room = output.room();
    if (room < kFrameHeadBytes + std::min(bytes, kLeastDataBytes)) return false;
    bytes = std::min(bytes, room - kFrameHeadBytes);
    FrameHead head{};
    head.type = static_cast<std::uint8_t>(FrameType::data);
    head.bytes.set(static_cast<std::uint16_t>(bytes));
    head.stream.set(stream_of(place, stream.sequence));
    output.write(bytes_of(head));
    written += kFrameHeadBytes + bytes;
    stream.out_left -= bytes;
    stream.out_credit -= bytes;
    while (bytes != 0) {
        const Bytes next = handler_.unsent(*this, place);
        SKERRY_CHECK(!next.empty());
        const auto piece = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, next.size()));
        output.write(next.first(piece));
        handler_.sent(*this, place, piece);
        bytes -= piece;
    }
    return true;
}

void Link::update(std::uint32_t place) {
    const Stream& stream = streams_[place];
    // Small pieces of credit are told together, unless they cover the message's rest.
    const bool credit_due =
        stream.to_grant != 0 && (stream.to_grant >= window_bytes_ / 4 ||
                                 stream.in_credit + stream.to_grant >= stream.in_left);
    const bool ready =
        is_open(place) && (stream.cancelling || stream.head_pending || credit_due ||
                           (stream.head_gone && stream.out_left != 0 && stream.out_credit != 0));
    const std::uint64_t bit = std::uint64_t{1} << place;
    ready_ = ready ? ready_ | bit : ready_ & ~bit;
}

void Link::free_place(std::uint32_t place) {
    Stream& stream = streams_[place];
    const std::uint64_t bit = std::uint64_t{1} << place;
    open_ &= ~bit;
    ready_ &= ~bit;
    if (data_place_ == place) data_place_ = kNone;
    if (stream.sequence == kSequenceMax) worn_ |= bit;
    const std::uint32_t sequence = stream.sequence;
    stream = Stream{};
    stream.sequence = sequence;
}

void Link::grant(std::uint32_t place, std::uint32_t bytes) {
    SKERRY_CHECK(is_open(place));
    Stream& stream = streams_[place];
    if (!stream.in_body || stream.cancelling) return;
    // Never more than can still come: what the peer holds is bounded by its message.
    const std::uint32_t held = stream.in_credit + stream.to_grant;
    if (held >= stream.in_left) return;
    stream.to_grant += std::min(bytes, stream.in_left - held);
    update(place);
}

std::uint64_t Link::free_places() const {
    const std::uint64_t usable =
        peer_streams_ >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << peer_streams_) - 1;
    return usable & ~open_ & ~worn_;
}

std::uint32_t Link::open(const wire::Header& request) {
    SKERRY_CHECK(role_ == Role::client && has_place());
    const auto place = static_cast<std::uint32_t>(std::countr_zero(free_places()));
    Stream& stream = streams_[place];
    const std::uint32_t sequence = stream.sequence + 1;
    stream = Stream{};
    stream.sequence = sequence;
    stream.out = request;
    stream.head_pending = true;
    stream.out_left = request.payload_bytes.get();
    stream.out_credit = peer_window_;
    stream.in_credit = window_bytes_;
    open_ |= std::uint64_t{1} << place;
    update(place);
    return place;
}

void Link::cancel(std::uint32_t place) {
    SKERRY_CHECK(role_ == Role::client && is_open(place));
    Stream& stream = streams_[place];
    if (!stream.head_gone) {
        // The peer has never heard of it; its number is passed over.
        free_place(place);
        return;
    }
    stream.cancelling = true;
    stream.out_left = 0;
    stream.in_body = false;
    if (data_place_ == place) data_place_ = kNone;
    update(place);
}

void Link::say(std::uint32_t place, const wire::Header& accepted) {
    SKERRY_CHECK(role_ == Role::server && is_open(place) && !streams_[place].replying);
    streams_[place].out = accepted;
    streams_[place].head_pending = true;
    update(place);
}

void Link::reply(std::uint32_t place, const wire::Header& reply) {
    SKERRY_CHECK(role_ == Role::server && is_open(place) && !streams_[place].replying);
    Stream& stream = streams_[place];
    stream.out = reply;
    stream.head_pending = true;  // instead of `accepted`, if that has not gone out
    stream.replying = true;
    stream.in_body = false;
    stream.to_grant = 0;
    if (data_place_ == place) data_place_ = kNone;
    stream.out_left = reply.payload_bytes.get();
    update(place);
}

}  // namespace skerry::trunk
