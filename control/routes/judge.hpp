// What a regular expression would cost, measured before it is taken. Control thread; a few
// milliseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/routes/databases.hpp"

namespace skerry::routes {

struct Costs {
    std::uint64_t database_bytes = 0;
    std::uint64_t longest_ns = 0;  // for the worst of the samples, each of kSampleBytes
};
inline constexpr std::size_t kSampleBytes = 1024;

enum class Judgement : std::uint8_t { fine, heavy, refused };
struct Verdict {
    Judgement judgement = Judgement::fine;
    Costs costs;
    std::string text = {};  // why it is not fine: Hyperscan's reason, or what was measured
    std::int32_t at = -1;
};

// More than the first of each pair is said; more than the second is refused.
struct CostLimits {
    std::uint64_t heavy_bytes = 64 << 10, refused_bytes = 1 << 20;
    std::uint64_t heavy_ns = 20'000, refused_ns = 200'000;
};

Verdict judge(std::string_view expression, const CostLimits& limits = {}, Form form = Form::whole);
// Alone: the measuring, of an expression that Hyperscan takes; and what is made of it.
Costs measure(std::string_view expression, Form form = Form::whole);
Verdict judge_costs(const Costs& costs, const CostLimits& limits);

}  // namespace skerry::routes
