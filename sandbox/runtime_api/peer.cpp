#include "sandbox/runtime_api/peer.hpp"

#include <algorithm>
#include <cstring>

#include "sandbox/base/check.hpp"
#include "sandbox/runtime_api/answers.hpp"

namespace skerry::runtime_api {
namespace {

// Which connections may be hung up to make room, the least missed first.
enum Worth : int {
    kIdle,          // between two requests
    kHeld,          // asked for an extension's event: there are none
    kHalfAsked,     // in a head, or in a body that nobody keeps
    kListening,     // being answered
    kIndispensable  // waits for the invocation, gets it, or brings its answer
};

}  // namespace

int Peer::worth(std::uint32_t index) const {
    const Connection& c = connections_[index];
    const int self = static_cast<int>(index);
    if (self == parked_ || self == delivering_ || self == area_user_) return kIndispensable;
    if (c.sending()) return kListening;
    if (c.reader.state() == RequestReader::State::complete) return kHeld;
    return c.reader.untouched() && c.in_begin == c.in_end ? kIdle : kHalfAsked;
}

// Hangs one up, of those that are worth at most `most`; the one that has been there longest.
void Peer::make_room(int most, int newest) {
    int chosen = -1;
    int lowest = most + 1;
    for (std::uint32_t i = 0; i < kConnections; ++i) {
        const Connection& c = connections_[i];
        if (c.closing) return;  // there is room as soon as the driver has closed it
        if (static_cast<int>(i) == newest) continue;
        const int worth_of = worth(i);
        if (worth_of > lowest) continue;
        if (worth_of == lowest && (chosen < 0 || c.serial > connections_[chosen].serial)) continue;
        lowest = worth_of;
        chosen = static_cast<int>(i);
    }
    if (chosen >= 0) lost(static_cast<std::uint32_t>(chosen));
}

// Not of its initialisation, which has a time limit of its own and no core.
void Peer::note_talk(std::size_t bytes, std::uint32_t requests) {
    if (phase_ == Phase::initialising || phase_ == Phase::waiting) return;
    talk_bytes_ += bytes;
    talk_requests_ += requests;
    if (talk_bytes_ > kTalkBytes || talk_requests_ > kTalkRequests) news_ |= kTooMuch;
}

int Peer::adopt(int fd) {
    note_talk(0, 1);
    int index = -1;
    std::uint32_t room = 0;
    for (std::uint32_t i = 0; i < kConnections; ++i)
        if (!connections_[i].open() && room++ == 0) index = static_cast<int>(i);
    if (index >= 0) {
        Connection& c = connections_[static_cast<std::uint32_t>(index)];
        c.fd = fd;
        c.serial = ++serial_;
    }
    // The next one that comes is to find room: a client that is hung up on before it was heard
    // may well give up. If all others are busy, that one is refused, and the least of them goes.
    if (room == 1) make_room(kHeld, index);
    if (room == 0) make_room(kListening, -1);
    return index;
}

void Peer::closed(std::uint32_t index) {
    lost(index);  // if it was not yet
    Connection& c = connections_[index];
    c.fd = -1;
    ++c.generation;
    c.closing = c.close_when_sent = false;
    c.reader.reset();
    c.in_begin = c.in_end = c.out_begin = c.out_end = 0;
    c.payload = nullptr;
    c.payload_bytes = c.payload_sent = 0;
    c.lent = nullptr;
    c.lent_bytes = 0;
}

bool Peer::may_feed(std::uint32_t index) const {
    const Connection& c = connections_[index];
    if (!c.open() || c.closing || c.close_when_sent || parked_ == static_cast<int>(index))
        return false;
    // One answer at a time; "100 Continue" may be on its way while the body comes.
    return c.reader.state() == RequestReader::State::body ||
           (c.reader.state() == RequestReader::State::head && !c.sending());
}

bool Peer::wants_read(std::uint32_t index) const {
    const Connection& c = connections_[index];
    return may_feed(index) && (c.in_begin == c.in_end || c.in_end < kInBytes);
}

iovec Peer::space(std::uint32_t index) {
    Connection& c = connections_[index];
    c.lent = nullptr;
    if (c.in_begin == c.in_end) {
        c.in_begin = c.in_end = 0;
        c.lent_bytes = c.reader.direct_space(c.lent);
    }
    c.lent_direct = c.lent != nullptr;
    if (!c.lent_direct) {
        c.lent = c.in.data() + c.in_end;
        c.lent_bytes = kInBytes - c.in_end;
    }
    return {c.lent, c.lent_bytes};
}

void Peer::received(std::uint32_t index, std::size_t bytes) {
    Connection& c = connections_[index];
    if (!c.open() || c.closing) return;
    SKERRY_CHECK(bytes <= c.lent_bytes);
    c.lent_bytes = 0;
    note_talk(bytes, 0);
    if (c.lent_direct) {
        c.reader.direct_received(bytes);
    } else {
        // What was before them may have been consumed since.
        std::byte* const at = c.in.data() + c.in_end;
        if (c.lent != at) std::memmove(at, c.lent, bytes);
        c.in_end += static_cast<std::uint32_t>(bytes);
    }
    process(index);
}

void Peer::lost(std::uint32_t index) {
    Connection& c = connections_[index];
    const int self = static_cast<int>(index);
    if (!c.open() || c.closing) return;
    c.closing = true;
    if (parked_ == self) parked_ = -1;
    if (delivering_ == self) delivering_ = -1;  // the worker may ask again
    if (area_user_ == self) drop_answer(Outcome::truncated);
}

std::uint32_t Peer::to_send(std::uint32_t index, iovec (&pieces)[2]) const {
    const Connection& c = connections_[index];
    std::uint32_t count = 0;
    if (c.out_begin != c.out_end)
        pieces[count++] = {const_cast<char*>(c.out.data()) + c.out_begin, c.out_end - c.out_begin};
    if (c.payload_sent != c.payload_bytes)
        pieces[count++] = {const_cast<std::byte*>(c.payload) + c.payload_sent,
                           c.payload_bytes - c.payload_sent};
    return count;
}

void Peer::sent(std::uint32_t index, std::size_t bytes) {
    Connection& c = connections_[index];
    if (!c.open() || c.closing) return;
    const auto of_head = std::min<std::size_t>(bytes, c.out_end - c.out_begin);
    SKERRY_CHECK(bytes - of_head <= c.payload_bytes - c.payload_sent);
    c.out_begin += static_cast<std::uint32_t>(of_head);
    c.payload_sent += static_cast<std::uint32_t>(bytes - of_head);
    if (c.sending()) return;
    c.out_begin = c.out_end = 0;
    c.payload = nullptr;
    c.payload_bytes = c.payload_sent = 0;
    if (delivering_ == static_cast<int>(index)) delivering_ = -1;
    // One that is held was not answered yet: that was "100 Continue".
    const bool held =
        parked_ == static_cast<int>(index) || c.reader.state() == RequestReader::State::complete;
    if (c.close_when_sent && !held) {
        lost(index);
    } else {
        process(index);
    }
}

void Peer::process(std::uint32_t index) {
    Connection& c = connections_[index];
    using State = RequestReader::State;
    // Each turn consumes bytes, or moves the request on; answers end it until they are sent.
    while (true) {
        if (c.reader.state() == State::body_wanted) {
            take_head(index);
        } else if (c.reader.state() == State::complete && !c.closing &&
                   parked_ != static_cast<int>(index)) {
            const Call call = c.reader.head().call;
            take_request(index);
            if (call == Call::extension_next) return;  // never answered: there are no events
            c.reader.reset();
        } else if (c.reader.state() == State::failed && !c.close_when_sent) {
            return on_failure(index);
        } else if (may_feed(index) && c.in_begin != c.in_end) {
            c.in_begin += static_cast<std::uint32_t>(
                c.reader.feed(c.in.data() + c.in_begin, c.in_end - c.in_begin));
        } else {
            break;
        }
    }
    if (c.in_begin == c.in_end) c.in_begin = c.in_end = 0;
}

}  // namespace skerry::runtime_api
