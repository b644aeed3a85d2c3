// How trunks to regions are made, watched and given up.
#include <algorithm>
#include <bit>

#include "dataplane/forward/trunks.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

using net::tcp::Event;

void Trunks::event(const Event& event, std::uint64_t now_us) {
    now_us_ = now_us;
    const auto number = static_cast<std::uint32_t>(event.tag & ~trunk::kTag);
    if (!over_tcp_.is_about(number, event)) return;
    if (event.bits & net::tcp::kClosed) {
        const bool made = trunks_[number].state == State::up;
        lose(number, made ? Reason::trunk_closed_peer : Reason::trunk_unanswered, false, now_us);
        return;
    }
    if (event.bits & net::tcp::kConnected) over_tcp_.speaks(number);
    if (event.bits & net::tcp::kReadable) read(number, now_us);
    // What was still to be said has been read: a region that closes is not asked any more.
    if ((event.bits & net::tcp::kPeerClosed) && over_tcp_.is_about(number, event))
        lose(number, Reason::trunk_closed_peer, true, now_us);
}

void Trunks::read(std::uint32_t number, std::uint64_t now_us) {
    Trunk& trunk = trunks_[number];
    bool heard = false;
    const bool well = over_tcp_.read(number, heard);
    if (heard) {
        trunk.sign_us = now_us;
        trunk.pinged = false;
    }
    if (!well) return lose(number, Reason::trunk_closed_malformed, true, now_us);
    if (trunk.state == State::connecting && over_tcp_.link(number).up()) {
        trunk.state = State::up;
        trunk.tries = 0;
        ++up_;
        context_.counters.count(Reason::trunk_up);
    }
}

// All of its streams are told; it is made again later.
void Trunks::lose(std::uint32_t number, Reason reason, bool reset, std::uint64_t now_us) {
    Trunk& trunk = trunks_[number];
    trunk::Link& link = over_tcp_.link(number);
    context_.counters.count(reason);
    if (trunk.state == State::up) --up_;
    trunk.state = State::down;  // nothing new is started on it
    trunk.pinged = false;
    for (std::uint64_t left = link.streams(); left != 0; left &= left - 1) {
        const auto place = static_cast<std::uint32_t>(std::countr_zero(left));
        Stream& stream = stream_of(link, place);
        if (stream.invocation == kNoInvocation) continue;  // cancelled, and not told yet
        const std::uint32_t index = stream.invocation;
        const bool may_run = link.request_gone(place);
        forget(stream);
        owner_.stream_lost(index, may_run);
    }
    if (reset) {
        over_tcp_.reset(number);
    } else {
        over_tcp_.forget(number);
    }
    try_later(trunk, now_us);
    serve_waiting();
}

// Twice as long each time, and not all at once.
void Trunks::try_later(Trunk& trunk, std::uint64_t now_us) {
    const std::uint64_t wait_us = std::min(kLastRetry_us, kFirstRetry_us << trunk.tries);
    if (trunk.tries < 7) ++trunk.tries;
    random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
    trunk.next_try_us = now_us + wait_us - wait_us / 4 + (random_ >> 33) % (wait_us / 2);
}

void Trunks::advance(std::uint64_t now_us) {
    now_us_ = now_us;
    if (now_us < next_look_us_) return;
    next_look_us_ = now_us + kLook_us;
    if (context_.snapshot == nullptr) return;
    for (std::uint32_t i = 0; i < trunks_.size(); ++i) look(i, now_us);
}

// Without an answer for this long a trunk with something outstanding is given up.
std::uint64_t Trunks::patience_us(std::uint32_t number) const {
    if (trunks_[number].state == State::connecting) return kConnect_us;
    // Not TCP's timeout: that grows with the very silence.
    const std::uint64_t rtt_us = stack_.info(over_tcp_.connection(number)).smoothed_rtt_us;
    return std::clamp(10 * rtt_us, kSilentMin_us, kSilentMax_us);
}

void Trunks::look(std::uint32_t number, std::uint64_t now_us) {
    Trunk& trunk = trunks_[number];
    if (trunk.state == State::down) {
        if (now_us < trunk.next_try_us) return;
        if (!connect(number, now_us)) try_later(trunk, now_us);
        return;
    }
    trunk::Link& link = over_tcp_.link(number);
    const std::uint64_t acknowledged = over_tcp_.acknowledged_bytes(number);
    if (acknowledged != trunk.acknowledged && trunk.state == State::up) trunk.sign_us = now_us;
    trunk.acknowledged = acknowledged;
    const bool outstanding = trunk.state == State::connecting || trunk.pinged || !link.idle() ||
                             over_tcp_.kept_bytes(number) != 0;
    const std::uint64_t silent_us = now_us - trunk.sign_us;
    const std::uint64_t patience = patience_us(number);
    if (outstanding && silent_us >= patience) {
        const bool made = trunk.state == State::up;
        lose(number, made ? Reason::trunk_closed_silent : Reason::trunk_unanswered, true, now_us);
        return;
    }
    // All places used up, in years: it is made again when nobody is on it.
    if (link.worn() && link.idle()) {
        lose(number, Reason::trunk_closed_peer, true, now_us);
        return;
    }
    if (trunk.state != State::up || trunk.pinged) return;
    if (outstanding ? silent_us >= patience / 2 : silent_us >= kIdle_us) {
        if (!outstanding) trunk.sign_us = now_us;
        trunk.pinged = true;
        link.ping(now_us);
        over_tcp_.speaks(number);
    }
}

bool Trunks::connect(std::uint32_t number, std::uint64_t now_us) {
    Trunk& trunk = trunks_[number];
    const RegionInfo& region = context_.snapshot->regions()[number / per_region_];
    const net::PortView& port = context_.shared.server.ports[region.port];
    const auto mac = context_.shared.neighbours.find(region.next_hop);
    const net::IpAddress* local = net::own_address(port, region.address);
    if (!mac || local == nullptr) return false;
    std::uint16_t from = 0;  // any
    if (context_.shared.server.core_count > 1) {
        // Each trunk goes round its own part of the ports, so that one that has just ended, and
        // may linger over there, is not met again at once.
        constexpr std::uint32_t kOfEach = RegionInfo::kTrunkPorts / kTrunksPerRegion;
        const std::uint32_t mine = number % per_region_;
        from = region.trunk_tcp[context_.core][mine * kOfEach + trunk.port++ % kOfEach];
        if (from == 0) return false;
    }
    const net::tcp::Handle made = stack_.connect({.local = *local,
                                                  .peer = region.address,
                                                  .next_hop = *mac,
                                                  .peer_port = region.udp_port,
                                                  .local_port = from,
                                                  .vlan_tci = 0,
                                                  .port = region.port,
                                                  .tag = trunk::kTag | number},
                                                 now_us);
    if (!made) return false;
    over_tcp_.begin(number, made);
    trunk.state = State::connecting;
    trunk.sign_us = now_us;
    trunk.acknowledged = 0;
    return true;
}

}  // namespace skerry
