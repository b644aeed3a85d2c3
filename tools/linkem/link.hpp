// One direction of an emulated link: what happens to each packet, and when. Pure: time and packets'
// sizes go in, due times come out; no sockets, no clock. Deterministic for a seed.
#pragma once

#include <cstdint>
#include <random>

namespace skerry::linkem {

struct Quality {
    std::uint64_t delay_ns = 0;
    std::uint64_t jitter_ns = 0;  // uniform, ± this much; packets keep their order all the same
    double loss = 0;              // probabilities, 0 … 1
    double duplicate = 0;
    double corrupt = 0;  // one bit of it, behind the Ethernet header, is flipped
    double reorder = 0;  // such a packet is not delayed: it overtakes those in flight
    std::uint64_t rate_bits_per_s = 0;  // 0: unlimited
    std::uint32_t queue_packets =
        4096;  // in flight at most; what comes then is dropped and counted
};

struct Statistics {
    std::uint64_t packets = 0, delivered = 0, lost = 0, duplicated = 0, reordered = 0,
                  corrupted = 0, overflowed = 0;
};

class Link {
  public:
    Link(Quality quality, std::uint64_t seed) : quality_(quality), random_(seed) {}

    // 0, 1 or 2 copies; `due_ns[i]` says when each is to leave. `in_flight`: copies not yet
    // delivered.
    struct Fate {
        int copies = 0;
        std::uint64_t due_ns[2] = {};
        std::uint32_t flipped_bit = 0;  // of the frame, both copies; 0: none
    };
    Fate pass(std::uint64_t now_ns, std::uint32_t bytes, std::uint32_t in_flight);

    const Statistics& statistics() const { return statistics_; }
    void count_delivered() { ++statistics_.delivered; }

  private:
    bool chance(double probability);
    std::uint64_t delay_ns();

    Quality quality_;
    std::mt19937_64 random_;
    std::uint64_t line_free_ns_ = 0;  // when the last bit before this packet has been sent
    std::uint64_t last_due_ns_ = 0;
    Statistics statistics_;
};

}  // namespace skerry::linkem
