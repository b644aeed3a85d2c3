// How trunks to this region begin and end.
#include "dataplane/exchange/trunk_exchanges.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

using net::tcp::Event;

void TrunkExchanges::event(const Event& event, std::uint64_t now_us) {
    if (event.bits & net::tcp::kAccepted) {
        accept(event, now_us);
        return;
    }
    const auto trunk = static_cast<std::uint32_t>(event.tag & ~trunk::kTag);
    if (!over_tcp_.is_about(trunk, event)) return;
    if (event.bits & net::tcp::kClosed) {
        end_streams(trunk);
        context_.counters.count(Reason::trunk_closed_peer);
        over_tcp_.forget(trunk);
        --trunks_open_;
        return;
    }
    if (event.bits & net::tcp::kReadable) read(trunk, now_us);
    // A POP that closes has nothing to wait for.
    if ((event.bits & net::tcp::kPeerClosed) && over_tcp_.is_about(trunk, event))
        end(trunk, Reason::trunk_closed_peer);
}

void TrunkExchanges::accept(const Event& event, std::uint64_t now_us) {
    if (event.bits & net::tcp::kClosed) return;
    const net::IpAddress peer = stack_.info(event.connection).path.peer;
    const std::uint32_t trunk = place_for(peer);
    if (trunk == trunks_.size()) {
        context_.counters.count(Reason::trunk_refused_full);
        stack_.abort(event.connection);
        return;
    }
    if (trunks_open_ == 0) next_look_us_ = now_us + kLook_us;
    ++trunks_open_;
    trunks_[trunk] = {.peer = peer, .heard_us = now_us, .greeted = false};
    over_tcp_.begin(trunk, event.connection);
    over_tcp_.speaks(trunk);  // our hello
    (void)stack_.set_tag(event.connection, trunk::kTag | trunk);
    if (event.bits & (net::tcp::kReadable | net::tcp::kPeerClosed)) read(trunk, now_us);
    if ((event.bits & net::tcp::kPeerClosed) && over_tcp_.is_about(trunk, event))
        end(trunk, Reason::trunk_closed_peer);
}

// A trunk that is free, or is made so; count(): there is none for this address. Bounded by the
// trunks there are.
std::uint32_t TrunkExchanges::place_for(const net::IpAddress& peer) {
    const auto count = static_cast<std::uint32_t>(trunks_.size());
    std::uint32_t of_address = 0, free = count, idlest = count;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!over_tcp_.has_connection(i)) {
            free = i;
            continue;
        }
        if (trunks_[i].peer == peer) ++of_address;
        if (over_tcp_.link(i).idle() &&
            (idlest == count || trunks_[i].heard_us < trunks_[idlest].heard_us))
            idlest = i;
    }
    if (of_address >= std::max(1u, count / kShareOfAnAddress)) return count;
    if (free != count || idlest == count) return free;
    end(idlest, Reason::trunk_closed_room);
    return idlest;
}

void TrunkExchanges::read(std::uint32_t trunk, std::uint64_t now_us) {
    bool heard = false;
    const bool well = over_tcp_.read(trunk, heard);
    if (heard) trunks_[trunk].heard_us = now_us;
    if (!trunks_[trunk].greeted && over_tcp_.link(trunk).up()) {
        trunks_[trunk].greeted = true;
        context_.counters.count(Reason::trunk_up);
    }
    if (!well) end(trunk, Reason::trunk_closed_malformed);
}

// Whoever speaks over it is not there any more, or is not to be.
void TrunkExchanges::end_streams(std::uint32_t trunk) {
    trunk::Link& link = over_tcp_.link(trunk);
    for (std::uint64_t left = link.streams(); left != 0; left &= left - 1)
        cancelled(link, static_cast<std::uint32_t>(std::countr_zero(left)));
}

void TrunkExchanges::end(std::uint32_t trunk, Reason reason) {
    end_streams(trunk);
    context_.counters.count(reason);
    over_tcp_.reset(trunk);
    --trunks_open_;
}

void TrunkExchanges::advance(std::uint64_t now_us) {
    if (trunks_open_ == 0 || now_us < next_look_us_) return;
    next_look_us_ = now_us + kLook_us;
    for (std::uint32_t i = 0; i < trunks_.size(); ++i) {
        if (!over_tcp_.has_connection(i)) continue;
        const std::uint64_t limit_us = trunks_[i].greeted ? kSilent_us : kHello_us;
        if (now_us - trunks_[i].heard_us > limit_us) end(i, Reason::trunk_closed_idle);
    }
}

}  // namespace skerry
