#include "control/regions/digest_book.hpp"

#include <algorithm>
#include <functional>

namespace skerry::regions {
namespace {

// Two clocks look at two ends of the way, so what a region reports of our own requests differs from
// what we have counted. What is less than this beside it is no others'.
constexpr float kOwnNoise = 0.05f;
// Whatever regions say: sums are made of these.
constexpr std::uint64_t kMostCatchment_milli = 100'000'000'000;
constexpr std::uint32_t kLongestKeep_ms = 24 * 3'600'000;

}  // namespace

DigestBook::DigestBook(std::uint32_t region_count, double keep_alive_s)
    : region_count_(region_count),
      keep_alive_s_(keep_alive_s),
      heard_(std::size_t{kFunctionRows} * region_count),
      due_us_(heard_.size()),
      regions_(region_count),
      asked_(region_count),
      used_us_(kFunctionRows),
      keys_(kFunctionRows) {}

void DigestBook::track(std::span<const Tracked> functions, double arrivals_per_s) {
    tracked_.assign(functions.begin(), functions.end());
    for (const Tracked& tracked : tracked_) keys_[tracked.function] = tracked.key;
    arrivals_per_s_ = arrivals_per_s;
}

void DigestBook::reset(std::uint32_t function) {
    used_us_[function] = 0;
    keys_[function] = 0;
    for (std::uint32_t r = 0; r < region_count_; ++r) {
        at(function, r) = {};
        due_us_[function * region_count_ + r] = 0;
    }
}

void DigestBook::ask(std::uint32_t region, std::uint32_t most, std::uint64_t now_us,
                     ProbeCommand& command) {
    command.rate_milli = static_cast<std::uint64_t>(std::min(arrivals_per_s_ * 1000.0, 1e15));
    const auto recent_us = static_cast<std::uint64_t>(keep_alive_s_ * 1e6);
    turns_.clear();
    for (const Tracked& tracked : tracked_) {
        const std::uint32_t f = tracked.function;
        if (!tracked.goes_out) continue;
        const bool recent = used_us_[f] != 0 && now_us - used_us_[f] < recent_us;
        const std::uint64_t age_us = now_us - due_us_[f * region_count_ + region];
        const std::uint64_t turn = age_us * (recent ? kUsedCounts : 1);
        if (turn >= kRareAgain_us) turns_.emplace_back(turn, f);
    }
    const auto room = std::min<std::size_t>({most, wire::kDigestEntriesMax, turns_.size()});
    std::partial_sort(turns_.begin(), turns_.begin() + static_cast<std::ptrdiff_t>(room),
                      turns_.end(), std::greater<>{});
    Asked& asked = asked_[region];
    asked.count = static_cast<std::uint32_t>(room);
    command.key_count = asked.count;
    for (std::uint32_t i = 0; i < asked.count; ++i) {
        const std::uint32_t f = turns_[i].second;
        asked.functions[i] = f;
        command.keys[i] = keys_[f];
        due_us_[f * region_count_ + region] = now_us;
    }
}

void DigestBook::take(std::uint32_t region, const ProbeResult& result, std::uint64_t now_us) {
    if (result.digest_entries == 0) {
        if (regions_[region].heard_us != 0) forget(region);
        regions_[region].mute_us = now_us;
        return;
    }
    Region& told = regions_[region];
    told.heard_us = now_us;
    told.mute_us = 0;
    told.keep_ms = std::min(result.keep_ms, kLongestKeep_ms);
    told.crowding_permille = std::min<std::uint16_t>(result.crowding_permille, 1000);
    told.catchment_milli = std::min(result.catchment_milli, kMostCatchment_milli);
    Asked& asked = asked_[region];
    const auto count = std::min<std::uint64_t>(result.entry_count, wire::kDigestEntriesMax);
    for (std::uint32_t i = 0; i < count; ++i) {
        const wire::DigestEntry& entry = result.entries[i];
        // In the place where it was asked for: another function may have its index by now.
        if (i >= asked.count || entry.key.get() != keys_[asked.functions[i]]) {
            ++told.unasked;
            continue;
        }
        Heard& heard = at(asked.functions[i], region);
        heard.warmth = wire::unpack_warmth(entry.warmth.get());
        heard.heard_us = now_us;
        heard.fresh = true;
    }
    asked.count = 0;
}

void DigestBook::forget(std::uint32_t region) {
    regions_[region] = {.unasked = regions_[region].unasked};
    asked_[region].count = 0;
    for (std::uint32_t f = 0; f < kFunctionRows; ++f) at(f, region) = {};
}

void DigestBook::fade(std::uint32_t function, float decay) {
    for (std::uint32_t r = 0; r < region_count_; ++r) at(function, r).others_per_s *= decay;
}

void DigestBook::read_regions(std::uint64_t now_us, select::WarmthView& view) const {
    std::uint64_t world_milli = 0;
    bool whole = true;
    for (const Region& region : regions_) {
        if (region.is_fresh(now_us)) world_milli += region.catchment_milli;
        if (region.mute_us != 0 && now_us - region.mute_us < kStale_us) whole = false;
    }
    for (std::uint32_t r = 0; r < region_count_; ++r) {
        const Region& region = regions_[r];
        const bool fresh = region.is_fresh(now_us);
        view.keep_s[r] = fresh && region.keep_ms != 0 ? static_cast<float>(region.keep_ms) * 1e-3f
                                                      : static_cast<float>(keep_alive_s_);
        view.crowding[r] = fresh ? static_cast<float>(region.crowding_permille) * 1e-3f : 0.0f;
        // While one answers and does not say, nobody knows the whole. Those that don't answer have
        // no catchment: POPs that can't reach them are nearest to others.
        view.catchment[r] =
            fresh && whole && world_milli != 0
                ? static_cast<float>(region.catchment_milli) / static_cast<float>(world_milli)
                : 0.0f;
    }
}

// Since the function was used there, by whomever. What the region says holds for the instant in
// which it said it; what we have sent since it does not know yet.
float DigestBook::idle_s(const Heard& heard, float keep_s, std::uint64_t now_us,
                         std::uint64_t sent_us) const {
    const float ours_s =
        sent_us == 0 ? select::kNeverUsed_s : static_cast<float>(now_us - sent_us) * 1e-6f;
    if (heard.heard_us == 0 || heard.warmth.state == wire::WarmState::unknown) return ours_s;
    const float age_s = static_cast<float>(now_us - heard.heard_us) * 1e-6f;
    if (heard.warmth.state == wire::WarmState::cold)
        return sent_us > heard.heard_us ? ours_s : select::kNeverUsed_s;
    const float idle_s = static_cast<float>(heard.warmth.idle_ms) * 1e-3f;
    // There, though idle for longer than workers are kept: it is kept for another reason.
    return std::min(ours_s, (idle_s < keep_s ? idle_s : 0.0f) + age_s);
}

void DigestBook::read_function(std::uint32_t function, std::uint64_t now_us,
                               std::span<const float> sent_per_s,
                               std::span<const std::uint64_t> sent_us, select::WarmthView& view) {
    view.busy = 0;
    for (std::uint32_t r = 0; r < region_count_; ++r) {
        Heard& heard = at(function, r);
        if (heard.fresh) {
            const float told = static_cast<float>(heard.warmth.rate_milli) * 1e-3f;
            heard.others_per_s = std::max(0.0f, told - sent_per_s[r] * (1 + kOwnNoise));
            heard.fresh = false;
        }
        view.rate[r] = heard.others_per_s;
        view.idle_s[r] = idle_s(heard, view.keep_s[r], now_us, sent_us[r]);
        const bool busy =
            heard.warmth.state == wire::WarmState::busy && now_us - heard.heard_us < kStale_us;
        view.busy |= std::uint64_t{busy} << r;
    }
}

}  // namespace skerry::regions
