#include "control/placement/history.hpp"

#include <algorithm>
#include <csignal>
#include <vector>

namespace skerry::placement {
namespace {

constexpr std::array<std::uint32_t StartPhases::*, kFirstAnswerPhase> kFields = {
    &StartPhases::queue_us,    &StartPhases::namespaces_us, &StartPhases::mounts_us,
    &StartPhases::identity_us, &StartPhases::exec_us,       &StartPhases::init_us,
    &StartPhases::total_us};

PhaseSummary summary_of(std::vector<std::uint32_t>& values) {
    if (values.empty()) return {};
    std::sort(values.begin(), values.end());
    const std::size_t last = values.size() - 1;
    return {values[last / 2], values[last * 99 / 100]};
}

// "nr4711": a number that no kernel gives a call, so the worker's own choice. "nr452" is a call
// that is newer than its names.
bool is_made_up(const std::string& call) {
    const auto at = call.rfind("nr");
    return at != std::string::npos && call.size() - at > 5 &&
           call.find_first_not_of("0123456789", at + 2) == std::string::npos;
}

}  // namespace

void History::started(const StartPhases& phases, Way way) {
    ++ways_[static_cast<std::size_t>(way)];
    kept_[starts_++ % kKept] = phases;
}

void History::first_answer(std::uint32_t took_us) {
    first_answers_.add(took_us);
}

void History::cold_answer(std::uint32_t took_us) {
    cold_answers_.add(took_us);
}

PhaseSummary History::Answers::summary() const {
    const auto end =
        kept_us.begin() + static_cast<std::ptrdiff_t>(std::min(count, std::uint64_t{kKept}));
    std::vector<std::uint32_t> values(kept_us.begin(), end);
    return summary_of(values);
}

void History::crashed(const warden::Event& event) {
    ++crashed_;
    if (event.out_of_memory) ++out_of_memory_;
    if (const std::string call = denied_name(event); !call.empty())
        ++denied_[bounded_name(denied_, call)];
}

StartSummary History::starts() const {
    StartSummary summary;
    summary.starts = starts_;
    summary.ways = ways_;
    const std::size_t count = std::min<std::uint64_t>(starts_, kKept);
    std::vector<std::uint32_t> values(count);
    for (std::size_t phase = 0; phase < kFields.size(); ++phase) {
        for (std::size_t i = 0; i < count; ++i) values[i] = kept_[i].*kFields[phase];
        summary.phases[phase] = summary_of(values);
    }
    summary.phases[kFirstAnswerPhase] = first_answers_.summary();
    summary.phases[kColdAnswerPhase] = cold_answers_.summary();
    return summary;
}

std::string denied_name(const warden::Event& event) {
    if (!event.denied_call.empty()) return event.denied_call;
    return event.signal == SIGSYS ? "unknown" : "";
}

std::string bounded_name(const std::map<std::string, std::uint64_t>& counted,
                         const std::string& name) {
    const bool room = counted.size() < kMaxDeniedNames && !is_made_up(name);
    return room || counted.count(name) != 0 ? name : "other";
}

std::string why_ended(const warden::Event& event, std::uint32_t memory_mib) {
    if (event.out_of_memory)
        return "the worker needed more memory than its " + std::to_string(memory_mib) +
               " MiB, and was ended for it";
    const std::string call = denied_name(event);
    if (call == "unknown") return "the worker made a system call which its policy does not allow";
    if (!call.empty())
        return "the worker made the system call " + call + ", which its policy does not allow";
    if (event.signal != 0) return "the worker was ended by signal " + std::to_string(event.signal);
    return "the worker exited with code " + std::to_string(event.exit_code);
}

}  // namespace skerry::placement
