// When a client sends a request again. Every retransmission has the same request id, so the server
// executes it once however often it arrives (docs/protocol.md, "Retransmission").
#pragma once

#include <algorithm>
#include <cstdint>

namespace skerry::client {

// The wait doubles each time, as a path that lost one datagram to overload needs less load, not
// more.
struct Backoff {
    std::uint32_t first_ms = 200;
    std::uint32_t most_ms = 2000;

    // The wait before retransmission number `sent` (1: after the first transmission).
    // `random` spreads it by a tenth either way: clients that lost at once do not return at once.
    std::uint64_t wait_us(std::uint32_t sent, std::uint64_t random) const {
        const std::uint32_t doublings = std::min<std::uint32_t>(sent == 0 ? 0 : sent - 1, 20);
        const std::uint64_t plain_us =
            std::min<std::uint64_t>(std::uint64_t{first_ms} << doublings, most_ms) * 1000;
        const std::uint64_t fifth_us = plain_us / 5;
        return plain_us - fifth_us / 2 + (fifth_us == 0 ? 0 : random % fifth_us);
    }
};

}  // namespace skerry::client
