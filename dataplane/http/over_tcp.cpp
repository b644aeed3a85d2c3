#include "dataplane/http/over_tcp.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sandbox/base/check.hpp"

namespace skerry::http {

using net::tcp::Event;
using net::tcp::Handle;

std::uint32_t OverTcp::take_events(Server& server, std::uint32_t budget) {
    std::array<Event, 64> events;
    std::uint32_t told = 0;
    while (told < budget) {
        const std::size_t most = std::min<std::size_t>(budget - told, events.size());
        const std::uint32_t count = stack_.poll({events.data(), most});
        for (std::uint32_t i = 0; i < count; ++i) tell(server, events[i]);
        told += count;
        if (count < most) break;
    }
    return told;
}

void OverTcp::tell(Server& server, const Event& event) {
    const std::uint32_t connection = event.connection.index;
    SKERRY_CHECK(connection < connections_);
    if (event.bits & net::tcp::kAccepted) {
        handles_[connection] = event.connection;
        server.opened(connection);
    }
    // The server may close it at each of these, and then hears no more of it.
    const auto ours = [&] { return handles_[connection] == event.connection; };
    if ((event.bits & net::tcp::kClosed) && ours()) {
        handles_[connection] = {};
        server.closed(connection);
    }
    if ((event.bits & net::tcp::kWritable) && ours()) server.writable(connection);
    if ((event.bits & net::tcp::kPeerClosed) && ours()) {
        server.peer_closed(connection);
    } else if ((event.bits & net::tcp::kReadable) && ours()) {
        server.readable(connection);
    }
}

std::uint32_t OverTcp::read(std::uint32_t connection, std::span<Bytes> spans) {
    return stack_.read(handles_[connection], spans);
}

void OverTcp::consume(std::uint32_t connection, std::uint32_t bytes) {
    stack_.consume(handles_[connection], bytes);
}

std::uint32_t OverTcp::room(std::uint32_t connection) {
    return stack_.writable_bytes(handles_[connection]);
}

std::uint32_t OverTcp::backlog(std::uint32_t connection) {
    return stack_.info(handles_[connection]).kept_bytes;
}

std::uint32_t OverTcp::write(std::uint32_t connection, Bytes bytes) {
    return stack_.write(handles_[connection], bytes);
}

void OverTcp::want_room(std::uint32_t connection) {
    stack_.want_writable(handles_[connection]);
}

void OverTcp::again(std::uint32_t connection) {
    stack_.again(handles_[connection]);
}

void OverTcp::shutdown(std::uint32_t connection) {
    stack_.shutdown(handles_[connection]);
}

void OverTcp::close(std::uint32_t connection) {
    stack_.close(std::exchange(handles_[connection], {}));
}

net::IpAddress OverTcp::source(std::uint32_t connection) {
    return stack_.info(handles_[connection]).path.peer;
}

std::string_view OverTcp::peer(std::uint32_t connection, std::span<char, 46> text) {
    const net::IpAddress address = source(connection);
    const bool v4 = address.is_v4();
    if (inet_ntop(v4 ? AF_INET : AF_INET6, &address.bytes[v4 ? 12 : 0], text.data(), 46) == nullptr)
        return {};
    return text.data();
}

void OverTcp::abort(std::uint32_t connection) {
    stack_.abort(std::exchange(handles_[connection], {}));
}

}  // namespace skerry::http
