// The retransmission timeout of one connection (RFC 6298). Times in microseconds.
//
// Karn's rule (§3) is the caller's: a sample is of a segment that was sent once, or comes from a
// timestamp's echo (RFC 7323 §4.1).
#pragma once

#include <cstdint>

namespace skerry::net::tcp {

inline constexpr std::uint32_t kInitialRtoUs = 1'000'000;  // §2.1
inline constexpr std::uint32_t kMaxRtoUs = 60'000'000;     // §2.5 allows it from 60 s on
// After a handshake in which a SYN was retransmitted (§5.7).
inline constexpr std::uint32_t kRtoAfterLostSynUs = 3'000'000;

struct Rto {
    std::uint32_t srtt_us = 0;  // 0: no sample yet
    std::uint32_t rttvar_us = 0;
    std::uint32_t min_rtt_us = 0;  // the least sample ever; 0: none
    std::uint8_t backoffs = 0;     // doublings since the last new acknowledgement
    bool syn_was_lost = false;     // without a sample of its own the timeout is then 3 s

    // §2.2, §2.3. A sample of 0 counts as 1.
    void sample(std::uint32_t rtt_us) {
        if (rtt_us == 0) rtt_us = 1;
        // More can't be a round trip: the clock of a timestamp's echo is the peer's to make up.
        if (rtt_us > 2 * kMaxRtoUs) rtt_us = 2 * kMaxRtoUs;
        if (min_rtt_us == 0 || rtt_us < min_rtt_us) min_rtt_us = rtt_us;
        if (srtt_us == 0) {
            srtt_us = rtt_us;
            rttvar_us = rtt_us / 2;
            return;
        }
        const std::uint32_t off = srtt_us > rtt_us ? srtt_us - rtt_us : rtt_us - srtt_us;
        rttvar_us = static_cast<std::uint32_t>((3ull * rttvar_us + off) / 4);
        srtt_us = static_cast<std::uint32_t>((7ull * srtt_us + rtt_us) / 8);
        if (srtt_us == 0) srtt_us = 1;
    }

    // §2.2–2.5 with the backoff of §5.5. G, the clock's grain, is one tick of the timers.
    std::uint32_t rto_us(std::uint32_t min_us, std::uint32_t max_us = kMaxRtoUs) const {
        std::uint64_t rto = syn_was_lost ? kRtoAfterLostSynUs : kInitialRtoUs;
        if (srtt_us != 0) {
            const std::uint64_t spread = 4ull * rttvar_us;
            rto = srtt_us + (spread < kGrainUs ? kGrainUs : spread);
            if (rto < min_us) rto = min_us;
        }
        rto <<= backoffs;
        return rto > max_us ? max_us : static_cast<std::uint32_t>(rto);
    }

    void back_off() {
        if (backoffs < kMaxBackoffs) ++backoffs;
    }
    void reset_backoff() { backoffs = 0; }

  private:
    static constexpr std::uint32_t kGrainUs = 1000;
    static constexpr std::uint8_t kMaxBackoffs = 16;
};
static_assert(sizeof(Rto) == 16);

}  // namespace skerry::net::tcp
