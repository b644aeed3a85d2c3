// Whether an invocation of one worker has used more CPU time than its function allows.
//
// Cores only tell that a slot was taken or left (CpuMarks); what was used is measured here, a
// sample every kPeriod_us, while an invocation is in hand. It counts from the first sample that
// sees the invocation, so it is never charged with what came before it, and is over when a later
// sample sees it beyond the limit: it may use at most what two periods on all of the worker's CPUs
// come to above its limit. With several in hand, what the worker uses counts for each of them: the
// oldest is over first, and the worker ends with it.
//
// Control thread only, while the channel lives.
#pragma once

#include <cstdint>

#include "dataplane/dispatch/channel.hpp"
#include "sandbox/cgroup/cpu_meter.hpp"

namespace skerry::placement {

class CpuWatch {
  public:
    static constexpr std::uint64_t kPeriod_us = 10'000;

    explicit CpuWatch(cgroup::CpuMeter meter) : meter_(std::move(meter)) {}

    // Takes a sample, and tells the cores through Channel::cpu. True: it has told something
    // new. No system call while nothing is in hand.
    bool look(Channel& channel);

  private:
    cgroup::CpuMeter meter_;
    CpuSamples samples_;
};

}  // namespace skerry::placement
