// A region's core, and POPs that a test plays: one TCP for all, and the other end of each trunk.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/dataplane/loop/played_region.hpp"

namespace skerry::test {

class TrunkRegion : public HttpTest {
  protected:
    void SetUp() override {
        HttpTest::SetUp();
        info.http.port = 0;  // a region needs none
        info.is_pop = false;
        info.trunks.accepted = 8;
        std::memcpy(info.place, "r7\0", 3);
        targets[0].max_payload_bytes = 1 << 20;
        payload_buffers = 512;
    }
    void peers_speak() override {
        for (auto& [connection, end] : pops_) {
            if (dead(connection) || end.get() == stuck) continue;
            const std::string came = heard(connection);
            if (!came.empty() && !trunk::testing::take(*end, came)) continue;
            end->left = std::min(client_->writable_bytes(connection), ahead);
            end->pump();
            if (!end->output.empty()) say(connection, std::exchange(end->output, {}));
        }
        (void)client_->flush(now_us());
    }
    bool dead(net::tcp::Handle connection) const {
        return client_->info(connection).state != net::tcp::State::established;
    }

    struct Pop {
        net::tcp::Handle connection;
        End* end;
        End* operator->() const { return end; }
    };
    Pop pop(std::size_t from = 0) {
        const net::tcp::Handle made = connect(4600, from);
        pops_.emplace_back(made, std::make_unique<End>(trunk::Role::client, 64 * 1024));
        End* end = pops_.back().second.get();
        EXPECT_TRUE(step_until([&] { return end->link.up() || dead(made); }));
        return {made, end};
    }
    // A request for the function, as a POP forwards it.
    std::uint32_t ask(Pop& pop, const std::string& payload, std::uint16_t flags = 0,
                      std::uint64_t function = kFunctionKey, std::uint8_t hops = 1) {
        wire::Header header = trunk::testing::header_of(
            wire::Kind::invoke, static_cast<std::uint32_t>(payload.size()), ++serial_);
        header.function_key.set(function);
        header.qualifier.set(kVersionKey);
        header.hop_count = hops;
        header.deadline_us.set(deadline_us);
        header.trace_id_lo.set(0x7ace);
        header.flags.set(wire::flag::forwarded | flags);
        if (flags & wire::flag::retry_key) std::memcpy(header.place, retry_key, sizeof retry_key);
        const std::uint32_t place = pop->link.open(header);
        pop->streams[place] = {};
        pop->streams[place].open = true;
        pop->streams[place].says = payload;
        return place;
    }
    bool answered(Pop& pop, std::uint32_t place) {
        return step_until([&] { return pop->streams[place].complete; });
    }
    ReplyStatus status(Pop& pop, std::uint32_t place) {
        return static_cast<ReplyStatus>(pop->streams[place].header.status);
    }
    void lose(Pop& pop, bool reset) {
        leave(pop.connection, reset);
        std::erase_if(pops_, [&](const auto& each) { return each.first == pop.connection; });
    }

    std::uint32_t ahead = 64 * 1024;
    std::uint32_t deadline_us = 2'000'000;
    char retry_key[wire::kPlaceBytes] = {1, 2, 3};
    const End* stuck = nullptr;  // says and hears nothing

  private:
    std::vector<std::pair<net::tcp::Handle, std::unique_ptr<End>>> pops_;
    std::uint64_t serial_ = 0;
};

}  // namespace skerry::test
