// skerry-bench-select: what choosing a region costs, in whole bursts: prepare() once, then a choice
// for each of 32 requests of different functions, whose rows are not in the innermost cache. And
// "decision": the same from what the control thread has written to what decide() returns, as a core
// does it, with the default policy.
//
// Prints one JSON object: nanoseconds per request, by policy and number of regions; the least of
// many rounds, as the machine is shared.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/decide/decide.hpp"
#include "dataplane/decide/lane.hpp"
#include "dataplane/select/select.hpp"
#include "dataplane/select/warmth.hpp"

namespace {

using namespace skerry::select;
constexpr std::uint32_t kBurst = 32;
constexpr std::uint32_t kBursts = 2000;
constexpr std::uint32_t kFunctions = 1024;

struct Table {
    Candidates regions;
    std::vector<Column<std::int32_t>> rows;
    std::vector<Function> functions;
    std::mt19937_64 random{1};

    explicit Table(std::uint32_t count) : rows(kFunctions), functions(kFunctions) {
        regions.count = count;
        for (std::uint32_t r = 0; r < count; ++r) {
            regions.id[r] = static_cast<std::uint32_t>(random());
            regions.rtt_us[r] = static_cast<std::int32_t>(5'000 + random() % 200'000);
            regions.response_us[r] = regions.rtt_us[r] + 20'000;
            regions.region_us[r] = regions.service_us[r] = 20'000;
            regions.in_flight[r] = static_cast<std::int32_t>(random() % 100);
            regions.weight_permille[r] = 1000;
            regions.fresh_until_ms[r] = 1'000'000;
            regions.max_payload_bytes[r] = 1400;
        }
        for (std::uint32_t f = 0; f < kFunctions; ++f) {
            for (std::uint32_t r = 0; r < count; ++r)
                rows[f][r] = static_cast<std::int32_t>(random() % 250'000);
            functions[f] = {.key = random(),
                            .allowed = (std::uint64_t{1} << count) - 1,
                            .cold_us = rows[f].data(),
                            .explore = f % 16 == 0};
        }
    }

    double ns_per_choice(Policy policy) {
        const Settings settings{.policy = policy};
        double best = 1e9;
        std::uint64_t sum = 0;
        for (int round = 0; round < 30; ++round) {
            const auto start = std::chrono::steady_clock::now();
            std::uint64_t seed = static_cast<std::uint64_t>(round) + 1;
            for (std::uint32_t b = 0; b < kBursts; ++b) {
                regions.in_flight[b % regions.count] ^= 1;
                prepare(regions);
                for (std::uint32_t i = 0; i < kBurst; ++i) {
                    seed = seed * 0xd6e8feb86659fd93ull + 12345;
                    const Now now{.now_ms = 1000,
                                  .deadline_us = 1'000'000,
                                  .payload_bytes = 100,
                                  .random = seed};
                    sum +=
                        select_region(settings, functions[(seed >> 33) % kFunctions], regions, now)
                            .region;
                }
            }
            const std::chrono::duration<double, std::nano> took =
                std::chrono::steady_clock::now() - start;
            best = std::min(best, took.count() / kBursts / kBurst);
        }
        return sum == 1 ? 0 : best;
    }

    double ns_per_row() {
        WarmthView view;
        view.count = regions.count;
        view.cold_cost_us = 250'000;
        view.keep_s.fill(600);
        view.idle_s.fill(100);
        Column<std::int32_t> row;
        double best = 1e9;
        std::int64_t sum = 0;
        for (int round = 0; round < 30; ++round) {
            const auto start = std::chrono::steady_clock::now();
            for (std::uint32_t i = 0; i < 20'000; ++i) {
                view.own_rate = static_cast<float>(i) * 1e-6f;
                expected_cold_us(Warmth::stream, view, row.data());
                sum += row[i % regions.count];
            }
            const std::chrono::duration<double, std::nano> took =
                std::chrono::steady_clock::now() - start;
            best = std::min(best, took.count() / 20'000);
        }
        return sum == 1 ? 0 : best;
    }
};

// What a core reads for a burst, and decides for each of its requests.
class Decisions {
  public:
    explicit Decisions(std::uint32_t count) : regions_(count), targets_(kFunctions) {
        std::mt19937_64 random{2};
        for (std::uint32_t r = 0; r < count; ++r) {
            std::snprintf(regions_[r].name, sizeof regions_[r].name, "r%u", r);
            (*numbers_)[r].write({.rtt_us = static_cast<std::uint32_t>(5'000 + random() % 200'000),
                                  .weight_permille = 1000,
                                  .slots = 64,
                                  .service_us = 20'000,
                                  .fresh_until_tsc = 1ull << 50});
            loads_->write(r, {.in_flight = static_cast<std::uint16_t>(random() % 100)});
        }
        skerry::give_ids(regions_);
        for (std::uint32_t f = 0; f < kFunctions; ++f) {
            targets_[f].function_key = random();
            targets_[f].function = f;
            targets_[f].holders = ~0ull;
            warmth_->rate_milli[f].store(f % 16 == 0 ? 1000 : 1, SK_RELAXED);
            for (std::uint32_t r = 0; r < count; ++r)
                warmth_->expected_cold_us[f][r].store(
                    static_cast<std::uint32_t>(random() % 250'000), SK_RELAXED);
        }
    }

    double ns_per_decision() {
        double best = 1e9;
        std::uint64_t sum = 0;
        for (int round = 0; round < 30; ++round) {
            const auto start = std::chrono::steady_clock::now();
            for (std::uint32_t b = 0; b < kBursts; ++b) sum += burst();
            const std::chrono::duration<double, std::nano> took =
                std::chrono::steady_clock::now() - start;
            best = std::min(best, took.count() / kBursts / kBurst);
        }
        return sum == 1 ? 0 : best;
    }

  private:
    std::uint64_t burst() {
        const skerry::LaneClock clock{1ull << 40, 1e-6, 1000};
        skerry::read_regions(candidates_, *numbers_, *loads_, regions_, clock);
        count_own(candidates_);
        candidates_.max_payload_bytes.fill(1400);
        const skerry::LocalView local{.is_pop = true};
        std::uint64_t sum = 0;
        for (std::uint32_t i = 0; i < kBurst; ++i) {
            seed_ = seed_ * 0xd6e8feb86659fd93ull + 12345;
            const skerry::Target& target = targets_[(seed_ >> 33) % kFunctions];
            const skerry::Field field{settings_, candidates_,
                                      skerry::read_function(*warmth_, target, settings_.policy,
                                                            candidates_.count, cold_us_),
                                      clock.now_ms};
            sum += skerry::decide(target, local, field,
                                  {.deadline_us = 1'000'000, .payload_bytes = 100, .spread = seed_})
                       .region;
        }
        return sum;
    }

    Settings settings_;
    std::vector<skerry::RegionInfo> regions_;
    std::vector<skerry::Target> targets_;
    std::unique_ptr<skerry::RegionNumbersTable> numbers_ =
        std::make_unique<skerry::RegionNumbersTable>();
    std::unique_ptr<skerry::RegionLoads> loads_ = std::make_unique<skerry::RegionLoads>();
    std::unique_ptr<skerry::WarmthTable> warmth_ = std::make_unique<skerry::WarmthTable>();
    Candidates candidates_;
    Column<std::int32_t> cold_us_{};
    std::uint64_t seed_ = 1;
};

}  // namespace

int main() {
    std::printf("{");
    for (const std::uint32_t count : {3u, 32u}) {
        Table table(count);
        for (std::uint32_t p = 0; p < kPolicies; ++p) {
            const auto policy = static_cast<Policy>(p);
            const auto text = name(policy);
            std::printf("\"%.*s/%u\": %.2f, ", static_cast<int>(text.size()), text.data(), count,
                        table.ns_per_choice(policy));
        }
        std::printf("\"decision/%u\": %.2f, ", count, Decisions(count).ns_per_decision());
        std::printf("\"row/%u\": %.2f%s", count, table.ns_per_row(), count == 32 ? "}\n" : ", ");
    }
}
