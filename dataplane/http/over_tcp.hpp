// HTTP over a core's TCP: a Transport whose connections are those of a tcp::Stack, by their index,
// and what the Stack has to say, told to the Server. Owned by one core.
//
// A turn, after the Stack's input() and advance():
//   server.begin_turn(…), take_events(…), server.advance(…), …, stack.flush(…)
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/http/server.hpp"
#include "dataplane/http/transport.hpp"
#include "dataplane/net/tcp/stack.hpp"

namespace skerry::http {

class OverTcp final : public Transport {
  public:
    // `connections`: the Stack's limit, and the Server's.
    OverTcp(net::tcp::Stack& stack, std::uint32_t connections)
        : stack_(stack),
          connections_(connections),
          handles_(std::make_unique<net::tcp::Handle[]>(connections)) {}

    // Tells the server of up to `budget` connections with news; how many there were.
    std::uint32_t take_events(Server& server, std::uint32_t budget);
    // One event that was polled elsewhere, for who shares the Stack with others.
    void tell(Server& server, const net::tcp::Event& event);

    // Transport.
    std::uint32_t read(std::uint32_t connection, std::span<Bytes> spans) override;
    void consume(std::uint32_t connection, std::uint32_t bytes) override;
    std::uint32_t room(std::uint32_t connection) override;
    std::uint32_t backlog(std::uint32_t connection) override;
    std::uint32_t write(std::uint32_t connection, Bytes bytes) override;
    void want_room(std::uint32_t connection) override;
    void again(std::uint32_t connection) override;
    void shutdown(std::uint32_t connection) override;
    void close(std::uint32_t connection) override;
    void abort(std::uint32_t connection) override;
    net::IpAddress source(std::uint32_t connection) override;
    std::string_view peer(std::uint32_t connection, std::span<char, 46> text) override;

  private:
    net::tcp::Stack& stack_;
    const std::uint32_t connections_;
    std::unique_ptr<net::tcp::Handle[]> handles_;  // dead ones: not of the Server any more
};

}  // namespace skerry::http
