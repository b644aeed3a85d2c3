#include "tools/client/codec.hpp"

#include <cstring>

#include "sandbox/base/check.hpp"

namespace skerry::client {
namespace {

wire::Header* header_of(std::span<std::byte> datagram) {
    SKERRY_CHECK(datagram.size() >= wire::kHeaderBytes);
    return reinterpret_cast<wire::Header*>(datagram.data());
}

// A place is printed on terminals and used as a key of tables: only what a region may be called.
void copy_place(const wire::Header& header, Message& message) {
    for (std::size_t i = 0; i < wire::kPlaceBytes && header.place[i] != '\0'; ++i) {
        const char c = header.place[i];
        message.place[i] = c > ' ' && c < 0x7f ? c : '?';
    }
}

}  // namespace

std::size_t encode(const Request& request, std::span<std::byte> out) {
    const std::size_t bytes = wire::kHeaderBytes + request.payload.size();
    if (request.payload.size() > kMaxPayloadBytes || out.size() < bytes) return 0;
    wire::Header header{};
    header.magic.set(wire::kMagic);
    header.version = wire::kVersion;
    header.kind = static_cast<std::uint8_t>(wire::Kind::invoke);
    header.flags.set(
        static_cast<std::uint16_t>((request.want_accepted ? wire::flag::want_accepted : 0) |
                                   (request.want_tail ? wire::flag::want_tail : 0) |
                                   (request.idempotent ? wire::flag::idempotent : 0)));
    header.request_id_hi.set(request.id.hi);
    header.request_id_lo.set(request.id.lo);
    header.function_key.set(request.function_key);
    header.qualifier.set(request.qualifier);
    header.trace_id_hi.set(request.trace_id_hi);
    header.trace_id_lo.set(request.trace_id_lo);
    header.span_id.set(request.span_id);
    header.cookie.set(request.cookie);
    header.deadline_us.set(request.deadline_us);
    header.payload_bytes.set(static_cast<std::uint32_t>(request.payload.size()));
    std::memcpy(out.data(), &header, sizeof header);
    if (!request.payload.empty())
        std::memcpy(out.data() + wire::kHeaderBytes, request.payload.data(),
                    request.payload.size());
    return bytes;
}

void set_cookie(std::span<std::byte> datagram, std::uint64_t cookie) {
    header_of(datagram)->cookie.set(cookie);
}

void set_deadline_us(std::span<std::byte> datagram, std::uint32_t deadline_us) {
    header_of(datagram)->deadline_us.set(deadline_us);
}

std::optional<Message> decode(std::span<const std::byte> datagram) {
    if (wire::validate(datagram.data(), datagram.size()) != wire::ParseError::none)
        return std::nullopt;
    const auto& header = *reinterpret_cast<const wire::Header*>(datagram.data());
    const auto kind = static_cast<wire::Kind>(header.kind);
    if (kind != wire::Kind::reply && kind != wire::Kind::challenge && kind != wire::Kind::accepted)
        return std::nullopt;
    // "No cookie" proves nothing: asking for it again would be all a client could do.
    if (kind == wire::Kind::challenge && header.cookie.get() == 0) return std::nullopt;
    Message message;
    message.kind = kind;
    message.id = {header.request_id_hi.get(), header.request_id_lo.get()};
    message.function_key = header.function_key.get();
    message.version_key = header.qualifier.get();
    message.cookie = header.cookie.get();
    message.flags = header.flags.get();
    message.status = header.status;
    message.attempts = header.attempts;
    message.busy = header.busy;
    message.queue_us = header.queue_us.get();
    message.run_us = header.run_us.get();
    copy_place(header, message);
    message.payload = {reinterpret_cast<const char*>(datagram.data()) + wire::kHeaderBytes,
                       datagram.size() - wire::kHeaderBytes};
    const std::uint32_t tail_bytes = kind == wire::Kind::reply ? wire::tail_of(header) : 0;
    message.tail = message.payload.substr(message.payload.size() - tail_bytes);
    message.payload.remove_suffix(tail_bytes);
    return message;
}

std::string status_name(std::uint8_t status) {
    if (!is_known_status(status)) return "status-" + std::to_string(status);
    return std::string(info(static_cast<ReplyStatus>(status)).name);
}

}  // namespace skerry::client
