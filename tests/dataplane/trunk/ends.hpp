// Two ends of a trunk in memory: each an End that keeps what it hears, sends what the test says,
// and has a wire of limited room. Used by the unit tests and the fuzzer.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "dataplane/trunk/link.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::trunk::testing {

inline wire::Header header_of(wire::Kind kind, std::uint32_t payload_bytes, std::uint64_t id = 1) {
    wire::Header header{};
    header.magic.set(wire::kMagic);
    header.version = wire::kVersion;
    header.kind = static_cast<std::uint8_t>(kind);
    header.request_id_lo.set(id);
    header.payload_bytes.set(payload_bytes);
    return header;
}

class End final : public Handler, public Output {
  public:
    struct Stream {
        bool open = false;
        wire::Header header{};  // last heard
        std::uint32_t accepted = 0;
        std::string heard;
        bool complete = false, cancelled = false, over = false;
        std::string says;  // payload that goes out
        std::size_t said = 0;
        bool replied = false;
    };

    End(Role role, std::uint32_t window_bytes = kWindowBytesMin)
        : role_(role), link(role, 0, window_bytes, *this) {}

    std::uint32_t ask(const std::string& payload, std::uint64_t id = 1) {
        const auto bytes = static_cast<std::uint32_t>(payload.size());
        const std::uint32_t place = link.open(header_of(wire::Kind::invoke, bytes, id));
        streams[place] = {};
        streams[place].open = true;
        streams[place].says = payload;
        return place;
    }
    void reply(std::uint32_t place, const std::string& payload) {
        Stream& stream = streams[place];
        SKERRY_CHECK(stream.open && !stream.replied);
        stream.replied = true;
        stream.says = payload;
        stream.said = 0;
        wire::Header header =
            header_of(wire::Kind::reply, static_cast<std::uint32_t>(payload.size()),
                      stream.header.request_id_lo.get());
        link.reply(place, header);
    }
    void say(std::uint32_t place) { link.say(place, header_of(wire::Kind::accepted, 0)); }
    void cancel(std::uint32_t place) {
        link.cancel(place);
        streams[place].open = false;
    }
    void pump() { (void)link.pump(*this); }

    // Handler
    void message(Link&, std::uint32_t place, const wire::Header& header) override {
        Stream& stream = streams[place];
        if (role_ == Role::server) {
            SKERRY_CHECK(!stream.open);
            stream = {};
            stream.open = true;
            ++opened;
        }
        SKERRY_CHECK(stream.open && !stream.complete);
        stream.header = header;
        if (header.kind == static_cast<std::uint8_t>(wire::Kind::accepted)) ++stream.accepted;
        if (role_ == Role::server && refuse_all) reply(place, "");
    }
    void payload(Link&, std::uint32_t place, Bytes piece) override {
        Stream& stream = streams[place];
        SKERRY_CHECK(stream.open && !stream.complete && !(role_ == Role::server && stream.replied));
        stream.heard.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        SKERRY_CHECK(stream.heard.size() <= stream.header.payload_bytes.get());
        if (grants) link.grant(place, static_cast<std::uint32_t>(piece.size()));
    }
    void complete(Link&, std::uint32_t place) override {
        Stream& stream = streams[place];
        SKERRY_CHECK(stream.open && !stream.complete &&
                     stream.heard.size() == stream.header.payload_bytes.get());
        stream.complete = true;
        if (role_ == Role::client) stream.open = false;
        ++completed;
        if (role_ == Role::server && echoes) reply(place, stream.heard);
    }
    void cancelled(Link&, std::uint32_t place) override {
        SKERRY_CHECK(streams[place].open);
        streams[place].open = false;
        streams[place].cancelled = true;
    }
    Bytes unsent(Link&, std::uint32_t place) override {
        Stream& stream = streams[place];
        SKERRY_CHECK(stream.open && stream.said < stream.says.size());
        // In pieces, exactly as long as they are said to be.
        const std::size_t bytes =
            std::min<std::size_t>(piece_bytes, stream.says.size() - stream.said);
        piece_ = std::make_unique<std::uint8_t[]>(bytes);
        std::memcpy(piece_.get(), stream.says.data() + stream.said, bytes);
        return {piece_.get(), bytes};
    }
    void sent(Link&, std::uint32_t place, std::uint32_t bytes) override {
        streams[place].said += bytes;
        SKERRY_CHECK(streams[place].said <= streams[place].says.size());
    }
    void over(Link&, std::uint32_t place) override {
        Stream& stream = streams[place];
        SKERRY_CHECK(stream.open && stream.replied && stream.said == stream.says.size());
        stream.open = false;
        stream.over = true;
    }

    // Output
    std::uint32_t room() override { return left; }
    void write(Bytes bytes) override {
        SKERRY_CHECK(bytes.size() <= left);
        left -= static_cast<std::uint32_t>(bytes.size());
        output.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }

  private:
    const Role role_;
    std::unique_ptr<std::uint8_t[]> piece_;

  public:
    Link link;
    std::array<Stream, kStreams> streams;
    std::string output;            // written, and not taken by the other end yet
    std::uint32_t left = 1 << 20;  // that may still be written
    std::size_t piece_bytes = 4096;
    bool grants = true;   // credit for what has been heard, at once
    bool echoes = false;  // the server answers with what it was asked
    bool refuse_all = false;
    std::uint32_t opened = 0, completed = 0;
};

inline bool take(End& to, std::string_view bytes) {
    const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
    std::memcpy(exact.get(), bytes.data(), bytes.size());
    return to.link.take({exact.get(), bytes.size()});
}

// At most `most` bytes of what `from` has written reach `to`. False: `to` does not like them.
inline bool carry(End& from, End& to, std::size_t most = ~std::size_t{0}) {
    const std::string piece = from.output.substr(0, most);
    from.output.erase(0, piece.size());
    from.left += static_cast<std::uint32_t>(piece.size());
    return take(to, piece);
}

struct Pair {
    explicit Pair(std::uint32_t window_bytes = kWindowBytesMin)
        : client(Role::client, window_bytes), server(Role::server, window_bytes) {
        settle();
        SKERRY_CHECK(client.link.up() && server.link.up());
    }
    // Until neither end has anything to say.
    void settle(std::size_t piece = ~std::size_t{0}) {
        for (;;) {
            client.pump();
            server.pump();
            if (client.output.empty() && server.output.empty()) return;
            SKERRY_CHECK(carry(client, server, piece) && carry(server, client, piece));
        }
    }
    End client, server;
};

}  // namespace skerry::trunk::testing
