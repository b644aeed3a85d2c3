// A SYN flood: connections that are asked for at a given rate, from sources at random that will
// never answer (RFC 4987 §2). What comes back is for nobody, and is dropped.
#pragma once

#include <vector>

#include "tools/load/http/host.hpp"
#include "tools/load/http/options.hpp"
#include "tools/load/random.hpp"

namespace skerry::load::http {

// SYNs that differ in source, port and sequence number. Made once; each of them is a copy with the
// checksums put right by what differs, since a checksum is a sum.
class SynPattern {
  public:
    // `path`: to the server; its local address and port do not matter. Checksums are made here,
    // whatever the port can.
    SynPattern(const net::Path& path, const net::PortView& port);

    std::size_t bytes() const { return frame_.size(); }
    // The whole frame; numbers in network order.
    void write(std::uint8_t* at, const net::IpAddress& source, std::uint16_t source_port,
               std::uint32_t seq) const;

  private:
    std::vector<std::uint8_t> frame_;
    std::size_t address_bytes_, tcp_at_;
    std::uint64_t ip_sum_ = 0, tcp_sum_ = 0;  // of the headers, without what differs
};

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
    FloodOptions options_;
    SynPattern pattern_;
    Random random_{1};
    std::uint64_t last_ns_;
    double due_ = 0;  // SYNs
    std::uint64_t sent_ = 0;
};

// An address of the prefix, the bits behind it taken from `chance`.
net::IpAddress address_within(const net::IpPrefix& prefix, std::uint64_t chance);

}  // namespace skerry::load::http
