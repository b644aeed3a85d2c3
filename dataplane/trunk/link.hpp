// One end of a trunk: bytes in, frames understood; streams and what they have to say, bytes out.
//
// Owned by one core. Does no I/O and reads no clock: whoever has the connection hands in what came
// (take()), and somewhere for what goes out (pump()). What messages mean, and where payloads lie,
// is the Handler's business; it is called from within take() and pump() and may call the Link back.
// Nothing is allocated after the constructor. What it keeps of a stream is a fixed record; what is
// to be sent is derived from the records, so there is no queue that could be full.
//
// A client (POP) opens streams, a server (region) answers them. The life of a stream
//   client   open() → [accepted] → reply, whole → free; or cancel() → free
//   server   request's header → whole → [say(accepted)] → reply() → free when it has gone out;
//            reply() before the request is whole: what still comes of it is passed over
//   either   the trunk breaks: take() says false, or the connection ends. Then `streams()` names
//            those that were open; the Link is of no more use until reset().
//
// The peer is not trusted: everything that it may not do is a Fault, and ends the trunk. Frames of
// streams that are over are passed over: they may have been under way.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "dataplane/trunk/frame.hpp"

namespace skerry::trunk {

enum class Role : std::uint8_t { client, server };

enum class Fault : std::uint8_t {
    none,
    hello,    // not the first frame, or not only that; magic, version, numbers
    frame,    // unknown type, reserved bits, a body that is too short or too long
    stream,   // a number that can't be: not opened, used before, in a place that is taken
    message,  // not a message, not one for this end, or not now
    payload,  // more than the message said
    credit,   // more than it was given, or more given than can be kept account of
};

class Link;

class Handler {
  public:
    // Server: the request that opens a stream. Client: `accepted`, or the reply. All of its fields
    // are a stranger's; its payload is at most kPayloadBytesMax.
    virtual void message(Link& link, std::uint32_t place, const wire::Header& header) = 0;
    // The next piece of its payload, and its end (also of none). Valid during the call. After
    // complete() a client's stream is free.
    virtual void payload(Link& link, std::uint32_t place, Bytes piece) = 0;
    virtual void complete(Link& link, std::uint32_t place) = 0;
    // Server: the client wants nothing more of it; the stream is free after the call, whatever was
    // under way.
    virtual void cancelled(Link& link, std::uint32_t place) = 0;
    // Next bytes of the payload that is being sent, one at least, where they lie; sent() takes
    // them.
    virtual Bytes unsent(Link& link, std::uint32_t place) = 0;
    virtual void sent(Link& link, std::uint32_t place, std::uint32_t bytes) = 0;
    // Server: the reply has gone out, and the stream is free after the call.
    virtual void over(Link& link, std::uint32_t place) = 0;

  protected:
    ~Handler() = default;
};

// Where bytes go. What room() says, write() takes whole.
class Output {
  public:
    virtual std::uint32_t room() = 0;
    virtual void write(Bytes bytes) = 0;

  protected:
    ~Output() = default;
};

class Link {
  public:
    // Of one pump(): streams of other trunks get their turn.
    static constexpr std::uint32_t kPumpBytes = 256 * 1024;

    // `window_bytes`: what each stream may send this end before it is granted more.
    Link(Role role, std::uint32_t number, std::uint32_t window_bytes, Handler& handler);

    std::uint32_t number() const { return number_; }
    // As after construction; the hello is to be sent again.
    void reset();

    // ---- in
    // All of it. False: the peer did what it may not (fault()), and the trunk is over.
    bool take(Bytes bytes);
    Fault fault() const { return fault_; }
    // The peer's hello has come: a client may open streams.
    bool up() const { return heard_hello_; }
    // Whether the peer takes this request: one of an earlier version may know no client contexts.
    bool takes(const wire::Header& request) const {
        return wire::context_of(request) == 0 || (peer_features_ & feature::contexts) != 0;
    }

    // ---- out
    // Writes as much as there is room for, streams taking turns of one frame; how many bytes.
    std::uint32_t pump(Output& output);
    // Something could be written if there were room.
    bool wants_output() const {
        return ready_ != 0 || !said_hello_ || ping_pending_ || pong_pending_;
    }
    void ping(std::uint64_t word) {
        ping_ = word;
        ping_pending_ = true;
    }

    // ---- streams
    std::uint64_t streams() const { return open_; }  // bit p: place p has one
    bool idle() const { return open_ == 0; }
    bool is_open(std::uint32_t place) const { return open_ >> place & 1; }
    // More of the peer's payload is welcome. Bounded by what the message has left to send.
    void grant(std::uint32_t place, std::uint32_t bytes);

    // Client. Places that are free now, at most as many as the peer takes.
    bool has_place() const { return up() && fault_ == Fault::none && free_places() != 0; }
    // All numbers of a place have been used: no more streams are opened in it. (2^26 of them.)
    bool worn() const { return worn_ != 0; }
    // A stream with this request; the payload that its header names is asked for by unsent().
    std::uint32_t open(const wire::Header& request);
    // The handler hears no more of it, and is asked for nothing more.
    void cancel(std::uint32_t place);
    // All of the request has been written: from here on it may be executed.
    bool request_gone(std::uint32_t place) const {
        return streams_[place].head_gone && streams_[place].out_left == 0;
    }

    // Server. Once, before reply(): `accepted`.
    void say(std::uint32_t place, const wire::Header& accepted);
    // Once. The payload is asked for by unsent(), over() follows.
    void reply(std::uint32_t place, const wire::Header& reply);

  private:
    struct Stream {
        wire::Header out;            // what it says next, or said last
        std::uint32_t sequence = 0;  // of the last one in this place
        std::uint32_t in_left = 0;   // of the payload that is coming in
        std::uint32_t in_credit = 0;
        std::uint32_t to_grant = 0;  // to be told
        std::uint32_t out_left = 0;  // of the payload that goes out
        std::uint32_t out_credit = 0;
        bool head_pending = false;  // `out` is to be sent
        bool head_gone = false;     // the request, or the reply, has been
        bool replying = false;      // server
        bool accepted = false;      // client: it was said; server: say() was called
        bool in_body = false;       // a message has come whose payload is not whole
        bool cancelling = false;    // client: free as soon as the word is out
    };

    // link_in.cpp
    bool fail(Fault fault) {
        if (fault_ == Fault::none) fault_ = fault;
        return false;
    }
    bool begin_frame();
    bool begin_data(std::uint32_t stream, std::uint32_t bytes);
    void take_piece(Bytes piece);
    bool take_small();
    bool take_hello();
    bool take_request(std::uint32_t stream, const wire::Header& header);
    bool take_answer(std::uint32_t stream, const wire::Header& header);
    bool take_credit(std::uint32_t stream, std::uint32_t bytes);
    bool take_cancel(std::uint32_t stream);
    // The place of an open stream; kNone: it is over. nullopt: there never was one.
    std::optional<std::uint32_t> find(std::uint32_t stream) const;
    void payload_taken(std::uint32_t place);

    // link_out.cpp
    bool put(Output& output, FrameType type, std::uint32_t stream, Bytes body);
    bool pump_trunk(Output& output);
    bool turn_of(Output& output, std::uint32_t place, std::uint32_t& written);
    bool send_data(Output& output, std::uint32_t place, std::uint32_t& written);
    void update(std::uint32_t place);
    void free_place(std::uint32_t place);
    std::uint64_t free_places() const;

    static constexpr std::uint32_t kNone = ~0u;

    const Role role_;
    const std::uint32_t number_;
    const std::uint32_t window_bytes_;
    Handler& handler_;

    Fault fault_ = Fault::none;
    bool heard_hello_ = false;
    bool said_hello_ = false;
    bool ping_pending_ = false;
    bool pong_pending_ = false;
    std::uint64_t ping_ = 0;
    std::uint64_t pong_ = 0;
    std::uint32_t peer_streams_ = 0;
    std::uint32_t peer_window_ = 0;
    std::uint32_t peer_features_ = 0;

    std::array<Stream, kStreams> streams_;
    std::uint64_t open_ = 0;
    std::uint64_t ready_ = 0;  // has something to send, and may
    std::uint64_t worn_ = 0;
    std::uint32_t turn_ = 0;  // the place that is first asked next

    // The frame that is coming in.
    FrameHead head_;
    std::array<std::uint8_t, kSmallBodyMax> small_;
    std::uint32_t have_ = 0;       // bytes of `head_`, then of `small_`
    std::uint32_t body_left_ = 0;  // of data
    std::uint32_t data_place_ = kNone;
    bool in_small_ = false;
};

}  // namespace skerry::trunk
