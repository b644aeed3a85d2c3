// A worker's end of a Peer, without sockets: what it says, and what it hears.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "sandbox/runtime_api/peer.hpp"

namespace skerry::test {

using namespace skerry::runtime_api;

class Wire {
  public:
    explicit Wire(std::size_t area_bytes = 1024)
        : area(area_bytes, '\0'), peer(area_of(*this), area_bytes, kArn) {}
    // A worker that stands by.
    enum StandsBy { stands_by };
    explicit Wire(StandsBy) : area(1024, '\0') {}

    std::uint32_t connect() {
        const int index = peer.adopt(1000 + next_fd_++);
        return static_cast<std::uint32_t>(index);
    }
    // In pieces of `piece` bytes; false: the Peer did not want to read all of it.
    bool say(std::uint32_t connection, const std::string& text, std::size_t piece = 4096) {
        std::size_t said = 0;
        while (said < text.size()) {
            if (!peer.wants_read(connection)) return false;
            const iovec space = peer.space(connection);
            const std::size_t bytes = std::min({piece, space.iov_len, text.size() - said});
            std::memcpy(space.iov_base, text.data() + said, bytes);
            said += bytes;
            peer.received(connection, bytes);
            news |= peer.take_news();
        }
        return true;
    }
    std::string hear(std::uint32_t connection, std::size_t piece = 1u << 20) {
        std::string heard;
        while (peer.wants_send(connection)) {
            iovec pieces[2];
            const std::uint32_t count = peer.to_send(connection, pieces);
            std::string now;
            for (std::uint32_t i = 0; i < count; ++i)
                now.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
            now.resize(std::min(now.size(), piece));
            heard += now;
            peer.sent(connection, now.size());
            news |= peer.take_news();
        }
        return heard;
    }
    // No more than `bytes`, so that something may be left.
    void hear_some(std::uint32_t connection, std::size_t bytes) {
        peer.sent(connection, bytes);
        news |= peer.take_news();
    }
    bool closes(std::uint32_t connection) const { return peer.wants_close(connection); }
    void lose(std::uint32_t connection) {
        peer.lost(connection);
        news |= peer.take_news();
        if (closes(connection)) peer.closed(connection);
    }
    std::uint8_t take_news() {
        const std::uint8_t all = news;
        news = 0;
        return all;
    }
    void begin(const std::string& payload_text, std::uint64_t id = 1, std::uint64_t attempt = 0x77,
               std::uint64_t id_hi = 0x0123456789abcdef) {
        payload = payload_text + context;
        peer.begin({.payload = reinterpret_cast<const std::byte*>(payload.data()),
                    .payload_bytes = static_cast<std::uint32_t>(payload_text.size()),
                    .context_bytes = static_cast<std::uint32_t>(context.size()),
                    .request_id_hi = id_hi,
                    .request_id_lo = id,
                    .trace_id_hi = 0x5759e988bd862e3f,
                    .trace_id_lo = 0xe1be46a994272793,
                    .deadline_unix_ms = 1700000000123,
                    .attempt = attempt});
    }
    void assign(const std::string& text) {
        told = text;
        peer.assign(area_of(*this), area.size(), kArn, told);
    }
    std::string answer() const { return area.substr(0, peer.answer_bytes()); }

    std::string area;
    std::string payload;
    std::string context;  // of begin()'s caller
    std::uint8_t news = 0;
    std::string told;
    Peer peer;

  private:
    static constexpr const char* kArn = "arn:aws:lambda:here:000000000000:function:f:1";
    static std::byte* area_of(Wire& wire) { return reinterpret_cast<std::byte*>(wire.area.data()); }

    int next_fd_ = 0;
};

inline const std::string kNext =
    "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n";
inline std::string post(const std::string& what, const std::string& body,
                        const std::string& headers = "",
                        const std::string& id = "01234567-89ab-cdef-0000-000000000001") {
    return "POST /2018-06-01/runtime/invocation/" + id + "/" + what + " HTTP/1.1\r\nHost: x\r\n" +
           headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace skerry::test
