// skerry-bench-select: what choosing a region costs, in whole bursts: prepare() once, then a choice
// for each of 32 requests of different functions, whose rows are not in the innermost cache.
//
// Prints one JSON object: nanoseconds per request, by policy and number of regions; the least of
// many rounds, as the machine is shared.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <vector>

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
        std::printf("\"row/%u\": %.2f%s", count, table.ns_per_row(), count == 32 ? "}\n" : ", ");
    }
}
