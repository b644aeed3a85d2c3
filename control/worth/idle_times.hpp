// How long a function is usually left alone between two requests, and from that: how long an idle
// worker is kept, and when one is started ahead of the next request.
//
// The histogram policy of Shahrad et al., "Serverless in the Wild" (USENIX ATC 2020), section 4.2:
// the head of the distribution (5th percentile) says how long nothing will come, its tail (99th) by
// when something has come. Where the histogram says too little (few gaps, or spread over anything:
// the coefficient of variation of its bins is below 2) the server's own time-out holds. Ours
// differs in its bins, which grow by a quarter octave instead of being a minute each, so that
// 128 bytes reach from a second to over four hours; and in that gaps below a second are not
// counted: nobody's worker ends in one.
//
// Times passed in. One thread.
#pragma once

#include <array>
#include <cstdint>

namespace skerry::worth {

struct KeepAlive {
    bool learned = false;
    std::uint64_t keep_us = 0;  // an idle worker that is not kept for its worth lives so long
    // Since the last request: when a worker should be there again, and until when. 0: it stays
    // anyway, or nobody knows.
    std::uint64_t from_us = 0, until_us = 0;
};

class IdleTimes {
  public:
    static constexpr std::size_t kBins = 56;
    static constexpr std::uint32_t kGapsToKnow = 10;
    static constexpr std::uint32_t kGapsRemembered = 512;  // then all counts are halved
    static constexpr std::uint64_t kShortest_us = 1'000'000;

    // Requests have come, the last of them about now. True: that says something new of its habits.
    bool asked(std::uint64_t now_us);
    std::uint64_t last_us() const { return last_us_; }  // 0: never

    // `usual_us`: the server's idle time-out; `most_us`: an idle worker never lives longer.
    KeepAlive keep_alive(std::uint64_t usual_us, std::uint64_t most_us) const;

  private:
    // The bin in which so large a part of the gaps is reached.
    std::size_t bin_at(double part) const;
    bool is_telling() const;

    std::array<std::uint16_t, kBins> gaps_{};
    std::uint32_t count_ = 0, beyond_ = 0;  // longer than all bins
    std::uint64_t last_us_ = 0;
};

// The next request is due: a worker should be there for it.
bool is_due(const KeepAlive& keep, std::uint64_t last_us, std::uint64_t now_us);

}  // namespace skerry::worth
