// How long executions take here of late, and how much longer than they usually do: from the cores'
// counters into Shared::own_load, which replies and probes tell (docs/protocol.md, "Load").
//
// Usual is each function's own mean over its last thousand executions or so; of late are the last
// thirty-two of the server, whatever their functions. So one slow function does not make a region
// slow, and a region that all functions are slower in does. What is usual follows what is, so that
// a region that stays slow is usual after a thousand executions. Control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/shared.hpp"

namespace skerry {

class OwnLoadMeter {
  public:
    static constexpr double kRunsOfLate = 32;
    static constexpr double kRunsUsual = 1024;
    // With fewer of them nobody knows what a function usually takes.
    static constexpr double kRunsToKnow = 32;
    // Nothing runs: slow is forgotten, or nobody would find out that it is over.
    static constexpr double kForget_s = 10;

    explicit OwnLoadMeter(Shared& shared) : shared_(shared) {}

    // `functions`: their indices. Call about ten times a second.
    void step(std::span<const std::uint32_t> functions, std::uint64_t now_us);
    // An index begins to stand for another function.
    void reset(std::uint32_t function);

  private:
    struct Function {
        std::uint64_t count = 0, us = 0;  // seen
        double runs = 0, usual_us = 0;
    };
    struct Sums {
        std::uint64_t count = 0, us = 0;
    };
    Sums executions(std::uint32_t function) const;
    void take(Function& known, const Sums& fresh);
    void publish();

    Shared& shared_;
    std::array<Function, kFunctionRows> functions_{};
    double service_us_ = 0, wait_us_ = 0, slow_ = 1;
    std::uint64_t waited_us_ = 0;  // seen
    std::uint64_t last_us_ = 0;
};

}  // namespace skerry
