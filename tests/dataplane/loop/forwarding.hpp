// A function that two regions hold and this server can't execute, and regions that the test plays.
#pragma once

#include <optional>
#include <string>

#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {

class Forward : public LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        targets[0].entry = kNoEntry;
        targets[0].holders = 3;
        region_count = 2;
    }
    // Starts, with region 0 nearer than region 1, and sends one request.
    void begin(RetryPolicy retry = RetryPolicy::unstarted, std::uint32_t deadline_us = 2'000'000) {
        targets[0].retry = retry;
        start();
        set_region(0, 1000);
        set_region(1, 2000);
        wire::Header header = request_header(shared, client(), 1);
        header.deadline_us.set(deadline_us);
        send(client(), header, "payload");
        turn();
    }
    // What a region says to what it got.
    void answer(std::uint32_t region, const Message& request, wire::Kind kind,
                ReplyStatus status = ReplyStatus::ok, const std::string& payload = "",
                std::uint64_t cookie = 0) {
        wire::Header header = request.header;
        header.kind = static_cast<std::uint8_t>(kind);
        header.status = static_cast<std::uint8_t>(status);
        header.cookie.set(cookie);
        std::memset(header.place, 0, sizeof header.place);
        std::snprintf(header.place, sizeof header.place, "r%u", region);
        send(peer_of(region), header, payload);
        turn();
    }
    Peer peer_of(std::uint32_t region) const {
        return regions_ipv6 ? region_peer6(region) : region_peer(region);
    }
    bool is_for(const Message& message, std::uint32_t region) const {
        return message.path.local == peer_of(region).address;
    }
    // The next message to a region, retransmissions to another one skipped.
    std::optional<Message> wait_for(std::uint32_t region) {
        std::optional<Message> found;
        turn_until([&] {
            while (!sent.empty() && !found) {
                Message message = next();
                if (is_for(message, region)) found = std::move(message);
            }
            return found.has_value();
        });
        return found;
    }
    std::optional<Message> wait_for_reply() {
        std::optional<Message> found;
        turn_until([&] {
            while (!sent.empty() && !found) {
                Message message = next();
                if (message.path.local == client().address) found = std::move(message);
            }
            return found.has_value();
        });
        return found;
    }
};

}  // namespace skerry::test
