// The bytes of connections, as HTTP wants them from whoever carries them: TCP on the packet path
// (over_tcp.hpp), memory in tests. A connection is an index below Server's limit; one is reused
// only after Server was told that it is closed, or closed it itself.
//
// Implementations never call back from within these functions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/net/address.hpp"

namespace skerry::http {

using Bytes = std::span<const std::uint8_t>;

class Transport {
  public:
    // The first bytes that were received and not consumed, where they lie: how many spans. Valid
    // until consume() or the turn's end. None after the connection's end.
    virtual std::uint32_t read(std::uint32_t connection, std::span<Bytes> spans) = 0;
    virtual void consume(std::uint32_t connection, std::uint32_t bytes) = 0;
    // How much write() would take now.
    virtual std::uint32_t room(std::uint32_t connection) = 0;
    // Of what was written: how much the client has not acknowledged yet.
    virtual std::uint32_t backlog(std::uint32_t connection) = 0;
    virtual std::uint32_t write(std::uint32_t connection, Bytes bytes) = 0;
    // Server::writable() is to be called once there is room for an answer's head at least.
    virtual void want_room(std::uint32_t connection) = 0;
    // Server::readable() is to be called again, after all the others that wait for it.
    virtual void again(std::uint32_t connection) = 0;
    // Nothing more will be written; what comes is still read.
    virtual void shutdown(std::uint32_t connection) = 0;
    // The connection is over, gracefully or at once; nothing more is told of it.
    virtual void close(std::uint32_t connection) = 0;
    // The client's address as text; empty: it is not known.
    virtual std::string_view peer(std::uint32_t, std::span<char, 46>) { return {}; }
    virtual net::IpAddress source(std::uint32_t) { return {}; }  // the same as a number
    virtual void abort(std::uint32_t connection) = 0;

  protected:
    ~Transport() = default;
};

}  // namespace skerry::http
