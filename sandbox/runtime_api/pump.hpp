// Drives a Peer with plain system calls: while a worker initialises, and in tests. Never waits.
#pragma once

#include <poll.h>

#include <vector>

#include "sandbox/runtime_api/peer.hpp"

namespace skerry::runtime_api {

// Accepts, receives, sends and closes what can be without waiting, up to a bound: a worker that
// keeps talking is heard again at the next call. Stops early when there is news.
// Returns the news (Peer::take_news). `*deaf` is set when a connection waits that can't be
// accepted, because this process has too many files open: poll(2) would say so for ever.
std::uint8_t pump(Peer& peer, int listener_fd, bool* deaf = nullptr);

// What poll(2) should watch.
void add_descriptors(const Peer& peer, int listener_fd, std::vector<pollfd>& to);

// Closes all connections.
void hang_up(Peer& peer);

}  // namespace skerry::runtime_api
