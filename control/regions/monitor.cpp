#include "control/regions/monitor.hpp"

#include <rte_cycles.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "dataplane/load/to_region_load.hpp"
#include "dataplane/wire/cookie.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::regions {
namespace {

// Whatever a region says: scores are sums of these.
constexpr std::uint32_t kLongestReported_us = 600'000'000;
constexpr std::uint32_t kSlowestReported_permille = 100'000;
// As long as a probe is out there is no other: a region that comes back is not found before.
constexpr std::uint64_t kLongestPatience_us = 4'000'000;
// After a probe with a digest was lost: a second, then two, at last eight.
constexpr std::uint64_t kDigestPause_us = 500'000;
constexpr std::uint32_t kMostDigestsLost = 4;

std::uint64_t sum(const Shared& shared, std::uint32_t region, Counter RegionCounters::*member) {
    std::uint64_t total = 0;
    for (std::uint32_t core = 0; core < shared.server.core_count; ++core)
        total += (shared.counters[core]->regions[region].*member).get();
    return total;
}

}  // namespace

Monitor::Monitor(Shared& shared, std::uint32_t region_count, MonitorLimits limits,
                 std::uint64_t seed, DigestBook* digests)
    : shared_(shared), limits_(std::move(limits)), digests_(digests), random_(seed) {
    SKERRY_CHECK(region_count <= kMaxRegions);
    for (std::uint32_t i = 0; i < region_count; ++i) regions_.emplace_back(limits_.health);
    limits_.weight_percent.resize(region_count, 100);
}

std::uint64_t Monitor::step(std::uint64_t now_us) {
    take_results(now_us);
    std::uint64_t next_us = now_us + limits_.period_us;
    for (std::uint32_t i = 0; i < regions_.size(); ++i) {
        Region& region = regions_[i];
        take_passive(i, now_us);
        if (region.token != 0 && now_us - region.sent_us >= patience_us(region)) {
            give_up_probe(region, now_us);
            note(region, region.health.on_failure(now_us), &Standing::ejections);
        }
        if (region.token == 0 && now_us >= region.due_us) probe(i, now_us);
        next_us = std::min(
            next_us, region.token == 0 ? region.due_us : region.sent_us + patience_us(region));
    }
    eject_outliers(now_us);
    look_for_panic(now_us);
    for (std::uint32_t i = 0; i < regions_.size(); ++i) write_numbers(i, now_us);
    return std::max(next_us, now_us + 1000);
}

// How long a probe may take: longer with each one that was in vain. An answer that comes after it
// teaches nothing, so without that a region whose way became longer would stay out for ever. While
// none was in vain it is kept short of the time in which numbers go stale: no other probe is out
// meanwhile, and one that is lost must not take a healthy region away.
std::uint64_t Monitor::patience_us(const Region& region) const {
    const Health& health = region.health;
    const std::uint64_t expected_us =
        health.measured() ? health.rtt_us() + 4ull * health.rtt_variation_us() : 0;
    const std::uint64_t enough_us =
        std::max<std::uint64_t>(limits_.fresh_us / 3, health.rtt_us() * 3ull / 2);
    const std::uint64_t usual_us =
        std::max(limits_.period_us, std::min(2 * expected_us, enough_us));
    const std::uint64_t longest_us = std::max(kLongestPatience_us, limits_.period_us << 3);
    return std::min(usual_us << std::min(health.consecutive_failures(), 3u), longest_us);
}

void Monitor::probe(std::uint32_t index, std::uint64_t now_us) {
    Region& region = regions_[index];
    // Who can name a probe can answer it: no counter, and nothing that follows from what we tell.
    const auto& key = shared_.server.forward_key;
    const std::uint64_t token =
        wire::siphash({key[0], key[1]}, ++probes_, index, ~std::uint64_t{0}) | 1;
    ProbeCommand command{.token = token,
                         .region = index,
                         .payload_bytes = region.longer ? std::uint32_t{sizeof(wire::ProbePayload)}
                                                        : wire::kFirstProbeBytes,
                         .cookie = region.cookie};
    add_digest(index, now_us, command);
    region.probe_bytes = command.payload_bytes;
    region.due_us = now_us + limits_.period_us * (800 + random_() % 401) / 1000;
    if (rte_ring_enqueue_elem(shared_.probe_commands[0], const_cast<ProbeCommand*>(&command),
                              sizeof command) != 0)
        return;  // core 0 is far behind: no news about the region
    region.token = token;
    region.sent_us = now_us;
    ++region.last.probes_sent;
    const std::uint64_t one = 1;
    if (shared_.kick_fd[0] >= 0 && write(shared_.kick_fd[0], &one, sizeof one) < 0) return;
}

void Monitor::give_up_probe(Region& region, std::uint64_t now_us) {
    region.token = 0;
    region.longer = false;  // an older server may have taken its place
    region.digest_entries = 0;
    if (wire::digest_room(region.probe_bytes) < 0) return;
    region.digests_lost = std::min(region.digests_lost + 1, kMostDigestsLost);
    region.digest_from_us = now_us + (kDigestPause_us << region.digests_lost);
}

// Of those that answer, the one that is nearest gets our requests where nothing else counts.
bool Monitor::is_nearest(std::uint32_t index, std::uint64_t now_us) const {
    const auto at_us = [this](std::uint32_t i) {
        return std::pair{regions_[i].health.rtt_us(), i};
    };
    for (std::uint32_t i = 0; i < regions_.size(); ++i)
        if (i != index && regions_[i].fresh_until_us > now_us && regions_[i].health.measured() &&
            at_us(i) < at_us(index))
            return false;
    return regions_[index].health.measured();
}

void Monitor::add_digest(std::uint32_t index, std::uint64_t now_us, ProbeCommand& command) {
    const Region& region = regions_[index];
    if (digests_ == nullptr || region.digest_entries == 0 || !region.longer ||
        now_us < region.digest_from_us)
        return;
    digests_->ask(index, region.digest_entries, now_us, command);
    command.nearest = is_nearest(index, now_us) ? 1 : 0;
    command.payload_bytes = wire::probe_bytes(command.key_count);
}

// A short probe's answer has no room for a word of warmth, so that it has none means nothing; but
// that of a server which understands no longer ones.
void Monitor::take_digest(std::uint32_t index, const ProbeResult& result, std::uint64_t now_us) {
    Region& region = regions_[index];
    const bool has_room = region.probe_bytes >= sizeof(wire::ProbePayload);
    if (!has_room && result.longer != 0) return;
    region.digest_entries = std::min<std::uint32_t>(result.digest_entries, wire::kDigestEntriesMax);
    if (wire::digest_room(region.probe_bytes) >= 0) region.digests_lost = 0;
    if (digests_ != nullptr) digests_->take(index, result, now_us);
}

void Monitor::take_results(std::uint64_t now_us) {
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core) {
        ProbeResult result;
        while (rte_ring_dequeue_elem(shared_.probe_results[core], &result, sizeof result) == 0) {
            const auto region = std::find_if(
                regions_.begin(), regions_.end(),
                [&](const Region& r) { return r.token != 0 && r.token == result.token; });
            if (region == regions_.end()) continue;  // given up before
            region->token = 0;
            Standing& last = region->last;
            ++last.probes_answered;
            const bool restarted = last.boot_id != 0 && last.boot_id != result.boot_id;
            if (restarted) region->health.on_restart(now_us);
            const auto index = static_cast<std::uint32_t>(region - regions_.begin());
            if (restarted && digests_ != nullptr) digests_->forget(index);
            take_digest(index, result, now_us);
            if (last.boot_id != result.boot_id || last.catalog_epoch != result.catalog_epoch)
                changed_ |= std::uint64_t{1} << index;
            last.last_heard_us = now_us;
            last.boot_id = result.boot_id;
            last.catalog_epoch = result.catalog_epoch;
            take_numbers(index, result);
            keep_fresh(*region, now_us);
            region->health.on_round_trip(
                static_cast<std::uint32_t>(result.rtt_tsc * 1'000'000 / shared_.server.tsc_hz));
            region->health.on_answer(now_us);
        }
    }
}

void Monitor::take_numbers(std::uint32_t index, const ProbeResult& result) {
    Region& region = regions_[index];
    Standing& last = region.last;
    last.in_flight = result.in_flight;
    last.waiting = result.waiting;
    last.free_slots = result.free_slots;
    last.draining = result.draining != 0;
    const std::uint64_t has = std::uint64_t{result.in_flight} + result.free_slots;
    last.slots = result.slots != 0 ? result.slots : wire::saturated(has);
    last.service_us = std::min(result.service_us, kLongestReported_us);
    last.region_us = std::min(result.region_us, kLongestReported_us);
    last.slow_permille = std::clamp(result.slow_permille, 1000u, kSlowestReported_permille);
    region.cookie = result.cookie;
    region.longer = result.longer != 0;
    shared_.region_loads.write(index,
                               to_region_load({.executing = wire::saturated(result.in_flight),
                                               .waiting = wire::saturated(result.waiting),
                                               .slots = wire::saturated(last.slots),
                                               .service_us = last.service_us}));
}

void Monitor::keep_fresh(Region& region, std::uint64_t now_us) const {
    region.fresh_until_tsc = rte_rdtsc() + limits_.fresh_us * (shared_.server.tsc_hz / 1000) / 1000;
    region.fresh_until_us = now_us + limits_.fresh_us;
}

void Monitor::take_passive(std::uint32_t index, std::uint64_t now_us) {
    Region& region = regions_[index];
    const std::uint64_t answered = sum(shared_, index, &RegionCounters::answered);
    const std::uint64_t silent = sum(shared_, index, &RegionCounters::silent);
    const std::uint64_t failures = silent - region.silent_seen;
    if (failures == 0 && answered != region.answered_seen &&
        region.health.state() == Health::State::healthy) {
        // Live traffic shows that it lives as well as a probe does (M9).
        region.health.on_answer(now_us);
        keep_fresh(region, now_us);
    }
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(failures, 16); ++i)
        note(region, region.health.on_failure(now_us, may_eject()), &Standing::ejections);
    region.answered_seen = answered;
    region.silent_seen = silent;
}

void Monitor::note(Region& region, Health::Outcome outcome, std::uint64_t Standing::*counter) {
    if (outcome == Health::Outcome::ejected) ++(region.last.*counter);
    if (outcome == Health::Outcome::withheld) ++region.last.ejections_withheld;
}

bool Monitor::may_eject() const {
    const auto ejected = std::count_if(regions_.begin(), regions_.end(), [](const Region& region) {
        return region.health.state() == Health::State::ejected;
    });
    return may_eject_one_more(static_cast<std::uint32_t>(ejected),
                              static_cast<std::uint32_t>(regions_.size()),
                              limits_.outliers.max_ejected_percent);
}

// What requests came to in the interval, silence and refusals for reasons of the region's own.
void Monitor::eject_outliers(std::uint64_t now_us) {
    const bool first = outliers_due_us_ == 0;
    if (now_us < outliers_due_us_) return;
    outliers_due_us_ = now_us + limits_.outliers.interval_us;
    std::vector<Outcomes> passed(regions_.size());
    for (std::uint32_t i = 0; i < regions_.size(); ++i) {
        Region& region = regions_[i];
        const std::uint64_t silent = sum(shared_, i, &RegionCounters::silent);
        const Outcomes all{.requests = sum(shared_, i, &RegionCounters::replies) + silent,
                           .failures = sum(shared_, i, &RegionCounters::faulty) + silent};
        passed[i] = {.requests = all.requests - region.outcomes_seen.requests,
                     .failures = all.failures - region.outcomes_seen.failures,
                     .ejected = region.health.state() == Health::State::ejected};
        region.outcomes_seen = all;
    }
    if (first) return;
    for (const std::uint32_t i : outliers(passed, limits_.outliers))
        note(regions_[i], regions_[i].health.eject(now_us, may_eject()), &Standing::ejections_rate);
}

bool Monitor::is_reachable(const Region& region, std::uint64_t now_us) const {
    return region.fresh_until_us > now_us && !region.last.draining;
}

void Monitor::look_for_panic(std::uint64_t now_us) {
    std::uint32_t reachable = 0, available = 0;
    for (const Region& region : regions_) {
        if (!is_reachable(region, now_us)) continue;
        ++reachable;
        available += region.health.state() != Health::State::ejected;
    }
    panic_ = is_panic(available, reachable, limits_.outliers.panic_percent);
}

bool Monitor::in_panic(const Region& region, std::uint64_t now_us) const {
    return panic_ && is_reachable(region, now_us) &&
           region.health.state() == Health::State::ejected;
}

// What its health leaves of the operator's weight; never none of what is some.
std::uint16_t Monitor::weight_permille(std::uint32_t index, std::uint64_t now_us) {
    Region& region = regions_[index];
    const std::uint32_t share = region.last.draining       ? 0
                                : in_panic(region, now_us) ? 1000
                                                           : region.health.weight_permille(now_us);
    const std::uint32_t product = share * limits_.weight_percent[index];
    return static_cast<std::uint16_t>(product == 0 ? 0 : std::max(1u, product / 100));
}

void Monitor::write_numbers(std::uint32_t index, std::uint64_t now_us) {
    Region& region = regions_[index];
    const Standing& last = region.last;
    RegionNumbers numbers;
    numbers.rtt_us = region.health.rtt_us();
    numbers.rtt_variation_us = region.health.rtt_variation_us();
    numbers.weight_permille = weight_permille(index, now_us);
    numbers.slots = last.slots;
    numbers.service_us = last.service_us != 0 ? last.service_us : kUnknownService_us;
    numbers.region_us = last.region_us != 0 ? last.region_us : numbers.service_us;
    numbers.slow_permille = last.slow_permille;
    numbers.cookie = region.cookie;
    numbers.fresh_until_tsc = region.fresh_until_tsc;
    shared_.region_numbers[index].write(numbers);
}

std::uint64_t Monitor::take_changed() {
    const std::uint64_t changed = changed_;
    changed_ = 0;
    return changed;
}

Standing Monitor::standing(std::uint32_t index, std::uint64_t now_us) {
    Region& region = regions_[index];
    Standing standing = region.last;
    standing.state = region.health.state();
    standing.weight_permille = weight_permille(index, now_us);
    standing.rtt_us = region.health.rtt_us();
    standing.rtt_variation_us = region.health.rtt_variation_us();
    standing.consecutive_failures = region.health.consecutive_failures();
    if (standing.state == Health::State::ejected && region.health.ejected_until_us() > now_us)
        standing.ejected_for_us = region.health.ejected_until_us() - now_us;
    standing.in_panic = in_panic(region, now_us);
    standing.fresh = region.fresh_until_tsc > rte_rdtsc();
    return standing;
}

}  // namespace skerry::regions
