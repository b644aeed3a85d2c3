#include "dataplane/dispatch/api_workers.hpp"

#include <poll.h>

#include <cerrno>

namespace skerry {

using runtime_api::kConnections;
using runtime_api::Peer;

void ApiWorkers::begin(ApiEnd& end, std::uint32_t channel_index, std::uint32_t tenure,
                       const runtime_api::Grant& grant) {
    end.asked = false;
    end.deaf = false;
    end.news = 0;
    const int parked = end.peer.parked();
    if (parked >= 0 && end.peer.space(static_cast<std::uint32_t>(parked)).iov_len != 0) {
        // Nobody has looked at this connection since the worker asked. If it is gone, this says so
        // before the invocation is written to it, and the worker gets it with its next /next.
        const auto connection = static_cast<std::uint32_t>(parked);
        receive(end, connection,
                tag(Operation::receive, connection, end.peer.connection(connection).generation,
                    tenure, channel_index));
    }
    end.peer.begin(grant);
    drive(end, channel_index, tenure);
}

bool ApiWorkers::settled(const ApiEnd& end) {
    for (const ApiEnd::Io& io : end.io)
        if (io.receiving || io.sending) return false;
    return true;
}

void ApiWorkers::leave(ApiEnd& end, std::uint32_t channel_index, std::uint32_t tenure) {
    if (!settled(end)) ring_.submit();
    for (std::uint32_t i = 0; i < kConnections; ++i) {
        ApiEnd::Io& io = end.io[i];
        const std::uint8_t generation = end.peer.connection(i).generation;
        if (io.polling_in)
            ring_.unpoll(tag(Operation::poll_in, i, generation, tenure, channel_index));
        if (io.polling_out)
            ring_.unpoll(tag(Operation::poll_out, i, generation, tenure, channel_index));
        io.receiving = io.sending = io.polling_in = io.polling_out = io.look_first = false;
    }
    if (end.accepting) ring_.cancel(tag(Operation::accept, 0, 0, tenure, channel_index));
    end.accepting = false;
}

void ApiWorkers::too_late(std::uint64_t completion, int result) {
    const auto operation = static_cast<Operation>(completion >> 52 & 0xf);
    if (operation == Operation::accept && result >= 0) ring_.close(result);
}

void ApiWorkers::completed(ApiEnd& end, std::uint64_t completion, int result) {
    const auto operation = static_cast<Operation>(completion >> 52 & 0xf);
    const auto connection = static_cast<std::uint32_t>(completion >> 48 & 0xf);
    const auto generation = static_cast<std::uint8_t>(completion >> 40);
    if (operation == Operation::accept) {
        accepted(end, result);
    } else if (generation == end.peer.connection(connection).generation) {
        ApiEnd::Io& io = end.io[connection];
        const bool alive = !end.peer.wants_close(connection);
        switch (operation) {
            case Operation::receive:
                io.receiving = false;
                io.look_first = result > 0;
                if (!alive || result == -EAGAIN || result == -EINTR) break;
                if (result > 0) {
                    end.peer.received(connection, static_cast<std::size_t>(result));
                } else {
                    end.peer.lost(connection);
                }
                break;
            case Operation::send:
                io.sending = false;
                if (!alive || result == -EAGAIN || result == -EINTR) break;
                if (result >= 0) {
                    end.peer.sent(connection, static_cast<std::size_t>(result));
                } else {
                    end.peer.lost(connection);
                }
                break;
            case Operation::poll_in:
                io.polling_in = false;
                io.look_first = true;
                break;
            case Operation::poll_out:
                io.polling_out = false;
                break;
            case Operation::accept:
                break;
        }
        // Nothing went: wait until something can.
        if (operation == Operation::send && result == -EAGAIN && end.peer.wants_send(connection)) {
            io.polling_out = true;
            ring_.poll_once(end.peer.connection(connection).fd, POLLOUT,
                            tag(Operation::poll_out, connection, generation, tenure_of(completion),
                                index_of(completion)));
        }
    }
    end.news |= end.peer.take_news();
    if ((end.news & runtime_api::kAsked) != 0) end.asked = true;
    drive(end, index_of(completion), tenure_of(completion));
}

void ApiWorkers::accepted(ApiEnd& end, int result) {
    end.accepting = false;
    if (result < 0) {
        // Out of descriptors, or the listener is gone: trying at once again would not end.
        if (result != -EAGAIN && result != -EINTR && result != -ECONNABORTED) end.deaf = true;
        return;
    }
    const int connection = end.peer.adopt(result);
    if (connection < 0) {
        ring_.close(result);
        return;
    }
    end.io[static_cast<std::size_t>(connection)] = {};
    end.io[static_cast<std::size_t>(connection)].look_first = true;
}

void ApiWorkers::drive(ApiEnd& end, std::uint32_t channel_index, std::uint32_t tenure) {
    for (std::uint32_t i = 0; i < kConnections; ++i)
        if (end.peer.connection(i).open()) drive(end, i, channel_index, tenure);
    if (end.accepting || end.deaf || end.asked) return;
    end.accepting = true;
    ring_.accept(end.listener.get(), tag(Operation::accept, 0, 0, tenure, channel_index));
}

void ApiWorkers::drive(ApiEnd& end, std::uint32_t connection, std::uint32_t channel_index,
                       std::uint32_t tenure) {
    Peer& peer = end.peer;
    ApiEnd::Io& io = end.io[connection];
    const runtime_api::Connection& c = peer.connection(connection);
    if (peer.wants_close(connection)) {
        if (!io.receiving && !io.sending) hang_up(end, connection, channel_index, tenure);
        return;
    }
    if (peer.wants_send(connection) && !io.sending && !io.polling_out) {
        io.message = {};
        io.message.msg_iov = io.pieces;
        io.message.msg_iovlen = peer.to_send(connection, io.pieces);
        io.sending = true;
        ring_.send_now(c.fd, &io.message,
                       tag(Operation::send, connection, c.generation, tenure, channel_index));
    }
    // A worker that has asked and goes on talking is heard when it has an invocation again.
    if (end.asked || !peer.wants_read(connection) || io.receiving || io.polling_in) return;
    if (io.look_first) {
        receive(end, connection,
                tag(Operation::receive, connection, c.generation, tenure, channel_index));
    } else {
        io.polling_in = true;
        ring_.poll_once(c.fd, POLLIN | POLLRDHUP,
                        tag(Operation::poll_in, connection, c.generation, tenure, channel_index));
    }
}

void ApiWorkers::receive(ApiEnd& end, std::uint32_t connection, std::uint64_t completion_tag) {
    const iovec space = end.peer.space(connection);
    end.io[connection].receiving = true;
    ring_.receive_now(end.peer.connection(connection).fd, space.iov_base, space.iov_len,
                      completion_tag);
}

// The polls first: they hold the file, and the worker is to see the end now.
void ApiWorkers::hang_up(ApiEnd& end, std::uint32_t connection, std::uint32_t channel_index,
                         std::uint32_t tenure) {
    ApiEnd::Io& io = end.io[connection];
    const runtime_api::Connection& c = end.peer.connection(connection);
    if (io.polling_in)
        ring_.unpoll(tag(Operation::poll_in, connection, c.generation, tenure, channel_index));
    if (io.polling_out)
        ring_.unpoll(tag(Operation::poll_out, connection, c.generation, tenure, channel_index));
    ring_.close(c.fd);
    end.peer.closed(connection);
    io = {};
}

}  // namespace skerry
