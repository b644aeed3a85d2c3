// The kernel UDP sockets of a run: many datagrams for one system call.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "tools/client/endpoint.hpp"
#include "tools/load/transport.hpp"

namespace skerry::load {

class Sockets final : public Transport {
  public:
    // `count` sockets, connected to `server`, each with a source port of its own.
    static Result<std::unique_ptr<Transport>> open(const client::Endpoint& server,
                                                   std::uint32_t count);

    std::size_t count() const override { return fds_.size(); }
    int send(std::size_t socket, std::span<const std::span<std::byte>> datagrams) override;
    std::size_t receive(std::size_t socket, std::span<const std::byte> (&datagrams)[kBatch],
                        std::uint64_t& refused) override;
    void wait(std::uint64_t nanoseconds) override;

  private:
    Sockets() = default;
    std::vector<UniqueFd> fds_;
    std::vector<std::byte> memory_;
};

}  // namespace skerry::load
