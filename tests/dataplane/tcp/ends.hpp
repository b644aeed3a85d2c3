// Both ends of connections, with nothing but what they were told.
#pragma once

#include "tests/dataplane/tcp/world.hpp"

namespace skerry::net::tcp::test {

inline constexpr std::uint64_t kSecond = 1'000'000;

// What each side was told, and the handles it has.
struct Ends {
    explicit Ends(World& w) : world(w) {
        w.applications = [this] { poll(); };
    }
    void poll() {
        Event events[64];
        for (std::uint32_t n = world.client.stack->poll(events), i = 0; i < n; ++i)
            client_events.push_back(events[i]);
        if (!server_polls) return;
        for (std::uint32_t n = world.server.stack->poll(events), i = 0; i < n; ++i) {
            if (events[i].bits & kAccepted) accepted.push_back(events[i].connection);
            server_events.push_back(events[i]);
        }
    }
    static unsigned bits(const std::vector<Event>& events) {
        unsigned all = 0;
        for (const Event& event : events) all |= event.bits;
        return all;
    }
    static Reason last_reason(const std::vector<Event>& events) { return events.back().reason; }

    World& world;
    bool server_polls = true;
    std::vector<Event> client_events, server_events;
    std::vector<Handle> accepted;
};

}  // namespace skerry::net::tcp::test
