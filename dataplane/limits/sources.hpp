// What one source may ask of one core: requests a second, connections at once. A source is an
// address, or a network of them (an IPv6 host has a /64 to choose from).
//
// Three answers, each cheaper than the one before, so that who asks for ten times as much as the
// server has does not take it from others:
//   within its limit       taken
//   over it                refused, in words (429, a refusal, a reset). Refusals are rationed as
//                          requests are: as many a second as those, and as many at once
//   over that as well      shed: what comes from it is dropped unread, for `shed_ms`
// Only addresses that somebody has proved (a handshake, a cookie) are counted, so nobody can have
// another shed, nor fill the table with addresses that are not his.
//
// Owned by one core, allocates in the constructor only. Each core counts what comes to it: a source
// with connections on several cores may have the limit on each. `now`: TSC.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/limits/bucket_table.hpp"
#include "dataplane/net/address.hpp"

namespace skerry::limits {

// Constant after start.
struct SourceLimits {
    std::uint32_t per_second = 0;   // requests, and connections begun; 0: no limit
    std::uint32_t burst = 0;        // of them, at once
    std::uint32_t connections = 0;  // at once; 0: no limit
    std::uint32_t places = 65536;   // sources that a core remembers
    std::uint8_t v4_bits = 32;      // of an address: what is one source
    std::uint8_t v6_bits = 64;
    std::uint32_t shed_ms = 100;
    std::vector<net::IpPrefix> exempt;  // counted nowhere, refused never
    bool any() const { return per_second != 0 || connections != 0; }
};

class Sources {
  public:
    // `connections`: that there can be; they are named by numbers below that.
    Sources(const SourceLimits& limits, std::uint64_t tsc_hz, std::uint32_t connections,
            const net::SipKey& key);

    // A client's handshake is done. False: it may have no more connections, or begin none now;
    // nothing is counted.
    bool connected(std::uint32_t connection, const net::IpAddress& peer, std::uint64_t now);
    // It is over, or says nothing that matters any more. Without effect for one that is not
    // counted.
    void gone(std::uint32_t connection);
    // A request on a connection. False: one too many.
    bool request(std::uint32_t connection, std::uint64_t now);
    // A request in a datagram, of a source that has proved its address. False: one too many.
    bool datagram(const net::IpAddress& peer, std::uint64_t now);

    // Whether anything is shed now: while nothing is, frames need not be looked at.
    bool shedding(std::uint64_t now) const { return now < shed_until_; }
    bool sheds(const rte_mbuf* frame, std::uint64_t now) const;

    const BucketTable& table() const { return table_; }

  private:
    struct Cell {
        std::uint64_t key = 0;
        std::uint64_t until = 0;
    };
    static constexpr std::size_t kCells = 1024;

    std::uint64_t key_of(const net::IpAddress& address) const;
    bool exempt(const net::IpAddress& address) const;
    bool take(BucketTable::Place place, std::uint64_t key, std::uint64_t now);
    void refuse(BucketTable::Place place, std::uint64_t key, std::uint64_t now);
    Cell& cell_of(std::uint64_t key) { return cells_[key >> 32 & (kCells - 1)]; }
    const Cell& cell_of(std::uint64_t key) const { return cells_[key >> 32 & (kCells - 1)]; }

    // Of a connection: its source's place is held until gone().
    struct Held {
        std::uint64_t key = 0;
        BucketTable::Place place = BucketTable::kNone;
    };

    const SourceLimits limits_;
    const Rate rate_;
    const Rate refusals_;
    const std::uint64_t shed_ticks_;
    const std::uint32_t v4_mask_;  // network order
    const std::uint64_t v6_mask_high_, v6_mask_low_;
    BucketTable table_;
    std::unique_ptr<Held[]> held_;
    std::uint64_t shed_until_ = 0;  // the latest of all cells
    // Direct-mapped: of two that meet here the later one stays, and the other is shed again with
    // its next refusal.
    std::array<Cell, kCells> cells_{};
};

}  // namespace skerry::limits
