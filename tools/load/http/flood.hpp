// A SYN flood: connections that are asked for at a given rate, from sources at random that will
// never answer (RFC 4987 §2). What comes back is for nobody, and is dropped.
#pragma once

#include "tools/load/http/host.hpp"
#include "tools/load/http/options.hpp"
#include "tools/load/random.hpp"

namespace skerry::load::http {

class Flood {
  public:
    // Premise: check_flood() has let it pass. Begins at `now_ns`.
    Flood(Host& host, const net::IpAddress& server, std::uint16_t server_port,
          const FloodOptions& options, std::uint64_t now_ns);

    // Sends what is due, at most a few bursts: what a host can't keep up with is not made up for.
    void turn();
    std::uint64_t sent() const { return sent_; }

  private:
    void send_one();

    Host& host_;
    net::Path path_;
    FloodOptions options_;
    Random random_{1};
    std::uint64_t last_ns_;
    double due_ = 0;  // SYNs
    std::uint64_t sent_ = 0;
};

// An address of the prefix, the bits behind it taken from `chance`.
net::IpAddress address_within(const net::IpPrefix& prefix, std::uint64_t chance);

}  // namespace skerry::load::http
