// What skerryd has of one worker that speaks the Runtime API: its conversation, and which of its
// sockets the ring of the core that owns its slot is busy with.
//
// Made and destroyed by the control thread, like the Channel that points to it. Whoever owns the
// slot owns all of it. Nobody but skerryd has these sockets' files: the worker has the other ends.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/runtime_api/peer.hpp"
#include "sandbox/runtime_api/pump.hpp"

namespace skerry {

struct ApiEnd {
    // `area` is the slot's response area.
    ApiEnd(UniqueFd listener_fd, std::string arn, std::byte* area, std::size_t area_bytes)
        : listener(std::move(listener_fd)),
          function_arn(std::move(arn)),
          peer(area, area_bytes, function_arn) {}
    // Of a worker that stands by.
    explicit ApiEnd(UniqueFd listener_fd) : listener(std::move(listener_fd)) {}
    ~ApiEnd() { runtime_api::hang_up(peer); }
    ApiEnd(const ApiEnd&) = delete;
    ApiEnd& operator=(const ApiEnd&) = delete;

    struct Io {
        bool receiving = false;  // between the queue of the ring and its completion
        bool sending = false;
        bool polling_in = false;
        bool polling_out = false;
        bool look_first = false;  // there may be something already: try before waiting
        iovec pieces[2];
        msghdr message;
    };

    UniqueFd listener;
    std::string function_arn;  // the peer refers to it
    runtime_api::Peer peer;
    std::array<Io, runtime_api::kConnections> io;
    bool accepting = false;
    bool deaf = false;      // accepting failed; not tried again for this invocation
    bool asked = false;     // the worker waits in /next
    std::uint8_t news = 0;  // runtime_api::News that the core has not looked at
};

}  // namespace skerry
