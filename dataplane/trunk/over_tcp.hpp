// Links over a core's TCP: a fixed number of trunks, each a Link with the connection that it has,
// if any. Reads, writes, and how far ahead is written; when a trunk begins or ends is its owner's
// to say (dataplane/forward, dataplane/exchange).
//
// Owned by one core. Allocates in the constructor only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/net/tcp/stack.hpp"
#include "dataplane/trunk/link.hpp"

namespace skerry::trunk {

// Connections of trunks have this bit in their tag, and the trunk's number below it; others have
// not.
inline constexpr std::uint64_t kTag = std::uint64_t{1} << 63;

class OverTcp {
  public:
    // What is written can't be overtaken: no more than this is written ahead of what TCP has sent.
    static constexpr std::uint32_t kAheadBytes = 64 * 1024;
    // Read of one trunk before the others have their turn.
    static constexpr std::uint32_t kReadBytes = 256 * 1024;

    OverTcp(net::tcp::Stack& stack, Role role, std::uint32_t trunks, std::uint32_t window_bytes,
            Handler& handler);

    std::uint32_t count() const { return static_cast<std::uint32_t>(ends_.size()); }
    Link& link(std::uint32_t trunk) { return *ends_[trunk].link; }
    net::tcp::Handle connection(std::uint32_t trunk) const { return ends_[trunk].connection; }
    bool has_connection(std::uint32_t trunk) const { return bool(ends_[trunk].connection); }
    // Whether the event is about the connection that the trunk has now.
    bool is_about(std::uint32_t trunk, const net::tcp::Event& event) const {
        return trunk < ends_.size() && ends_[trunk].connection == event.connection;
    }

    // The trunk has this connection from now on, and its Link begins anew.
    void begin(std::uint32_t trunk, net::tcp::Handle connection);
    // It has none any more; its Link's streams have been seen to.
    void reset(std::uint32_t trunk);   // RST
    void close(std::uint32_t trunk);   // FIN
    void forget(std::uint32_t trunk);  // TCP said that it is over

    // All that has come, to its Link; the rest in a later turn. False: a fault.
    bool read(std::uint32_t trunk, bool& heard);
    // The Link may have something to say.
    void speaks(std::uint32_t trunk) { ready_[trunk / 64] |= std::uint64_t{1} << (trunk % 64); }
    // Writes what Links have to say.
    void pump();
    // There is more, and room for it: after the Stack's flush().
    bool more() const;

    // Of what was written: acknowledged so far, in all. Grows while the peer is there.
    std::uint64_t acknowledged_bytes(std::uint32_t trunk) const;
    // Written and not acknowledged.
    std::uint32_t kept_bytes(std::uint32_t trunk) const;

  private:
    struct End {
        std::unique_ptr<Link> link;
        net::tcp::Handle connection;
        std::uint64_t written_bytes = 0;
    };
    std::uint32_t room(const End& end) const;

    net::tcp::Stack& stack_;
    std::vector<End> ends_;
    std::vector<std::uint64_t> ready_;  // bit t: trunk t may have something to say
};

}  // namespace skerry::trunk
