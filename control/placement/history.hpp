// How the workers of one function version started, and how they ended: for `describe` and metrics.
// Control thread, under the control lock.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "control/placement/start_phases.hpp"
#include "sandbox/warden/client.hpp"

namespace skerry::placement {

class History {
  public:
    static constexpr std::size_t kKept = 64;

    void started(const StartPhases& phases, Way way);
    // Of a worker; see kPhaseNames.
    void first_answer(std::uint32_t took_us);
    void cold_answer(std::uint32_t took_us);
    // One that was ended for its invocation's CPU time.
    void over_cpu() { ++over_cpu_; }
    // One that ended without being told to.
    void crashed(const warden::Event& event);

    StartSummary starts() const;
    std::uint64_t crashed() const { return crashed_; }
    std::uint64_t cpu_limit() const { return over_cpu_; }
    std::uint64_t out_of_memory() const { return out_of_memory_; }
    // By the name of the system call that they made against their policy.
    const std::map<std::string, std::uint64_t>& denied() const { return denied_; }

  private:
    std::array<StartPhases, kKept> kept_{};
    std::uint64_t starts_ = 0;
    std::array<std::uint64_t, kWayNames.size()> ways_{};
    struct Answers {
        std::array<std::uint32_t, kKept> kept_us{};
        std::uint64_t count = 0;

        void add(std::uint32_t took_us) { kept_us[count++ % kKept] = took_us; }
        PhaseSummary summary() const;
    };
    Answers first_answers_, cold_answers_;
    std::uint64_t over_cpu_ = 0;
    std::uint64_t crashed_ = 0, out_of_memory_ = 0;
    std::map<std::string, std::uint64_t> denied_;
};

// The system call that the worker was ended for; empty: for none.
std::string denied_name(const warden::Event& event);
// `name`, or "other" when there are too many of them.
std::string bounded_name(const std::map<std::string, std::uint64_t>& counted,
                         const std::string& name);
// Why a worker ended, as a function's developer understands it.
std::string why_ended(const warden::Event& event, std::uint32_t memory_mib);

}  // namespace skerry::placement
